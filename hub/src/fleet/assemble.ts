// All files of the fleet become one list of documents. What could not be read keeps its last good form; Apps that lie in the folder
// of another App are that App's to render, and are not read beside it.

import type { App, FleetDocument, ParsedFile } from "./kinds.ts";
import { normalPath } from "./names.ts";
import type { Problem } from "./problem.ts";

export type AssembledFleet = {
  readonly documents: readonly FleetDocument[];
  readonly problems: readonly Problem[];
  /** Documents that are there, cannot be read and have no last good form: nothing that hangs on them may be taken away. */
  readonly broken: ReadonlySet<string>;
  /** Sources with a file of which nothing is known: what else it may have held is not known either. */
  readonly unreadable: ReadonlySet<string>;
};

/**
 * Joins parsed files. `previous` are the documents of the last call, from which last good forms are taken; it may be empty.
 * Files that are gone are simply not among `files`.
 */
export function assembleFleet(files: readonly ParsedFile[], previous: readonly FleetDocument[]): AssembledFleet {
  const { direct, lost } = splitOwned(files);
  const documents = direct.flatMap((file) => file.documents);
  const present = new Set(documents.map(({ key }) => key));
  const broken = new Set(lost.map(({ key }) => key));
  const unreadable = new Set<string>();
  for (const file of direct.filter((each) => each.broken || each.brokenKeys.length > 0)) {
    const kept = previous.filter((each) => !present.has(each.key) && staysFrom(file, each));
    documents.push(...kept);
    for (const { key } of kept) present.add(key);
    for (const key of file.brokenKeys) if (!present.has(key)) broken.add(key);
    if (file.broken && !previous.some((each) => isFrom(file, each))) unreadable.add(file.source);
  }
  return { documents, problems: [...direct.flatMap((file) => file.problems), ...lost.map(ownedInCircle)], broken, unreadable };
}

const isFrom = (file: ParsedFile, document: FleetDocument): boolean =>
  document.place.source === file.source && document.place.path === file.path;

const staysFrom = (file: ParsedFile, document: FleetDocument): boolean =>
  file.brokenKeys.includes(document.key) || (file.broken && isFrom(file, document));

type Owned = { readonly direct: readonly ParsedFile[]; readonly lost: readonly FleetDocument[] };

/** Takes out the Apps that other Apps render. `lost`: those that only render each other, so that nobody renders them. */
function splitOwned(files: readonly ParsedFile[]): Owned {
  const folders = foldersOfApps(files);
  const owners = new Map(files.map((file) => [file, ownersOf(file, folders)]));
  const wards = Map.groupBy(
    files.flatMap((file) => [...(owners.get(file) ?? [])].map((owner) => ({ owner, file }))),
    ({ owner }) => owner,
  );
  const reached = new Set(files.filter((file) => owners.get(file)?.size === 0));
  for (const file of reached) for (const ward of wards.get(file) ?? []) reached.add(ward.file); // grows while it is walked
  return {
    direct: files.map((file) => (owners.get(file)?.size === 0 ? file : withoutApps(file))),
    lost: files.filter((file) => !reached.has(file)).flatMap((file) => file.documents.filter(({ kind }) => kind === "App")),
  };
}

const folderKey = (source: string, folder: string): string => `${source}:${folder}`;

/** The folders that Apps render, as far as they can be read without a cluster, and the files of those Apps. */
function foldersOfApps(files: readonly ParsedFile[]): ReadonlyMap<string, readonly ParsedFile[]> {
  const folders = new Map<string, ParsedFile[]>();
  for (const file of files) {
    for (const document of file.documents) {
      if (document.kind !== "App" || document.value.origin.remote !== null) continue;
      const folder = folderOf(document.value);
      const source = document.value.origin.source ?? file.source;
      if (folder === null || (source === file.source && isInside(file.path, folder))) continue; // a chart beside its App is no App-of-Apps
      const key = folderKey(source, folder);
      folders.set(key, [...(folders.get(key) ?? []), file]);
    }
  }
  return folders;
}

function folderOf(app: App): string | null {
  const path = app.layer["path"];
  return typeof path === "string" && !path.includes("${") ? normalPath(path) : null;
}

const isInside = (path: string, folder: string): boolean => folder === "." || path.startsWith(`${folder}/`);

function ownersOf(file: ParsedFile, folders: ReadonlyMap<string, readonly ParsedFile[]>): ReadonlySet<ParsedFile> {
  const owners = new Set<ParsedFile>();
  for (let end = file.path.lastIndexOf("/"); end > 0; end = file.path.lastIndexOf("/", end - 1)) {
    for (const owner of folders.get(folderKey(file.source, file.path.slice(0, end))) ?? []) owners.add(owner);
  }
  return owners;
}

/** Templates of charts are no YAML: what is wrong with Apps in an App's folder, its render says. */
function withoutApps(file: ParsedFile): ParsedFile {
  const documents = file.documents.filter(({ kind }) => kind !== "App");
  if (documents.length === 0) return { ...file, documents, problems: [], broken: false, brokenKeys: [] };
  return { ...file, documents };
}

function ownedInCircle({ key, place }: FleetDocument): Problem {
  return {
    code: "E_CYCLE",
    severity: "error",
    message: `cannot take ${key}: it lies in the folder of an App that itself lies in a folder of this one, so nothing renders it`,
    remedy: "move one of the documents out of the folder that the other deploys",
    place,
    subject: key,
  };
}
