// OCI artifacts that hold a tree of files in one layer, as `flux push artifact` and `oras push` make them.

import type { Digest } from "@muster/proto/model/digest";
import { printable } from "@muster/proto/model/printable";

import { highestInRange, parseRange } from "../version/version.ts";
import { onlyLayer } from "./chart.ts";
import { remoteError } from "./faults.ts";
import type { Errand } from "./http.ts";
import { isTag, parseReference, type Reference } from "./reference.ts";
import { openRepository, type Descriptor, type Manifest, type Repository } from "./registry.ts";

export type ArtifactRef = {
  /** `oci://host/path[:tag][@sha256:digest]` */
  readonly ref: string;
  /** A tag, a range over tags, or `sha256:…` of the manifest; null: what `ref` says, else `latest`. */
  readonly revision: string | null;
};

export type ArtifactPin = {
  readonly ref: ArtifactRef;
  /** The tag, or `sha256:…` where no tag was asked for. */
  readonly revision: string;
  /** SHA-256 of the manifest, which is what others call the artifact's digest. */
  readonly manifest: Digest;
  /** SHA-256 of the archive. */
  readonly digest: Digest;
};

/** What a revision means now: two or three small requests, no content. */
export async function resolveArtifact(errand: Errand, ref: ArtifactRef): Promise<ArtifactPin> {
  const { name } = errand.address;
  const reference = parseReference(ref.revision?.startsWith("sha256:") === true ? `${ref.ref}@${ref.revision}` : ref.ref, name);
  const repository = openRepository(errand, reference);
  const wanted = await wantedManifest(errand, repository, reference, ref.revision);
  const named = await repository.manifest(wanted);
  const manifest = named.kind === "index" ? await repository.manifest({ digest: chosen(errand, ref.ref, named).digest }) : named;
  if (manifest.kind === "index") throw remoteError("E_REMOTE_PROTOCOL", name, `${printable(ref.ref)} is an index of indexes`);
  const layer = onlyLayer(errand, printable(ref.ref), manifest.layers);
  if (!/[.+]tar(?:\+gzip|\.gzip|$)|^application\/(?:x-)?gzip$/.test(layer.mediaType))
    throw remoteError("E_REMOTE_PROTOCOL", name, `${printable(ref.ref)} holds ${printable(layer.mediaType, 100)}, not a tar file`);
  const revision = "tag" in wanted ? wanted.tag : `sha256:${wanted.digest}`;
  return { ref, revision, manifest: manifest.digest, digest: layer.digest };
}

/** The archive of a pin. Throws E_DIGEST_MISMATCH when other bytes come. */
export function fetchPinnedArtifact(errand: Errand, { ref, digest }: ArtifactPin): Promise<Buffer> {
  return openRepository(errand, parseReference(ref.ref, errand.address.name)).blob(digest);
}

async function wantedManifest(
  { address }: Errand,
  repository: Repository,
  reference: Reference,
  revision: string | null,
): Promise<{ readonly tag: string } | { readonly digest: Digest }> {
  if (reference.digest !== null) return { digest: reference.digest };
  const asked = revision ?? reference.tag ?? "latest";
  // A tag wins where the text could be both: `1.2` is a tag that exists, or a range.
  const range = parseRange(asked);
  if (isTag(asked) && (range === null || (await repository.tags()).includes(asked))) return { tag: asked };
  if (range === null)
    throw remoteError("E_VERSION_INVALID", address.name, `the revision ${printable(asked, 80)} is neither a tag, a range nor a digest`);
  const tag = highestInRange(await repository.tags(), range);
  if (tag === null)
    throw remoteError("E_VERSION_MISSING", address.name, `no tag of ${printable(reference.repositoryUrl)} lies in ${printable(asked, 80)}`);
  return { tag };
}

/** Of an index of platforms the one that a Linux machine would take; an artifact's content is the same on each. */
function chosen({ address }: Errand, shown: string, index: Manifest & { kind: "index" }): Descriptor {
  const real = index.manifests.filter(({ platform }) => platform !== "unknown/unknown");
  const one = real.find(({ platform }) => platform === "linux/amd64") ?? (real.length === 1 ? real[0] : undefined);
  if (one !== undefined) return one;
  throw remoteError("E_REMOTE_PROTOCOL", address.name, `${printable(shown)} is an index of ${real.length} manifests, none for linux/amd64`);
}
