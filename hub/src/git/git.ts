// The face of the room that reads Git: Sources over http(s), local repositories and folders, all as trees that cannot be left.

export { checkAddress, checkRevision, maskUrl, type RemoteAddress, type SourceAddress } from "./address.ts";
export { changes, type Change } from "./changes.ts";
export type { ClientCertificate, Credentials } from "./credentials.ts";
export { type FaultCode } from "./faults.ts";
export { openFolder } from "./folder.ts";
export { findGitProgram, type GitProgram } from "./git-program.ts";
export { defaultLimits, type GitLimits } from "./limits.ts";
export { openLocalRepository, type LocalRepository } from "./local.ts";
export type { Snapshot } from "./snapshot.ts";
export { openSource, type Fetched, type GitSource, type SourceOptions } from "./source.ts";
export type { Tree, TreeEntry, TreeItem } from "./tree.ts";
export { isForge, type Forge } from "./forges.ts";
export { isSameRepository, verifyWebhook, webhookBytesMax, type Webhook, type WebhookCall } from "./webhook.ts";
export { webhookPace, webhookReplays, type Pace } from "./webhook-memory.ts";
