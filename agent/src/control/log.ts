// The log as the loops use it: constant messages, fields from one list. No values of Secrets, no file content, no credentials.

export type AgentLogFields = {
  readonly cluster?: string;
  readonly app?: string;
  readonly object?: string;
  readonly code?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly generation?: number;
  readonly epoch?: number;
  readonly manager?: string;
  readonly fields?: readonly string[];
  readonly kind?: string;
  readonly count?: number;
  readonly ms?: number;
  readonly release?: string;
  readonly err?: unknown;
};

export type AgentLog = {
  debug(fields: AgentLogFields, message: string): void;
  info(fields: AgentLogFields, message: string): void;
  warn(fields: AgentLogFields, message: string): void;
  error(fields: AgentLogFields, message: string): void;
};
