// The hub's certificate authority: a P-256 root that issues the hub's own certificate and one per agent. What a certificate says is
// decided here from what the caller is known to be, never from what a request asks for.

import "reflect-metadata";

import { randomBytes, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

import { OperationError } from "@muster/proto/model/failure";

const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 86_400_000;

/** In every hub's certificate: what agents that reach it by an address ask for. */
const hubName = "muster-hub";

export const certificateLife = { rootMs: 3_650 * dayMs, serverMs: 365 * dayMs, agentMs: 30 * dayMs, backdateMs: 5 * 60_000 } as const;

x509.cryptoProvider.set(webcrypto as unknown as Crypto);

/** A key pair's private half and its certificate, PEM. */
export type KeyAndCertificate = { readonly key: string; readonly certificate: string };

/** A freshly made root. */
export async function makeRoot(fleet: string, now: number): Promise<KeyAndCertificate> {
  const keys = await webcrypto.subtle.generateKey(ecdsa, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=Muster fleet ${fleet}`,
    notBefore: new Date(now - certificateLife.backdateMs),
    notAfter: new Date(now + certificateLife.rootMs),
    signingAlgorithm: ecdsa,
    keys: keys as webcrypto.CryptoKeyPair,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as CryptoKey),
    ],
  });
  return { key: await privatePem(keys.privateKey as CryptoKey), certificate: certificate.toString("pem") };
}

export type Authority = {
  /** The root's certificate, PEM. */
  readonly certificate: string;
  /** A certificate for the hub's own port, valid for these DNS names and addresses. */
  issueServer(names: readonly string[], now: number): Promise<KeyAndCertificate>;
  /**
   * A client certificate for one cluster. Takes only the public key from the request (PKCS#10, DER); throws OperationError "invalid"
   * (`E_CSR`) when it asks for a name or an extension, proves no possession, or holds another kind of key.
   */
  issueAgent(
    request: Uint8Array,
    uri: string,
    now: number,
  ): Promise<{ readonly certificate: Uint8Array; readonly serial: string; readonly notAfter: number }>;
};

/** The authority of a root that was made earlier. */
export async function openAuthority(root: KeyAndCertificate): Promise<Authority> {
  const certificate = new x509.X509Certificate(root.certificate);
  const der = x509.PemConverter.decodeFirst(root.key);
  const signingKey = (await webcrypto.subtle.importKey("pkcs8", der, ecdsa, false, ["sign"])) as CryptoKey;
  const issue = async (
    publicKey: CryptoKey,
    life: number,
    now: number,
    subject: string,
    extensions: x509.Extension[],
  ): Promise<x509.X509Certificate> =>
    x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject,
      issuer: certificate.subject,
      notBefore: new Date(now - certificateLife.backdateMs),
      notAfter: new Date(now + life),
      publicKey,
      signingKey,
      signingAlgorithm: ecdsa,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        ...extensions,
      ],
    });
  return {
    certificate: root.certificate,
    async issueServer(names, now) {
      const keys = (await webcrypto.subtle.generateKey(ecdsa, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
      const alternatives = new x509.SubjectAlternativeNameExtension(
        [hubName, ...names].map((value) => ({ type: isAddress(value) ? "ip" : "dns", value })),
      );
      const issued = await issue(keys.publicKey, certificateLife.serverMs, now, "CN=muster-hub", [
        usage("1.3.6.1.5.5.7.3.1"),
        alternatives,
      ]);
      return { key: await privatePem(keys.privateKey), certificate: issued.toString("pem") };
    },
    async issueAgent(request, uri, now) {
      const publicKey = await acceptRequest(request);
      const alternatives = new x509.SubjectAlternativeNameExtension([{ type: "url", value: uri }]);
      const issued = await issue(publicKey, certificateLife.agentMs, now, "CN=muster-agent", [usage("1.3.6.1.5.5.7.3.2"), alternatives]);
      return {
        certificate: new Uint8Array(issued.rawData),
        serial: issued.serialNumber.toLowerCase(),
        notAfter: issued.notAfter.getTime(),
      };
    },
  };
}

const requestBytesMax = 4_096;

async function acceptRequest(der: Uint8Array): Promise<CryptoKey> {
  const refuse = (why: string, cause?: unknown): OperationError =>
    new OperationError("invalid", "certificate request", `E_CSR: ${why}`, cause);
  if (der.length > requestBytesMax) throw refuse(`larger than ${requestBytesMax} bytes`);
  let request: x509.Pkcs10CertificateRequest;
  try {
    request = new x509.Pkcs10CertificateRequest(Uint8Array.from(der));
  } catch (error) {
    throw refuse("not a PKCS#10 request", error);
  }
  if (request.subject !== "") throw refuse("asks for a subject; the hub decides it");
  if (request.extensions.length > 0) throw refuse("asks for extensions; the hub decides them");
  const { name, namedCurve } = request.publicKey.algorithm as { name: string; namedCurve?: string };
  if (name !== "ECDSA" || namedCurve !== "P-256") throw refuse("its key is not a P-256 key");
  if (!(await request.verify())) throw refuse("its signature does not prove possession of the key");
  return request.publicKey.export(ecdsa, ["verify"]);
}

const usage = (oid: string): x509.ExtendedKeyUsageExtension => new x509.ExtendedKeyUsageExtension([oid]);

const isAddress = (name: string): boolean => /^[0-9.]+$/.test(name) || name.includes(":");

/** A random positive serial of 127 bits. */
function serial(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString("hex");
}

async function privatePem(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", key), x509.PemConverter.PrivateKeyTag);
}
