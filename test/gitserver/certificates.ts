// Certificates for a server on the loopback and for its clients, made by openssl for two days.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "../tools/run.ts";

/** PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** A CA, a certificate of it for `localhost` and 127.0.0.1, and one for a client. */
export async function makeCertificates(): Promise<{ readonly ca: Pair; readonly server: Pair; readonly client: Pair }> {
  const dir = await mkdtemp(join(tmpdir(), "muster-certificates-"));
  const file = (name: string): string => join(dir, name);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const issue = async (name: string, extension: string): Promise<void> => {
    await writeFile(file(`${name}.ext`), `${extension}\n`);
    await run("openssl", ["req", "-new", ...newKey, "-keyout", file(`${name}.key`), "-out", file(`${name}.csr`), "-subj", `/CN=${name}`]);
    const ca = ["-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial", "-days", "2", "-extfile", file(`${name}.ext`)];
    await run("openssl", ["x509", "-req", "-in", file(`${name}.csr`), "-out", file(`${name}.crt`), ...ca]);
  };
  const pair = async (name: string): Promise<Pair> => ({
    cert: await readFile(file(`${name}.crt`), "utf8"),
    key: await readFile(file(`${name}.key`), "utf8"),
  });
  try {
    const own = ["-x509", ...newKey, "-keyout", file("ca.key"), "-out", file("ca.crt"), "-days", "2", "-subj", "/CN=muster test CA"];
    await run("openssl", ["req", ...own]);
    await issue("server", "subjectAltName=DNS:localhost,IP:127.0.0.1");
    await issue("client", "extendedKeyUsage=clientAuth");
    return { ca: await pair("ca"), server: await pair("server"), client: await pair("client") };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
