// The carrier with the git program: over ssh, and over http(s) because it takes packs in faster and with less memory than we could. What
// it fetches arrives in a repository of its own that is thrown away, and only packs that were looked through are moved from there.

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { OperationError } from "@muster/proto/model/failure";

import { checkRemote, isBelow, maskUrl } from "./address.ts";
import { authorized, authorizer, type Authorize } from "./authorize.ts";
import type { Carrier, CarrierOptions, RemoteRef, Want } from "./carrier.ts";
import { gitError } from "./faults.ts";
import type { GitProgram } from "./git-program.ts";
import { movePacks, moveShallow, packFolder, packsIn } from "./gitdir.ts";
import { gitHttp, type GitHttp } from "./http.ts";
import { serverRefs } from "./isomorphic.ts";
import { nativeFault } from "./native-faults.ts";
import { openRoom, type Room, type RoomOptions } from "./native-room.ts";
import { pinsOf, type Pins } from "./pins.ts";
import { runGit } from "./native-run.ts";
import { checkPack } from "./pack.ts";

const fetchedRef = "refs/muster/fetched";
const objectsAtOnce = 5_000;
const quietly = ["--quiet", "--force", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance"];
const withoutFiles = "--filter=blob:none";
const fetchCommand = ["fetch", ...quietly];

export function nativeCarrier(options: CarrierOptions, program: GitProgram): Carrier {
  const { name, remote } = options;
  const url = checkRemote(name, remote);
  if (url.protocol === "ssh:" && program.ssh === null)
    throw gitError("E_GIT_MISSING", name, "cannot use an ssh URL: there is no ssh on PATH");
  const carrier = new NativeCarrier(options, program, url);
  return {
    kind: "native",
    refs: (prefix, signal) => carrier.refs(prefix, signal),
    fetch: (gitdir, want, signal) => carrier.fetch(gitdir, want, signal),
    objects: options.partial ? (gitdir, oids, signal) => carrier.objects(gitdir, oids, signal) : undefined,
  };
}

/** One fetch into a repository. */
type Intake = {
  readonly gitdir: string;
  readonly use: RoomOptions["use"];
  readonly args: readonly string[];
  readonly input: string;
  readonly want: Pick<Want, "ref" | "oid">;
  readonly signal: AbortSignal;
};

type How = Omit<RoomOptions, "gitdir" | "use">;

class NativeCarrier {
  readonly #options: CarrierOptions;
  readonly #program: GitProgram;
  readonly #url: URL;
  readonly #openHttp: ((signal: AbortSignal) => GitHttp) | null;
  readonly #authorize: Authorize;
  /** Where http(s) really has the repository: git itself follows no redirect. */
  #httpUrl: URL;

  constructor(options: CarrierOptions, program: GitProgram, url: URL) {
    const { name, remote, network, limits } = options;
    this.#options = options;
    this.#program = program;
    this.#url = url;
    this.#httpUrl = url;
    this.#authorize = authorizer(name, remote, network, limits);
    this.#openHttp = url.protocol === "ssh:" ? null : gitHttp(name, remote, network, limits, this.#authorize);
  }

  async refs(prefix: string, signal: AbortSignal): Promise<readonly RemoteRef[]> {
    const { name, remote, limits } = this.#options;
    if (this.#openHttp !== null) {
      const http = this.#openHttp(signal);
      const found = await serverRefs(http, name, remote.url, prefix);
      this.#httpUrl = http.cameFrom();
      return found;
    }
    const pattern = prefix.endsWith("/") ? `${prefix}*` : prefix;
    const timeoutMs = Math.min(limits.idleMs, limits.requestMs);
    const said = await this.#reaching(signal, async (pins) => {
      // A repository that is only asked needs no place of its own on our disk; any empty folder will do.
      await using room = await openRoom({ ...this.#room(undefined, pins), gitdir: null, use: "incoming" });
      return await this.#run(room, ["ls-remote", "--quiet", "--symref", "--", "origin", pattern], "", timeoutMs, signal);
    });
    return parseRefs(said).filter((line) => line.ref.startsWith(prefix));
  }

  async fetch(gitdir: string, want: Want, signal: AbortSignal): Promise<string> {
    const filter = this.#options.partial ? [withoutFiles] : [];
    const args = [...fetchCommand, `--depth=${want.depth}`, ...filter, "--", "origin", `+${want.ref ?? want.oid}:${fetchedRef}`];
    return this.#into({ gitdir, use: "incoming", args, input: "", want, signal }, async (room) => {
      await moveShallow(room.dir, gitdir);
      return (await readFile(join(room.dir, fetchedRef), "utf8")).trim();
    });
  }

  /** Files that a partial fetch left out, in few packs. What we hold is not said: the server would take it that we have the files of our commits. */
  async objects(gitdir: string, oids: readonly string[], signal: AbortSignal): Promise<void> {
    const args = ["-c", "fetch.negotiationAlgorithm=noop", ...fetchCommand, withoutFiles, "--stdin", "--", "origin"];
    for (let at = 0; at < oids.length; at += objectsAtOnce) {
      const some = oids.slice(at, at + objectsAtOnce);
      const want = { ref: null, oid: some[0] ?? "" };
      await this.#into({ gitdir, use: "incoming-files", args, input: `${some.join("\n")}\n`, want, signal }, () => Promise.resolve());
    }
  }

  async #into<T>(intake: Intake, done: (room: Room) => Promise<T>): Promise<T> {
    return authorized(this.#authorize, intake.signal, (authorization) =>
      this.#reaching(intake.signal, (pins) => this.#take(intake, this.#room(authorization, pins), done)),
    );
  }

  /** Works with where the host's name leads: curl tries all of that, ssh is told one address after the other. */
  async #reaching<T>(signal: AbortSignal, work: (pins: Pins) => Promise<T>): Promise<T> {
    const { name, network } = this.#options;
    const pins = await pinsOf(name, this.#httpUrl, network, signal);
    if (this.#url.protocol !== "ssh:") return work(pins);
    for (const pin of pins.slice(0, -1)) {
      try {
        return await work([pin]);
      } catch (error) {
        if (!(error instanceof OperationError) || error.fault?.code !== "E_SOURCE_UNREACHABLE") throw error;
      }
    }
    return work(pins.slice(-1));
  }

  async #take<T>({ gitdir, use, args, input, want, signal }: Intake, how: How, done: (room: Room) => Promise<T>): Promise<T> {
    await using room = await openRoom({ ...how, gitdir, use });
    await this.#run(room, args, input, this.#options.limits.requestMs, signal, want);
    const packs = await packsIn(room.dir);
    for (const pack of packs) await this.#look(join(packFolder(room.dir), `${pack}.pack`));
    await movePacks(room.dir, gitdir, packs);
    return await done(room); // awaited here: the folder goes when this returns
  }

  async #look(pack: string): Promise<void> {
    const { name, remote, limits } = this.#options;
    if ((await stat(pack)).size > limits.packBytes)
      throw gitError("E_LIMIT", name, `${maskUrl(remote.url)} answers with more than ${limits.packBytes} bytes`);
    await checkPack(await readFile(pack), name, limits);
  }

  #room(authorization: string | undefined, pins: Pins): How {
    const { remote, network, limits, partial } = this.#options;
    const url = this.#url.protocol === "ssh:" ? remote.url : this.#httpUrl.href;
    const own = isBelow(this.#url, this.#httpUrl);
    const { hostname, port } = this.#url;
    const host = port === "" || port === "22" ? hostname : `[${hostname}]:${port}`;
    const show = { authorization: own ? authorization : undefined, showsCertificate: own };
    return { remote, network, pins, host, limits, partial, url, ...show };
  }

  async #run(
    room: Room,
    args: readonly string[],
    input: string,
    timeoutMs: number,
    signal: AbortSignal,
    want: Pick<Want, "ref" | "oid"> | null = null,
  ): Promise<string> {
    const { name, remote, limits } = this.#options;
    const { git, ssh } = this.#program;
    const bounds = { timeoutMs, stdoutBytes: limits.refsBytes, fileBytes: limits.packBytes * 2 };
    const ended = await runGit({ git, ssh, dir: room.dir, scheme: this.#url.protocol.slice(0, -1), args, input, bounds, signal });
    if (ended.kind === "done") return ended.stdout;
    throw nativeFault(ended, { name, url: maskUrl(remote.url), want });
  }
}

/** Lines of `ls-remote --symref`: `ref: refs/heads/main\tHEAD`, `<id>\tHEAD`, `<id>\trefs/tags/v1`, `<id>\trefs/tags/v1^{}`. */
export function parseRefs(text: string): readonly RemoteRef[] {
  const targets = new Map<string, string>();
  const peeled = new Map<string, string>();
  const found: { ref: string; oid: string }[] = [];
  for (const line of text.split("\n")) {
    const [value = "", ref = ""] = line.split("\t");
    if (value.startsWith("ref: ")) targets.set(ref, value.slice("ref: ".length));
    else if (!/^[0-9a-f]{40}$/.test(value)) continue;
    else if (ref.endsWith("^{}")) peeled.set(ref.slice(0, -"^{}".length), value);
    else found.push({ ref, oid: value });
  }
  return found.map(({ ref, oid }) => ({ ref, oid, peeled: peeled.get(ref) ?? null, target: targets.get(ref) ?? null }));
}
