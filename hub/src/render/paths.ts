// Paths inside a Snapshot: "/" between folders, none in front, "" is the root. Nothing here touches a file system.

/** `relative` seen from the folder `base`; undefined when it leads out of the Snapshot. A leading "/" is not the root: it leads out. */
export function resolvePath(base: string, relative: string): string | undefined {
  if (relative.startsWith("/") || relative.includes("\0")) return undefined;
  const steps = base === "" ? [] : base.split("/");
  for (const step of relative.split("/")) {
    if (step === "" || step === ".") continue;
    if (step !== "..") steps.push(step);
    else if (steps.pop() === undefined) return undefined;
  }
  return steps.join("/");
}

/** The folder that a file lies in. */
export function folderOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash === -1 ? "" : path.slice(0, slash);
}

/** The last part of a path. */
export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

export function joinPath(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** What `path` is called inside `folder`; undefined when it is not below it. */
export function below(folder: string, path: string): string | undefined {
  if (folder === "") return path;
  return path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : undefined;
}
