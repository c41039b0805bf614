// Two hubs on one database would be two signers (F11). Who runs holds an exclusive lock on a small file beside it, for as long as its
// process lives: the kernel frees it with the process, whatever ended it, and it counts across containers that share the folder.

import { chmodSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";

import { OperationError } from "@muster/proto/model/failure";

/** Takes the lock or throws OperationError "conflict". The file stays when the lock is given back: removing it would be a race. */
export function holdLock(path: string): Disposable {
  makePrivate(path);
  const db = new Database(path, { timeout: 0 });
  try {
    db.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    if ((error as { code?: string }).code?.startsWith("SQLITE_BUSY") !== true) throw error;
    throw new OperationError("conflict", path, "another hub holds this database; stop it first", error);
  }
  return { [Symbol.dispose]: () => void db.close() };
}

/**
 * Makes a file that only its owner may read, or takes the others' rights away. SQLite gives a database's WAL the same mode. Does not
 * open a file that is there: closing it again would free the locks that this process holds on it.
 */
export function makePrivate(path: string): void {
  try {
    writeFileSync(path, "", { flag: "wx", mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    chmodSync(path, 0o600);
  }
}
