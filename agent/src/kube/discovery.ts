// Asks the API server which kinds it has, and remembers. How answers add up to knowledge is catalog's.

import { byCodeUnits } from "@muster/proto/model/canonical";
import { messageOf, OperationError } from "@muster/proto/model/failure";
import type { JsonValue } from "@muster/proto/model/json";
import type { AllBounds } from "./bounds.ts";
import { emptyCatalog, find, learn, surelyUnknown, type Catalog } from "./catalog.ts";
import { readAggregated, readLegacyIndex, readLegacyKinds, type DiscoveredVersion, type Mapping } from "./discovered.ts";
import { readFailure, readStatus } from "./kube-answer.ts";
import type { Transport } from "./transport.ts";

/** What the cluster knows. `complete: false`: the newest answer failed or lacked `stale`, and what was known before stands in for it. */
export type Discovery = {
  readonly mappings: readonly Mapping[];
  readonly complete: boolean;
  readonly stale: readonly string[];
  /** Milliseconds since 1970 of the newest answer. */
  readonly at: number;
};

const aggregated = (version: string): string => `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
const accept = `${aggregated("v2")},${aggregated("v2beta1")},application/json`;

type Remembered = { readonly etag: string; readonly versions: readonly DiscoveredVersion[] };

export class KindDirectory {
  readonly #transport: Pick<Transport, "request">;
  readonly #limits: AllBounds;
  readonly #remembered = new Map<string, Remembered>();
  #catalog: Catalog = emptyCatalog;
  #failed = false;
  #answeredAt = -Infinity;
  #askedAt = -Infinity;
  #asking: Promise<void> | undefined;

  constructor(transport: Pick<Transport, "request">, limits: AllBounds) {
    this.#transport = transport;
    this.#limits = limits;
  }

  /** Asks when the newest answer is older than ten minutes, or when forced. Throws only as long as nothing was ever learned. */
  async discover(force: boolean): Promise<Discovery> {
    if (force || Date.now() - this.#answeredAt > this.#limits.discoveryMaxAgeMs) await this.#ask();
    const mappings = [...this.#catalog.known.values()].map((it) => it.mapping);
    const complete = !this.#failed && this.#catalog.stale.length === 0;
    return { mappings, complete, stale: this.#catalog.stale, at: this.#answeredAt };
  }

  /** From memory. */
  find(group: string, kind: string, version?: string): Mapping | undefined {
    return find(this.#catalog, group, kind, version);
  }

  /** Asks again, at most once a second, when the kind is not known. */
  async lookUp(group: string, kind: string, version?: string): Promise<Mapping | undefined> {
    const known = this.find(group, kind, version);
    if (known !== undefined) return known;
    await this.refresh();
    return this.find(group, kind, version);
  }

  /** Asks again unless that was done within the last second: after a 404 on a path that should be there. */
  async refresh(): Promise<void> {
    if (this.#asking !== undefined || Date.now() - this.#askedAt >= this.#limits.discoveryPauseMs) await this.#ask();
  }

  /** True when two complete answers, ten seconds apart, did not have the kind. */
  surelyUnknown(group: string, kind: string): boolean {
    return surelyUnknown(this.#catalog, group, kind, this.#limits.kindGoneAfterMs);
  }

  /** As Helm lists them: `apps/v1` and `apps/v1/Deployment`. Without what the newest answer lacks, though `find` may still know it. */
  apiVersions(): readonly string[] {
    const names = new Set<string>();
    for (const { mapping, missingSince } of this.#catalog.known.values()) {
      if (missingSince !== undefined) continue;
      const version = mapping.group === "" ? mapping.version : `${mapping.group}/${mapping.version}`;
      names.add(version).add(`${version}/${mapping.kind}`);
    }
    return [...names].toSorted(byCodeUnits);
  }

  #ask(): Promise<void> {
    this.#askedAt = Date.now();
    this.#asking ??= this.#learn().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #learn(): Promise<void> {
    try {
      const answers = await Promise.all([this.#versionsAt("/api"), this.#versionsAt("/apis")]);
      this.#catalog = learn(this.#catalog, answers.flat(), Date.now(), this.#limits.kindGoneAfterMs);
      this.#answeredAt = Date.now();
      this.#failed = false;
    } catch (error) {
      this.#failed = true;
      if (this.#catalog.known.size === 0) throw error;
    }
  }

  async #versionsAt(path: string): Promise<readonly DiscoveredVersion[]> {
    const before = this.#remembered.get(path);
    const answer = await this.#get(path, before?.etag);
    if (answer.status === 304 && before !== undefined) return before.versions;
    if (answer.status !== 200) throw readFailure(readStatus(answer.status, answer.body), { subject: path, group: "", kind: "" });
    const body = parsed(path, answer.body);
    const versions = readAggregated(body) ?? (await this.#walk(path, body));
    const etag = answer.headers.etag;
    if (etag === undefined) this.#remembered.delete(path);
    else this.#remembered.set(path, { etag, versions });
    return versions;
  }

  async #walk(path: string, index: JsonValue): Promise<readonly DiscoveredVersion[]> {
    const versions = readLegacyIndex(index);
    if (versions === undefined) throw new OperationError("unavailable", path, `discovery: ${path} answered with something else`);
    return Promise.all(
      versions.map(async ({ group, version }) => {
        const at = `${path}/${group === "" ? version : `${group}/${version}`}`;
        const answer = await this.#get(at, undefined);
        const kinds = answer.status === 200 ? readLegacyKinds(parsed(at, answer.body), group, version) : undefined;
        return { group, version, known: kinds !== undefined, kinds: kinds ?? [] };
      }),
    );
  }

  #get(path: string, etag: string | undefined): ReturnType<Transport["request"]> {
    const headers = { accept, ...(etag === undefined ? {} : { "if-none-match": etag }) };
    return this.#transport.request({ method: "GET", path, headers, subject: path, write: false, timeoutMs: this.#limits.readTimeoutMs });
  }
}

function parsed(path: string, body: string): JsonValue {
  try {
    return JSON.parse(body) as JsonValue;
  } catch (cause) {
    throw new OperationError("unavailable", path, `discovery: ${path} is not JSON: ${messageOf(cause)}`, cause);
  }
}
