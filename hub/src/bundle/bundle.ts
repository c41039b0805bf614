// Puts one cluster's Bundle together: sorted, canonical, ready to be signed. Whether it has to be signed at all is told by its content.

import {
  appsText,
  bundleContentDigest,
  bundleDigest,
  bundleSchema,
  bundleText,
  type Bundle,
  type BundleApp,
  type RevisionVector,
  type Tombstone,
} from "@muster/proto/model/bundle";
import { byCodeUnits } from "@muster/proto/model/canonical";
import type { Digest } from "@muster/proto/model/digest";
import type { ClusterName } from "@muster/proto/model/identity";

/** What a cluster shall hold, before anybody signs for it. */
export type BundleContent = {
  readonly paused: boolean;
  readonly apps: readonly BundleApp[];
  readonly tombstones: readonly Tombstone[];
  readonly approvals: readonly Digest[];
};

/** Who signs, for whom, and the numbers that only rise. `issuedAt` is RFC 3339, UTC. */
export type BundleHead = {
  readonly fleet: string;
  readonly cluster: ClusterName;
  readonly clusterUid: string;
  readonly epoch: number;
  readonly signer: string;
  readonly generation: number;
  readonly issuedAt: string;
  readonly revision: RevisionVector;
};

/** Content in its one order, so that equal content has one digest. `text`: its Apps, as the Bundle has them. */
export type SettledContent = BundleContent & { readonly digest: Digest; readonly text: string };

export function settleContent(content: BundleContent): SettledContent {
  const settled = {
    paused: content.paused,
    apps: content.apps
      .map(({ app, release, policy, dependsOn }) => ({ app, release, policy, dependsOn: dependsOn.toSorted(byCodeUnits) }))
      .sort((a, b) => byCodeUnits(a.app, b.app)),
    tombstones: content.tombstones.toSorted((a, b) => byCodeUnits(a.app, b.app)),
    approvals: [...new Set(content.approvals)].toSorted(byCodeUnits),
  };
  const text = appsText(settled.apps);
  return { ...settled, text, digest: bundleContentDigest(settled, text) };
}

/** The Bundle, its canonical text (what is signed) and that text's digest. */
export function assembleBundle(
  head: BundleHead,
  content: SettledContent,
): { readonly bundle: Bundle; readonly text: string; readonly digest: Digest } {
  const { paused, apps, tombstones, approvals } = content;
  const bundle: Bundle = { schema: bundleSchema, critical: [], ...head, paused, apps, tombstones, approvals };
  const text = bundleText(bundle, content.text);
  return { bundle, text, digest: bundleDigest(text) };
}

type Numbers = { readonly epoch: number; readonly generation: number };

/**
 * The numbers of the next signature for one cluster. `record` is what this hub has signed, `reported` what the agent says it accepted.
 * An agent that has seen more than we remember means that we were restored from a copy: then its epoch moves past all that is known
 * (I3, F09). Each cluster has its own, so that nobody's word moves another's. They are durable with the bundle, before it is sent.
 */
export function nextNumbers(record: Numbers | undefined, reported: Numbers | null): Numbers & { readonly restored: boolean } {
  const known = record ?? { epoch: 1, generation: 0 };
  const told = reported ?? { epoch: 0, generation: 0 };
  const restored = told.epoch > known.epoch || (told.epoch === known.epoch && told.generation > known.generation);
  return {
    epoch: restored ? told.epoch + 1 : known.epoch,
    generation: Math.max(known.generation, told.generation) + 1,
    restored,
  };
}
