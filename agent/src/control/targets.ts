// From a bundle to what each App should be now: its pin, or the one that it is held at by a pause or by poison.

import { pinDigest, type Bundle, type BundleApp } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import { identityKey, type AppKey } from "@muster/proto/model/identity";
import type { Manifest } from "@muster/proto/model/release";

import { plainTraits, traitsOf, type Target, type Traits } from "../plan/plan.ts";
import { crashesMax, type Pin } from "./app-records.ts";
import type { Site } from "./site.ts";

/** Why an App is not taken to its pin. */
export type Hold = "Paused" | "Poison" | "Fetching";

export type Aim = {
  readonly app: AppKey;
  /** What the bundle says. */
  readonly accepted: Pin;
  /** What it is worked towards; null when there is nothing that can be. */
  readonly aim: Pin | null;
  readonly hold: Hold | null;
  readonly dependsOn: readonly AppKey[];
};

export type Targets = {
  readonly aims: readonly Aim[];
  readonly targets: readonly Target[];
  /** Identities that the accepted Releases declare. */
  readonly declared: ReadonlySet<string>;
  /** False when a manifest could not be read. */
  readonly complete: boolean;
};

/** Manifests that were read and verified, kept as long as they are named. */
export type Manifests = Map<Digest, Manifest>;

/** Reads the manifests that a bundle names; those that are damaged are reported as lost. */
export async function resolveTargets(site: Site, bundle: Bundle, known: Manifests): Promise<Targets> {
  const aims: Aim[] = [];
  const targets: Target[] = [];
  const declared = new Set<string>();
  const lost = new Set<Digest>();
  const named = new Set<Digest>();
  const read = async (release: Digest): Promise<Manifest | null> => {
    named.add(release);
    const manifest = known.get(release) ?? (await site.cache.readManifest(release));
    if (manifest === null) lost.add(release);
    else known.set(release, manifest);
    return manifest;
  };
  for (const bundleApp of bundle.apps) {
    const aim = aimOf(site, bundle, bundleApp);
    const accepted = await read(aim.accepted.release);
    for (const line of accepted ?? []) declared.add(identityKey(line.identity));
    const manifest = aim.aim === null || aim.aim.release === aim.accepted.release ? accepted : await read(aim.aim.release);
    aims.push(manifest === null && aim.aim !== null ? { ...aim, hold: "Fetching", aim: null } : aim);
    if (aim.aim === null || manifest === null) continue;
    targets.push({ app: aim.app, release: aim.aim.release, manifest, policy: aim.aim.policy, dependsOn: aim.dependsOn });
  }
  for (const release of known.keys()) if (!named.has(release)) known.delete(release);
  if (lost.size > 0) site.onLost([...lost]);
  return { aims, targets, declared, complete: lost.size === 0 };
}

function aimOf(site: Site, bundle: Bundle, bundleApp: BundleApp): Aim {
  const { app, release, policy, dependsOn } = bundleApp;
  const accepted: Pin = { pin: pinDigest(bundleApp), release, policy };
  const { begun, lastGood } = site.records.get(app);
  if (site.records.isPoison(app, accepted.pin)) return { app, accepted, aim: lastGood, hold: "Poison", dependsOn };
  if (bundle.paused && begun?.pin !== accepted.pin) return { app, accepted, aim: begun, hold: "Paused", dependsOn };
  return { app, accepted, aim: accepted, hold: null, dependsOn };
}

/** A sentence for a hold. */
export function holdMessage(hold: Hold): string {
  switch (hold) {
    case "Paused":
      return "upgrades of this cluster are paused; healing goes on";
    case "Poison":
      return `the agent crashed ${crashesMax} times while it processed this Release`;
    case "Fetching":
      return "its stored Release is damaged; it is fetched again";
  }
}

/** Kinds whose traits concern other objects: read also when they are applied. */
const farReaching: ReadonlySet<string> = new Set(["autoscaling/HorizontalPodAutoscaler", "keda.sh/ScaledObject"]);

/** Remembers what objects say of themselves, so that each is read once. */
export class TraitsMemory {
  readonly #known = new Map<Digest, Traits>();

  /** The traits of the objects that may have to be written. An object that cannot be read is reported as lost and taken as plain. */
  async of(site: Site, targets: readonly Target[]): Promise<ReadonlyMap<Digest, Traits>> {
    const out = new Map<Digest, Traits>();
    const lost: Digest[] = [];
    for (const { manifest } of targets) {
      await eachOf(manifest, async ({ identity, digest }) => {
        const entry = site.ledger.get(identityKey(identity));
        const isApplied = entry?.state === "applied" && entry.desired.startsWith(digest);
        if (isApplied && !farReaching.has(`${identity.group}/${identity.kind}`)) return;
        let traits = this.#known.get(digest);
        if (traits === undefined) {
          const object = await site.cache.readObject(digest);
          if (object === null) lost.push(digest);
          else this.#known.set(digest, (traits = traitsOf(object, identity)));
        }
        out.set(digest, traits ?? plainTraits);
      });
    }
    for (const digest of this.#known.keys()) if (!out.has(digest)) this.#known.delete(digest);
    if (lost.length > 0) site.onLost(lost);
    return out;
  }
}

const readsInFlight = 32;

/** Does something with each line of a manifest, some at a time. */
async function eachOf(manifest: Manifest, work: (line: Manifest[number]) => Promise<void>): Promise<void> {
  for (let start = 0; start < manifest.length; start += readsInFlight)
    await Promise.all(manifest.slice(start, start + readsInFlight).map(work));
}
