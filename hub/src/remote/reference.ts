// `oci://host/path[:tag][@sha256:digest]`, and the names that a chart may have: read strictly, for they become parts of paths and URLs.

import { isDigest, type Digest } from "@muster/proto/model/digest";
import { printable } from "@muster/proto/model/printable";

import { maskUrl } from "./address.ts";
import { remoteError } from "./faults.ts";

export type Reference = {
  /** `oci://host/path`, without tag and digest. */
  readonly repositoryUrl: string;
  /** `team/chart` */
  readonly repository: string;
  readonly tag: string | null;
  /** SHA-256 of the manifest. */
  readonly digest: Digest | null;
};

const repositoryForm = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagForm = /^\w[\w.-]{0,127}$/;

/** Throws E_URL_FORBIDDEN. `subject` is the name of the address. */
export function parseReference(text: string, subject: string): Reference {
  const found = /^(oci:\/\/[^/@?#]+)\/([^:@?#]+)(?::([^@?#]*))?(?:@([^?#]*))?$/i.exec(text);
  const [, host = "", repository = "", tag, digest] = found ?? [];
  const sha256 = digest === undefined ? null : digest.replace(/^sha256:/, "");
  const isGood =
    found !== null &&
    repository.length <= 255 &&
    repositoryForm.test(repository) &&
    (tag === undefined || isTag(tag)) &&
    (sha256 === null || (digest?.startsWith("sha256:") === true && isDigest(sha256)));
  if (!isGood) throw remoteError("E_URL_FORBIDDEN", subject, `${maskUrl(text)} is no address of the form oci://host/path`);
  return { repositoryUrl: `${host}/${repository}`, repository, tag: tag ?? null, digest: sha256 === null ? null : (sha256 as Digest) };
}

export function isTag(text: string): boolean {
  return tagForm.test(text);
}

/** Throws E_NAME_INVALID unless a chart may be called so: the name becomes a folder. */
export function checkChartName(name: unknown, subject: string): asserts name is string {
  if (typeof name !== "string" || !/^[a-zA-Z0-9._-]{1,250}$/.test(name) || /^\.+$/.test(name))
    throw remoteError("E_NAME_INVALID", subject, `a chart cannot be called ${printable(JSON.stringify(name) ?? "nothing", 80)}`);
}
