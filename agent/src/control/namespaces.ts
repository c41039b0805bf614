// The namespace that an App's policy asks for. It is made when it is missing, is nobody's object in the inventory, and is never deleted.

import type { AgentPolicy } from "@muster/proto/model/bundle";

import type { Site } from "./site.ts";

/** Makes the namespace when the policy says so. True when it is there (or on its way) afterwards. Throws when that is not known. */
export async function ensureNamespace(site: Site, policy: AgentPolicy, namespace: string): Promise<boolean> {
  if (!policy.createNamespace || policy.namespace !== namespace || namespace === "") return false;
  return site.turns.run(`namespace ${namespace}`, async () => {
    const id = { group: "", kind: "Namespace", namespace: "", name: namespace };
    if ((await site.kube.get(id, { metadataOnly: true })).kind === "found") return true;
    const made = await site.kube.create({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } });
    if (made.kind === "applied") site.log.info({ object: namespace }, "made a namespace");
    else if (made.retry !== "raced") site.log.warn({ object: namespace, reason: made.message }, "cannot make a namespace");
    return made.kind === "applied" || made.retry === "raced";
  });
}
