// Charts, artifacts and single files, looked at as a branch of a repository is: what a version means now, pinned by digest. The name of
// a state is its version and the SHA-256 of its bytes.

import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import { maskUrl, type Snapshot } from "../../git/git.ts";
import type { ChartRef, Remote, RemoteAddress, RemoteFiles } from "../../remote/remote.ts";
import { archiveSnapshot } from "./archive-tree.ts";
import type { ContentAddress } from "./content.ts";
import type { Watched } from "./watch.ts";

type Pin = { readonly version: string; readonly digest: Digest };
/** How one kind of content is asked for. */
type Kind = {
  readonly resolve: (signal: AbortSignal) => Promise<Pin>;
  readonly fetch: (pin: Pin, signal: AbortSignal) => Promise<RemoteFiles>;
};

/** `address` says what is meant, `allowed` who may be asked and with what: asked for each time, so that a rotated secret counts. `held`: what was
 * acted on last. */
export function watchRemote(remote: Remote, address: ContentAddress, allowed: () => Promise<RemoteAddress>, held: string | null): Watched {
  const { key } = address;
  const kind = kindOf(remote, address, allowed);
  const servedBy = maskUrl(address.url);
  let last: Snapshot | undefined;
  let pinned = held; // also where its bytes are not at hand any more
  const snapshotOf = async (pin: Pin, signal: AbortSignal): Promise<Snapshot> => {
    const { files } = await kind.fetch(pin, signal);
    pinned = nameOf(pin);
    return (last = archiveSnapshot(pinned, files));
  };
  return {
    async fetch(signal) {
      const pin = await kind.resolve(signal);
      const commit = nameOf(pin);
      if (last?.commit === commit) return { kind: "unchanged", commit, ref: pin.version, servedBy };
      refuseOther(key, pinned, pin);
      return { kind: "snapshot", snapshot: await snapshotOf(pin, signal), forced: false, ref: pin.version, servedBy };
    },
    async snapshot(commit) {
      if (last?.commit === commit) return last;
      const [, version, digest] = /^(.*)@sha256:([0-9a-f]{64})$/.exec(commit) ?? [];
      if (version === undefined || digest === undefined) throw new OperationError("notFound", key, `${commit} names no version of ${key}`);
      return snapshotOf({ version, digest: digest as Digest }, new AbortController().signal);
    },
  };
}

const nameOf = ({ version, digest }: Pin): string => `${version}@sha256:${digest}`;

/** A version that was published again with other bytes is taken for a mistake, or an attack: what is pinned stays. */
function refuseOther(key: string, pinned: string | null, { version, digest }: Pin): void {
  if (pinned === null || pinned === nameOf({ version, digest }) || !pinned.startsWith(`${version}@`) || isMovable(version)) return;
  throw new OperationError(
    "corrupt",
    key,
    `${key}: version ${version} has other bytes than it had (sha256:${digest.slice(0, 12)})`,
    undefined,
    {
      code: "E_DIGEST_MISMATCH",
      remedy: "publish it under a version of its own",
    },
  );
}

/** A full version is one content for ever; a tag such as `latest` moves. */
const isMovable = (version: string): boolean => !/^v?\d+\.\d+\.\d+/.test(version);

function kindOf(remote: Remote, { kind, url, chart, revision }: ContentAddress, allowed: () => Promise<RemoteAddress>): Kind {
  switch (kind) {
    case "chart": {
      const ref = chartRef(url, chart ?? "", revision);
      return {
        resolve: async (signal) => remote.resolveChart(ref, await allowed(), signal),
        fetch: async ({ version, digest }, signal) =>
          remote.fetchChart({ ref, version, digest, deprecated: false }, await allowed(), signal),
      };
    }
    case "artifact": {
      const ref = { ref: url, revision };
      return {
        resolve: async (signal) => {
          const { revision: version, digest } = await remote.resolveArtifact(ref, await allowed(), signal);
          return { version, digest };
        },
        fetch: async ({ version, digest }, signal) =>
          remote.fetchArtifact({ ref, revision: version, manifest: digest, digest }, await allowed(), signal),
      };
    }
    case "file":
      return {
        resolve: async (signal) => ({ version: "file", digest: (await remote.fetchFile(url, null, await allowed(), signal)).digest }),
        fetch: async ({ digest }, signal) => {
          const { bytes } = await remote.fetchFile(url, digest, await allowed(), signal);
          return { digest, files: new Map([[fileName, bytes]]) };
        },
      };
    case "git":
      throw new TypeError("a repository is no archive");
  }
}

/** The one file of a content of kind "file". */
export const fileName = "content.yaml";

function chartRef(repo: string, chart: string, version: string | null): ChartRef {
  if (repo.startsWith("oci://")) return { kind: "oci", ref: `${repo.replace(/\/$/, "")}/${chart}`, version };
  return { kind: "helm", repo, chart, version };
}
