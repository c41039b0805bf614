// All that pure rooms may know of the platform: hashing and verifying, which are functions of their arguments. They compile with no
// DOM and no Node types; whoever needs more is not pure.

declare module "node:crypto" {
  export type KeyObject = { readonly asymmetricKeyType?: string };
  export function createHash(algorithm: "sha256"): {
    update(data: string | Uint8Array): { digest(encoding: "hex"): string; update(data: string | Uint8Array): never };
  };
  export function hash(algorithm: "sha256", data: string | Uint8Array, encoding: "hex"): string;
  export function createHmac(algorithm: "sha256", key: Uint8Array): { update(data: string): { digest(encoding: "hex"): string } };
  export function createPublicKey(pem: string): KeyObject;
  export function verify(algorithm: null, data: Uint8Array, key: KeyObject, signature: Uint8Array): boolean;
}

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

declare class TextDecoder {
  constructor(label?: string, options?: { readonly fatal?: boolean });
  decode(bytes: Uint8Array): string;
}
