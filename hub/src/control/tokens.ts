// Tokens as the API makes and knows them.

import { OperationError } from "@muster/proto/model/failure";
import type { ClusterName } from "@muster/proto/model/identity";
import type { Caller } from "../api/api.ts";
import { clusterNameForm, mintApiToken, mintJoinToken, readApiToken, sameHash } from "../enroll/enroll.ts";
import type { TokenRow } from "../store/store.ts";
import { roles, type Role, type TokenAnswer, type TokenRequest } from "../view/api.ts";
import type { HubRecord } from "./record.ts";

const hourS = 3_600;
export const tokenLife = { joinS: hourS, apiS: 90 * 24 * hourS } as const;

export type TokensOptions = {
  readonly record: HubRecord;
  readonly authority: string;
  readonly now: () => number;
  /** host:port that agents reach the hub by. */ readonly hubAddress: () => string;
};

export class Tokens {
  readonly #options: TokensOptions;

  constructor(options: TokensOptions) {
    this.#options = options;
  }

  /** Who a bearer token stands for; undefined when it is unknown or expired. */
  authenticate(text: string): Caller | undefined {
    const parts = readApiToken(text);
    const row = parts === undefined ? undefined : this.#options.record.memory.tokens.get(parts.id);
    if (
      parts === undefined ||
      row === undefined ||
      row.kind !== "api" ||
      !sameHash(row.hash, parts.hash) ||
      row.expiresAt <= this.#options.now()
    )
      return undefined;
    const role = roles.find((name) => name === row.role);
    return role === undefined ? undefined : { name: row.name, role };
  }

  /** The first admin's token, made with the keys at the first start. */
  async createFirstAdmin(): Promise<string> {
    const { token } = await this.#createApi("admin", "admin", 365 * 24 * hourS, "first start");
    return token;
  }

  async create(request: TokenRequest, caller: Caller): Promise<TokenAnswer> {
    if (request.kind === "api")
      return this.#createApi(request.name ?? `${caller.name}-ci`, request.role, request.ttlSeconds ?? tokenLife.apiS, caller.name);
    const { record, authority, now, hubAddress } = this.#options;
    const cluster = request.replace ?? request.cluster ?? null;
    if (request.replace !== undefined && !record.memory.members.has(request.replace)) {
      throw new OperationError("notFound", request.replace, `there is no enrolled cluster ${request.replace} to replace`);
    }
    if (cluster !== null && !clusterNameForm.test(cluster))
      throw new OperationError("invalid", cluster, "E_NAME_INVALID: a cluster's name is a DNS label (a-z, 0-9, -, at most 63)");
    if (cluster !== null && (request.uses ?? 1) > 1)
      throw new OperationError("invalid", cluster, "a token for one named cluster has one use");
    const minted = mintJoinToken(authority);
    const row: TokenRow = {
      ...blank(minted.id, minted.hash, now(), caller.name, request.ttlSeconds ?? tokenLife.joinS),
      kind: "join",
      name: request.name ?? cluster ?? "join",
      cluster: cluster as ClusterName | null,
      labels: request.labels ?? {},
      usesLeft: request.uses ?? 1,
      replace: request.replace !== undefined,
    };
    await record.commit([{ kind: "token", row }]);
    const command = `muster-agent --hub ${hubAddress()} --data-dir DIR --token-file FILE --kubeconfig FILE`;
    return { id: minted.id, token: minted.text, expiresAt: new Date(row.expiresAt).toISOString(), command };
  }

  async #createApi(name: string, role: Role, ttlSeconds: number, by: string): Promise<TokenAnswer> {
    const minted = mintApiToken();
    const row: TokenRow = { ...blank(minted.id, minted.hash, this.#options.now(), by, ttlSeconds), kind: "api", name, role };
    await this.#options.record.commit([{ kind: "token", row }]);
    return { id: minted.id, token: minted.text, expiresAt: new Date(row.expiresAt).toISOString(), command: "" };
  }
}

function blank(id: string, hash: TokenRow["hash"], now: number, createdBy: string, ttlSeconds: number): Omit<TokenRow, "kind" | "name"> {
  return {
    id,
    hash,
    role: null,
    tenant: "default",
    cluster: null,
    labels: {},
    usesLeft: 0,
    replace: false,
    createdAt: now,
    createdBy,
    expiresAt: now + ttlSeconds * 1_000,
  };
}
