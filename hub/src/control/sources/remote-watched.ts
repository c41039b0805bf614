// Charts, artifacts and single files, looked at as a branch of a repository is: what a version means now, pinned by digest. The name of
// a state is its version and the SHA-256 of its bytes.

import type { Digest } from "@muster/proto/model/digest";
import { OperationError } from "@muster/proto/model/failure";
import type { Snapshot } from "../../git/git.ts";
import type { ChartRef, Remote, RemoteAddress } from "../../remote/remote.ts";
import { archiveSnapshot } from "./archive-tree.ts";
import type { ContentAddress } from "./content.ts";
import { fetchAt, resolveAt, type Pin, type Server } from "./mirrored.ts";
import type { Watched } from "./watch.ts";

/** A server that may be asked, and with what: asked for each time, so that a rotated secret counts. */
export type Allowed = { readonly url: string; readonly address: () => Promise<RemoteAddress> };

/** `address` says what is meant, `allowed` who is asked: its own server, then its mirrors. `held`: what was acted on last. */
export function watchRemote(remote: Remote, address: ContentAddress, allowed: readonly Allowed[], held: string | null): Watched {
  const { key } = address;
  const servers = allowed.map((each) => serverOf(remote, address, each));
  let last: Snapshot | undefined;
  let pinned = held; // also where its bytes are not at hand any more
  const snapshotOf = async (pin: Pin, signal: AbortSignal): Promise<Snapshot> => {
    const { files } = await fetchAt(key, servers, pin, signal);
    return archiveSnapshot(nameOf(pin), files);
  };
  return {
    async fetch(signal) {
      const { pin, servedBy } = await resolveAt(key, servers, pinned === null ? null : pinOf(pinned), signal);
      const commit = nameOf(pin);
      if (last?.commit === commit) return { kind: "unchanged", commit, ref: pin.version, servedBy };
      refuseOther(key, pinned, pin);
      const snapshot = await snapshotOf(pin, signal);
      [pinned, last] = [commit, snapshot];
      return { kind: "snapshot", snapshot, forced: false, ref: pin.version, servedBy };
    },
    async snapshot(commit) {
      if (last?.commit === commit) return last;
      const pin = pinOf(commit);
      if (pin === null) throw new OperationError("notFound", key, `${commit} names no version of ${key}`);
      const snapshot = await snapshotOf(pin, new AbortController().signal);
      // A question about another version is none of what is followed: what is pinned stays pinned.
      if (commit === pinned) last = snapshot;
      return snapshot;
    },
  };
}

function pinOf(name: string): Pin | null {
  const [, version, digest] = /^(.*)@sha256:([0-9a-f]{64})$/.exec(name) ?? [];
  return version === undefined || digest === undefined ? null : { version, digest: digest as Digest };
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

function serverOf(remote: Remote, { kind, chart, revision }: ContentAddress, { url, address }: Allowed): Server {
  switch (kind) {
    case "chart": {
      const ref = chartRef(url, chart ?? "", revision);
      return {
        url,
        resolve: async (signal) => remote.resolveChart(ref, await address(), signal),
        fetch: async ({ version, digest }, signal) =>
          remote.fetchChart({ ref, version, digest, deprecated: false }, await address(), signal),
      };
    }
    case "artifact": {
      const ref = { ref: url, revision };
      return {
        url,
        resolve: async (signal) => {
          const { revision: version, digest } = await remote.resolveArtifact(ref, await address(), signal);
          return { version, digest };
        },
        fetch: async ({ version, digest }, signal) =>
          remote.fetchArtifact({ ref, revision: version, manifest: digest, digest }, await address(), signal),
      };
    }
    case "file":
      return {
        url,
        resolve: async (signal) => ({ version: "file", digest: (await remote.fetchFile(url, null, await address(), signal)).digest }),
        fetch: async ({ digest }, signal) => {
          const { bytes } = await remote.fetchFile(url, digest, await address(), signal);
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
