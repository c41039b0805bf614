// A live object of the name that we are about to write, and not in our inventory: whether it becomes ours.

import type { AgentPolicy } from "@muster/proto/model/bundle";
import { canonicalJson } from "@muster/proto/model/canonical";
import { showIdentity, type AppKey, type ObjectIdentity } from "@muster/proto/model/identity";
import { isJsonObject, type JsonObject, type JsonValue } from "@muster/proto/model/json";

import { ownerOf } from "./marks.ts";

export type Adoption =
  | { readonly kind: "take"; readonly origin: "created" | "adopted" }
  | { readonly kind: "refuse"; readonly reason: "Exists" | "OwnedByOther"; readonly message: string };

export type AdoptionInput = {
  readonly identity: ObjectIdentity;
  readonly live: JsonObject;
  readonly declared: JsonObject;
  readonly fleet: string;
  readonly app: AppKey;
  readonly adopt: AgentPolicy["adopt"];
  /** True when an App of this cluster still has the object: it cannot be moved here. */
  readonly isHeldBy: (app: AppKey) => boolean;
};

const diffShownMax = 5;

export function judgeExisting(input: AdoptionInput): Adoption {
  const owner = ownerOf(input.live);
  const name = showIdentity(input.identity);
  switch (owner.kind) {
    case "muster":
      // Ours by its mark (the inventory was lost), or moved here from an App that no longer has it.
      if (owner.fleet === input.fleet && (owner.app === input.app || !input.isHeldBy(owner.app)))
        return { kind: "take", origin: "created" };
      return { kind: "refuse", reason: "OwnedByOther", message: `${name} belongs to App ${owner.app} of fleet ${owner.fleet}` };
    case "other":
      if (input.adopt === "force") return { kind: "take", origin: "adopted" };
      return { kind: "refuse", reason: "OwnedByOther", message: `${name} belongs to ${owner.by}` };
    case "none":
      return judgeUnmarked(input, name);
  }
}

function judgeUnmarked(input: AdoptionInput, name: string): Adoption {
  if (input.adopt === "yes" || input.adopt === "force") return { kind: "take", origin: "adopted" };
  const differing = differingFields(input.declared, input.live);
  if (input.adopt === "identical" && differing.length === 0) return { kind: "take", origin: "adopted" };
  const shown = differing.slice(0, diffShownMax).join(", ");
  const more = differing.length > diffShownMax ? ` and ${differing.length - diffShownMax} more` : "";
  const diff = differing.length === 0 ? "it is equal to what is declared" : `it differs in ${shown}${more}`;
  return { kind: "refuse", reason: "Exists", message: `${name} is there already and not ours; ${diff}` };
}

/** JSON pointers of declared fields that a live object does not have, or has with another value. Values are never shown. */
export function differingFields(declared: JsonValue, live: JsonValue | undefined, at = ""): readonly string[] {
  if (isJsonObject(declared)) {
    if (!isJsonObject(live)) return [at || "/"];
    return Object.entries(declared).flatMap(([key, value]) =>
      differingFields(value, Object.hasOwn(live, key) ? live[key] : undefined, `${at}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`),
    );
  }
  if (Array.isArray(declared)) {
    const items = declared as readonly JsonValue[];
    if (!Array.isArray(live) || (live as readonly JsonValue[]).length !== items.length) return [at];
    return items.flatMap((item, index) => differingFields(item, (live as readonly JsonValue[])[index], `${at}/${index}`));
  }
  return live !== undefined && canonicalJson(declared) === canonicalJson(live) ? [] : [at];
}
