// Pushes artifacts to a registry over its own protocol, in the forms that flux and oras give them, or in any other.

import { createHash } from "node:crypto";

export interface Layer {
  readonly mediaType: string;
  readonly content: Buffer;
}

/** The forms of one tree of files as an artifact. */
export const FLUX = { config: "application/vnd.cncf.flux.config.v1+json", layer: "application/vnd.cncf.flux.content.v1.tar+gzip" };
export const ORAS = { config: "application/vnd.oci.empty.v1+json", layer: "application/vnd.oci.image.layer.v1.tar" };

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const sha256 = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Pushes layers under tags; gives the manifest's digest, `sha256:…`. `base` is `http://127.0.0.1:PORT/v2/REPOSITORY`. */
export async function pushArtifact(base: string, tags: readonly string[], config: string, layers: readonly Layer[]): Promise<string> {
  const descriptors = [];
  for (const { mediaType, content } of [{ mediaType: config, content: Buffer.from("{}") }, ...layers])
    descriptors.push({ mediaType, digest: await pushBlob(base, content), size: content.length });
  const [first, ...rest] = descriptors;
  return pushManifest(base, tags, MANIFEST, { schemaVersion: 2, mediaType: MANIFEST, config: first, layers: rest });
}

/** Pushes an index that names pushed manifests, each with its platform or none. */
export async function pushIndex(
  base: string,
  tags: readonly string[],
  manifests: readonly { readonly digest: string; readonly platform?: string }[],
): Promise<string> {
  const entries = await Promise.all(
    manifests.map(async ({ digest, platform }) => {
      const { body } = await send(`${base}/manifests/${digest}`, { headers: { accept: MANIFEST } });
      const [os, architecture] = (platform ?? "").split("/");
      return { mediaType: MANIFEST, digest, size: body.length, ...(platform === undefined ? {} : { platform: { os, architecture } }) };
    }),
  );
  return pushManifest(base, tags, INDEX, { schemaVersion: 2, mediaType: INDEX, manifests: entries });
}

async function pushManifest(base: string, tags: readonly string[], type: string, manifest: object): Promise<string> {
  const body = Buffer.from(JSON.stringify(manifest));
  for (const tag of [sha256(body), ...tags])
    await send(`${base}/manifests/${tag}`, { method: "PUT", headers: { "content-type": type }, body });
  return sha256(body);
}

async function pushBlob(base: string, content: Buffer): Promise<string> {
  const { location } = await send(`${base}/blobs/uploads/`, { method: "POST" });
  const url = new URL(location, base);
  url.searchParams.set("digest", sha256(content));
  await send(url.href, { method: "PUT", headers: { "content-type": "application/octet-stream" }, body: new Uint8Array(content) });
  return sha256(content);
}

async function send(
  url: string,
  init: RequestInit & { readonly body?: Uint8Array<ArrayBuffer> },
): Promise<{ readonly location: string; readonly body: Buffer }> {
  const answer = await fetch(url, init);
  const body = Buffer.from(await answer.arrayBuffer());
  if (!answer.ok) throw new Error(`${init.method ?? "GET"} ${url} answers ${answer.status}: ${body.toString().slice(0, 500)}`);
  return { location: answer.headers.get("location") ?? "", body };
}
