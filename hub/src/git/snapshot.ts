// A Snapshot: one commit and its files.

import type { Tree } from "./tree.ts";

export type Snapshot = {
  readonly commit: string;
  readonly author: { readonly name: string; readonly email: string };
  /** Milliseconds since 1970. */
  readonly committedAt: number;
  /** Absent where there is no history. They may lie beyond what was fetched. */
  readonly parents?: readonly string[];
  readonly message: string;
  readonly tree: Tree;
};
