// An HTTP/2 server over TLS whose answers a test writes: for what a real API server does only under load or in passing.

import "reflect-metadata";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createSecureServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream, type Settings } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

export type Call = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly stream: ServerHttp2Stream;
  /** Sessions count from 1. */
  readonly session: number;
  readonly at: number;
};
export type Answering = (call: Call) => void;

export type ScriptedServer = AsyncDisposable & {
  readonly port: number;
  /** Path of a kubeconfig whose token is read from `tokenFile`. */
  readonly kubeconfig: string;
  readonly tokenFile: string;
  readonly calls: readonly Call[];
  readonly sessions: readonly ServerHttp2Session[];
};

/** Answers JSON. */
export function answer(call: Call, status: number, body: unknown, headers: { readonly [name: string]: string } = {}): void {
  call.stream.respond({ ":status": status, "content-type": "application/json", ...headers });
  call.stream.end(JSON.stringify(body));
}

/** Listens on a free port of 127.0.0.1. `answering` is called when a request is complete. */
export async function startScriptedServer(answering: Answering, settings: Settings = {}): Promise<ScriptedServer> {
  const { cert, key } = await selfSigned();
  const calls: Call[] = [];
  const sessions: ServerHttp2Session[] = [];
  const server = createSecureServer({ cert, key, settings });
  server.on("session", (session) => {
    sessions.push(session);
    session.on("error", () => undefined);
  });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const chunks: Buffer[] = [];
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      const session = sessions.indexOf(stream.session as ServerHttp2Session) + 1;
      const { ":method": method = "", ":path": path = "" } = headers;
      const call: Call = { method, path, headers, body: Buffer.concat(chunks).toString(), stream, session, at: performance.now() };
      calls.push(call);
      if (!discovers(call)) answering(call);
    });
    stream.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const folder = await mkdtemp(join(tmpdir(), "muster-scripted-"));
  const [kubeconfig, tokenFile] = [join(folder, "kubeconfig"), join(folder, "token")];
  await writeFile(tokenFile, "token-1\n");
  await writeFile(kubeconfig, kubeconfigText(port, cert, tokenFile));
  const stop = async (): Promise<void> => {
    for (const session of sessions) session.destroy();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true, force: true });
  };
  return { port, kubeconfig, tokenFile, calls, sessions, [Symbol.asyncDispose]: stop };
}

/** The kinds that every scripted server has: ConfigMap. */
function discovers(call: Call): boolean {
  const path = call.path;
  if (path !== "/api" && path !== "/apis") return false;
  const resources = [{ resource: "configmaps", responseKind: { group: "", version: "", kind: "ConfigMap" }, scope: "Namespaced" }];
  const core = { metadata: {}, versions: [{ version: "v1", resources, freshness: "Current" }] };
  answer(call, 200, { kind: "APIGroupDiscoveryList", items: path === "/api" ? [core] : [] });
  return true;
}

function kubeconfigText(port: number, cert: string, tokenFile: string): string {
  return [
    "apiVersion: v1",
    "kind: Config",
    "current-context: it",
    "contexts: [{name: it, context: {cluster: it, user: it}}]",
    "clusters:",
    "  - name: it",
    "    cluster:",
    `      server: https://127.0.0.1:${port}`,
    `      certificate-authority-data: ${Buffer.from(cert).toString("base64")}`,
    "users:",
    "  - name: it",
    "    user:",
    `      tokenFile: ${tokenFile}`,
    "",
  ].join("\n");
}

export async function selfSigned(): Promise<{ readonly cert: string; readonly key: string }> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=scripted",
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true), new x509.SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])],
  });
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return { cert: cert.toString("pem"), key: `-----BEGIN PRIVATE KEY-----\n${pkcs8}\n-----END PRIVATE KEY-----\n` };
}
