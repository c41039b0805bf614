// Which of many new objects are surely not there yet: one list of names for a kind and namespace instead of a read for each object.

import { identityKey } from "@muster/proto/model/identity";
import { isJsonObject } from "@muster/proto/model/json";

import type { KubeActions } from "../kube/kube.ts";
import type { ApplyStep } from "../plan/plan.ts";

/** From this many objects of a kind in a namespace on, a list is cheaper than reads. */
const listFrom = 8;

/** The identities of those that are absent. What is not in the answer has to be read one by one. */
export async function absentOf(kube: KubeActions, steps: readonly ApplyStep[]): Promise<ReadonlySet<string>> {
  const groups = Map.groupBy(steps, ({ identity }) => `${identity.group}|${identity.kind}|${identity.namespace}`);
  const absent = new Set<string>();
  for (const group of groups.values()) {
    const first = group[0]?.identity;
    if (first === undefined || group.length < listFrom) continue;
    const names = await namesOf(kube, first);
    if (names === null) continue;
    for (const { identity } of group) if (!names.has(identity.name)) absent.add(identityKey(identity));
  }
  return absent;
}

async function namesOf(kube: KubeActions, id: ApplyStep["identity"]): Promise<ReadonlySet<string> | null> {
  const mapping = kube.mapping(id.group, id.kind);
  if (mapping === undefined) return null;
  try {
    const { items } = await kube.list(mapping, { metadataOnly: true, ...(mapping.namespaced ? { namespace: id.namespace } : {}) });
    return new Set(items.map((item) => (isJsonObject(item["metadata"]) ? String(item["metadata"]["name"]) : "")));
  } catch {
    return null; // perhaps a list is forbidden where a read is not
  }
}
