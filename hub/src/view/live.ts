// The JSON of the API where a person's hand or an agent is needed: looks at clusters, sync, pauses. Fields are only ever added. Times
// are RFC 3339, UTC.

import type { Digest } from "@muster/proto/model/digest";
import type { InspectPart } from "@muster/proto/model/command";
import type { AppKey, ClusterName, ObjectIdentity } from "@muster/proto/model/identity";
import type { Inspection } from "@muster/proto/model/inspection";

/** `GET /api/v1/live/tree|events|diff|objects?app=&cluster=&object=&managedFields=` */
export type LiveQuery = {
  readonly app: string;
  readonly cluster: string;
  readonly part: InspectPart;
  readonly object: ObjectIdentity | null;
  readonly managedFields: boolean;
};
export type LiveAnswer = Inspection & { readonly cluster: ClusterName };

/** `POST /api/v1/sync` */
export type SyncRequest = { readonly app: string; readonly cluster?: string; readonly reason?: string; readonly redeliver?: boolean };
/** What became of it on one cluster: `asked` is let go now, `notWaiting` has nothing that waits for a hand, `ordered` is told to the agent. */
export type SyncRow = {
  readonly app: AppKey;
  readonly cluster: ClusterName;
  readonly state: "asked" | "notWaiting" | "paused" | "ordered" | "waitsForAgent" | "refused";
  readonly pin: Digest | null;
  readonly message: string;
};
export type SyncAnswer = { readonly items: readonly SyncRow[] };

/** What a pause is about; `{}` with `fleet: true` is everything. */
export type ScopeRequest = { readonly app?: string; readonly cluster?: string; readonly fleet?: true };
/** `POST /api/v1/pauses` */
export type PauseRequest = ScopeRequest & { readonly reason: string; readonly forSeconds?: number };
/** `POST /api/v1/resume` */
export type ResumeRequest = ScopeRequest & { readonly reason?: string };
export type PauseRow = {
  readonly app: AppKey | null;
  readonly cluster: ClusterName | null;
  readonly by: string;
  readonly reason: string;
  readonly at: string;
  /** null: until somebody resumes. */
  readonly until: string | null;
};
export type ResumeAnswer = { readonly ended: PauseRow };

/** `GET /api/v1/acts`: what people did that is not in Git. */
export type ActsAnswer = {
  readonly pauses: readonly PauseRow[];
  readonly syncs: readonly {
    readonly app: AppKey;
    readonly cluster: ClusterName;
    readonly pin: Digest;
    readonly by: string;
    readonly reason: string;
    readonly at: string;
  }[];
  readonly redeliveries: readonly {
    readonly app: AppKey;
    readonly cluster: ClusterName;
    readonly by: string;
    readonly reason: string;
    readonly at: string;
    readonly state: "waiting" | "done" | "failed" | "expired";
    readonly message: string;
  }[];
};
