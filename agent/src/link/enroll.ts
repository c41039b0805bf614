// The first contact. The token carries the SHA-256 of the CA's public key; the connection counts only if the hub shows that CA, so that
// the token's secret goes to nobody else (S19, F24, F27).

import { createHash } from "node:crypto";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { X509Certificate } from "node:crypto";
import * as grpc from "@grpc/grpc-js";

import { fromWireEnvelope } from "@muster/proto/codec/envelope";
import { EnrollmentServiceClient, type EnrollResponse } from "@muster/proto/gen/muster/v1/enrollment";
import { OperationError } from "@muster/proto/model/failure";
import { channelOptions } from "./grpc.ts";
import { toFailure } from "./grpc-failure.ts";
import type { Enrolled } from "./port.ts";

export type EnrollOptions = {
  readonly address: string;
  readonly token: string;
  readonly csr: Uint8Array;
  readonly clusterUid: string;
  readonly proposedName: string;
  readonly agentVersion: string;
};

const contactMs = 10_000;

/** Trades a token for a certificate. Throws OperationError with the hub's reason, or "unauthenticated" when the hub is not the token's. */
export async function enroll(options: EnrollOptions): Promise<Enrolled> {
  const pin = /^muster1\.[0-9a-f]{12}\.[A-Za-z0-9_-]{22}\.([0-9a-f]{64})\.[0-9a-f]{8}$/.exec(options.token)?.[1];
  if (pin === undefined)
    throw new OperationError("invalid", "join token", "this is no join token (muster1....); make one: muster token create");
  const authority = await findAuthority(options.address, pin);
  const client = new EnrollmentServiceClient(
    options.address,
    grpc.credentials.createSsl(Buffer.from(authority)),
    channelOptions(options.address),
  );
  try {
    const answer = await new Promise<EnrollResponse>((resolve, reject) => {
      const { token, clusterUid, proposedName, agentVersion } = options;
      client.enroll(
        { token, csr: Buffer.from(options.csr), clusterUid, proposedName, agentVersion },
        (error: grpc.ServiceError | null, response: EnrollResponse) =>
          error === null ? resolve(response) : reject(toFailure(error, options.address)),
      );
    });
    return {
      certificates: answer.certificates,
      cluster: answer.cluster,
      fleet: answer.fleet,
      keyManifests: answer.keyManifests.map(fromWireEnvelope),
      authority,
    };
  } finally {
    client.close();
  }
}

/** The CA certificate (PEM) in the chain that the hub shows whose public key has this SHA-256. Nothing secret is sent. */
async function findAuthority(address: string, pin: string): Promise<string> {
  const [host, port] = splitAddress(address);
  const chain = await new Promise<X509Certificate[]>((resolve, reject) => {
    const socket = connect(
      { host, port, rejectUnauthorized: false, ALPNProtocols: ["h2"], servername: /^[0-9.:]+$/.test(host) ? "" : host, timeout: contactMs },
      () => {
        resolve(certificatesOf(socket.getPeerCertificate(true)));
        socket.destroy();
      },
    );
    const fail = (error: Error): void =>
      reject(new OperationError("unavailable", address, `cannot reach the hub at ${address}: ${error.message}`, error));
    socket.once("error", fail);
    socket.once("timeout", () => socket.destroy(new Error("no answer in 10 s")));
  });
  const found = chain.find(
    (certificate) =>
      createHash("sha256")
        .update(certificate.publicKey.export({ type: "spki", format: "der" }))
        .digest("hex") === pin,
  );
  if (found === undefined)
    throw new OperationError(
      "unauthenticated",
      address,
      `the server at ${address} is not the hub that made this join token; check the address, or take a token of this hub`,
    );
  return found.toString();
}

function certificatesOf(first: DetailedPeerCertificate): X509Certificate[] {
  const seen = new Map<string, X509Certificate>();
  for (
    let next: DetailedPeerCertificate | undefined = first;
    next?.raw !== undefined && !seen.has(next.fingerprint256);
    next = next.issuerCertificate
  ) {
    seen.set(next.fingerprint256, new X509Certificate(next.raw));
  }
  return [...seen.values()];
}

function splitAddress(address: string): [string, number] {
  const [, host, port] = /^\[?([^\]]+?)\]?:(\d+)$/.exec(address) ?? [];
  if (host === undefined) throw new OperationError("invalid", address, `the hub's address is host:port, not ${address}`);
  return [host, Number(port)];
}
