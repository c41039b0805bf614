// What an App lays over a kustomization, written as a kustomization of its own whose only resource is the App's folder.

import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import { resolvePath } from "./paths.ts";
import { RenderFault, type KustomizeInput } from "./rendered.ts";

/** The Snapshot as it is seen from the overlay's folder in the module. */
const snapshot = "../snapshot";

/** The text of the overlay; "" when the App lays nothing over. Throws E_PATH_ESCAPE and E_KUSTOMIZE. */
export function overlayText(root: string, input: KustomizeInput | undefined): string {
  if (input === undefined) return "";
  const {
    images = [],
    patches = [],
    components = [],
    namePrefix = "",
    nameSuffix = "",
    labels = {},
    annotations = {},
    replicas = [],
  } = input;
  const fields: JsonObject = {
    ...(images.length > 0 && { images: images.map(image) }),
    ...(patches.length > 0 && { patches: patches.map((each) => patch(root, each)) }),
    ...(components.length > 0 && { components: components.map((folder) => seen(root, folder)) }),
    ...(namePrefix !== "" && { namePrefix }),
    ...(nameSuffix !== "" && { nameSuffix }),
    ...(Object.keys(labels).length > 0 && { labels: [{ pairs: labels }] }),
    ...(Object.keys(annotations).length > 0 && { commonAnnotations: annotations }),
    ...(replicas.length > 0 && { replicas }),
  };
  if (Object.keys(fields).length === 0) return "";
  const head = { apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", resources: [seen("", root)] };
  return JSON.stringify({ ...head, ...fields });
}

function seen(base: string, path: string): string {
  const resolved = resolvePath(base, path);
  if (resolved === undefined) throw new RenderFault("E_PATH_ESCAPE", "kustomize: a path leads out of the repository");
  return resolved === "" ? snapshot : `${snapshot}/${resolved}`;
}

// `[name=]newName[:tag][@digest]`, as on the command line of other tools, or Kustomize's own map.
function image(given: JsonValue): JsonValue {
  if (typeof given !== "string") return given;
  const [left, right] = given.includes("=") ? splitOnce(given, "=") : [undefined, given];
  const [named, digest] = right.includes("@") ? splitOnce(right, "@") : [right, undefined];
  const colon = named.lastIndexOf(":");
  const tagged = colon > named.lastIndexOf("/");
  const newName = tagged ? named.slice(0, colon) : named;
  return {
    name: left ?? newName,
    ...(left !== undefined && { newName }),
    ...(tagged && { newTag: named.slice(colon + 1) }),
    ...(digest !== undefined && { digest }),
  };
}

function splitOnce(text: string, sign: string): readonly [string, string] {
  const at = text.indexOf(sign);
  return [text.slice(0, at), text.slice(at + 1)];
}

// A patch may be written as text, as Kustomize's map, or with the patch itself as a map.
function patch(root: string, given: JsonValue): JsonValue {
  if (typeof given === "string") return { patch: given };
  if (!isJsonObject(given)) throw new RenderFault("E_KUSTOMIZE", "kustomize.patches: a patch is neither a text nor a map");
  const { patch: body, path, ...rest } = given;
  return {
    ...rest,
    ...(body !== undefined && { patch: typeof body === "string" ? body : JSON.stringify(body) }),
    ...(typeof path === "string" && { path: seen(root, path) }),
  };
}
