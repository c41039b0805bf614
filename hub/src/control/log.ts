// The log as the loops use it: constant messages, fields from one list.

import type { Digest } from "@muster/proto/model/digest";

/** Every field that may stand in a log line. No values of Secrets, no file content, no credentials. */
export type LogFields = {
  readonly cluster?: string;
  readonly app?: string;
  readonly source?: string;
  readonly commit?: string;
  readonly uid?: string;
  readonly replaces?: boolean;
  readonly remote?: string;
  readonly instance?: string;
  readonly reason?: string;
  readonly refusal?: string;
  readonly generation?: number;
  readonly epoch?: number;
  readonly command?: string;
  readonly ok?: boolean;
  readonly code?: string;
  readonly path?: string;
  readonly line?: number;
  readonly ms?: number;
  readonly count?: number;
  readonly port?: number;
  readonly digest?: Digest;
  readonly where?: string;
  readonly err?: unknown;
  readonly actor?: string;
  readonly token?: string;
  readonly clusters?: number;
  readonly problems?: number;
  readonly rendered?: number;
};

export type HubLog = {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
};
