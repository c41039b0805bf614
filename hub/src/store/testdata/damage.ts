// What a bad disk does to a database that is open: all stored manifests become unreadable.

import Database from "better-sqlite3";

export function damageManifests(file: string): void {
  const db = new Database(file);
  db.prepare("UPDATE manifest SET body = ?").run(Buffer.from("damaged"));
  db.close();
}
