// Container images in objects: every `image` with text, at any depth, so that custom resources with pod templates count too; and what a
// person means by the name of one.

import { identityKey } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";
import type { Declared } from "../../view/difference.ts";

/** Kinds whose content is data and no specification. */
const dataKinds: ReadonlySet<string> = new Set(["ConfigMap", "Secret", "CustomResourceDefinition"]);

/** Sorted, each once. */
export function imagesIn(objects: readonly Declared[]): readonly string[] {
  return [...new Set(objects.flatMap(({ identity, object }) => (dataKinds.has(identity.kind) ? [] : found(object))))].toSorted();
}

/** Images by object and container: what two environments can be compared by. */
export function imagesByPlace(objects: readonly Declared[]): JsonObject {
  const out: [string, JsonValue][] = [];
  for (const { identity, object } of objects) {
    const images = dataKinds.has(identity.kind) ? [] : found(object);
    if (images.length > 0) out.push([identityKey(identity), images]);
  }
  return Object.fromEntries(out);
}

function found(value: JsonValue): string[] {
  if (Array.isArray(value)) return (value as readonly JsonValue[]).flatMap(found);
  if (!isJsonObject(value)) return [];
  return Object.entries(value).flatMap(([key, item]) =>
    key === "image" && typeof item === "string" && item !== "" ? [item] : found(item),
  );
}

export type ImageQuery = { readonly parts: readonly string[]; readonly tag: string | null; readonly digest: string | null };

/** `shop/web`, `shop/web:1.4`, `web@sha256:ab12...`, `sha256:ab12...`. Null for what cannot be the name of an image. */
export function readImage(text: string): ImageQuery | null {
  const [digestAlone] = /^sha\d+:[0-9a-f]{6,}$/.exec(text) ?? [];
  if (digestAlone !== undefined) return { parts: [], tag: null, digest: digestAlone };
  const [, name = "", tag, digest] = /^([^\s@]+?)(?::([\w][\w.-]{0,127}))?(?:@(sha\d+:[0-9a-f]+))?$/.exec(text) ?? [];
  const parts = name.split("/");
  return name === "" || parts.includes("") ? null : { parts, tag: tag ?? null, digest: digest ?? null };
}

/** True when the query's path is a whole part of the image's: `shop/web` is in `registry.example/shop/web:1`, `web` is not in `webshop`. */
export function isImage(image: string, { parts, tag, digest }: ImageQuery): boolean {
  const own = readImage(image);
  if (own === null || (tag !== null && own.tag !== tag) || (digest !== null && own.digest?.startsWith(digest) !== true)) return false;
  return own.parts.some((_, i) => parts.every((part, j) => own.parts[i + j] === part) && i + parts.length <= own.parts.length);
}
