// Who serves a Source: the Source's own server, else its mirrors in their order. The Source itself is believed, a force push too; a mirror
// is believed only when what it has follows the commit that is held.

import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { messageOf, OperationError } from "@muster/proto/model/failure";

import type { Network } from "../network/network.ts";
import { maskUrl, type SourceAddress } from "./address.ts";
import { isAncestor } from "./ancestry.ts";
import type { Carrier } from "./carrier.ts";
import { carrierFor } from "./carriers.ts";
import { gitError } from "./faults.ts";
import type { GitProgram } from "./git-program.ts";
import { writeWhole } from "./intake.ts";
import type { GitLimits } from "./limits.ts";
import type { Repository } from "./repository.ts";
import { tipOf, type Tip } from "./revision.ts";
import type { Log } from "./log.ts";
import { compareTags } from "./versions.ts";

export type Found = {
  /** There completely, but not yet held. */
  readonly commit: string;
  /** What was held until now; null at first. */
  readonly before: string | null;
  readonly forced: boolean;
  readonly ref: string | null;
  readonly servedBy: string;
};

export type Remotes = {
  /** Asks one after the other; throws the Source's own error, with the mirrors' words, when nobody can be believed. */
  look(signal: AbortSignal): Promise<Found>;
  hold(found: Found): Promise<void>;
};

export type RemotesOptions = {
  readonly address: SourceAddress;
  readonly network: Network;
  readonly limits: GitLimits;
  readonly log: Log;
  readonly program: GitProgram | null;
  readonly partial: boolean;
  readonly repository: Repository;
};

type Server = { readonly carrier: Carrier; readonly url: string; readonly mirror: boolean };

export function openRemotes({ address, network, limits, log, program, partial, repository }: RemotesOptions): Remotes {
  const { name, revision } = address;
  const servers = [address, ...(address.mirrors ?? [])].map((remote, index): Server => {
    return { carrier: carrierFor({ name, remote, network, limits, partial }, program), url: remote.url, mirror: index > 0 };
  });
  const followed = join(repository.gitdir, "muster-followed");

  const ask = async (server: Server, signal: AbortSignal): Promise<Found> => {
    const { carrier, url, mirror } = server;
    const tip = await tipOf(carrier, { name, url, revision }, signal);
    const before = await repository.soundHeld();
    repository.leaveTo(carrier);
    const found = (commit: string, forced: boolean): Found => ({ commit, before, forced, ref: tip.ref, servedBy: maskUrl(url) });
    const same = async (commit: string) => {
      await repository.rest(carrier, commit, tip.ref, signal);
      return found(commit, false);
    };
    if (tip.commit !== null && tip.commit === before) return same(before);
    if (mirror && before !== null) await refuseBehind(tip, before, url);
    const commit = await repository.bring(carrier, tip, before, signal);
    if (commit === before) return same(before);
    const follows = before === null || (await repository.descends(carrier, tip, commit, before, signal));
    if (mirror && !follows && !(await isNewerVersion(tip.ref)))
      throw gitError("E_MIRROR_DIVERGED", name, `${maskUrl(url)} has commit ${commit}, which does not follow the held commit ${before}`);
    return found(commit, !follows);
  };

  /** What is known as an ancestor need not be fetched to be refused. */
  const refuseBehind = async (tip: Tip, before: string, url: string) => {
    const known = tip.commit === null ? "unknown" : await isAncestor(repository.gitdir, repository.objects, before, tip.commit);
    if (known !== "yes") return;
    throw gitError("E_MIRROR_BEHIND", name, `${maskUrl(url)} has commit ${tip.commit}, which is older than the held commit ${before}`);
  };

  /** Tags of versions need not follow each other: 1.3.0 may come from another branch than 1.2.9. */
  const isNewerVersion = async (ref: string | null): Promise<boolean> => {
    const was = (await readFile(followed, "utf8").catch(() => "")).trim();
    const order = ref === null ? undefined : compareTags(tagOf(ref), tagOf(was));
    return order !== undefined && order > 0;
  };

  return {
    async look(signal) {
      const failures: { readonly server: Server; readonly error: unknown }[] = [];
      for (const server of servers) {
        try {
          const found = await ask(server, signal);
          if (server.mirror && found.commit !== found.before)
            log.warn(
              { source: name, url: found.servedBy, commit: found.commit },
              "a mirror served the commit: the source itself does not answer",
            );
          return found;
        } catch (error) {
          if (signal.aborted) throw error;
          failures.push({ server, error });
        }
      }
      throw together(name, failures);
    },
    async hold({ commit, ref }) {
      await repository.hold(commit);
      await writeWhole(followed, ref ?? "");
    },
  };
}

const tagOf = (ref: string): string => ref.replace(/^refs\/tags\//, "");

/** The Source's own failure, with what the mirrors said. */
function together(name: string, failures: readonly { readonly server: Server; readonly error: unknown }[]): unknown {
  const [first, ...mirrors] = failures;
  if (first === undefined || mirrors.length === 0 || !(first.error instanceof OperationError)) return first?.error;
  const others = mirrors.map(({ error }) => messageOf(error)).join("; ");
  const { code, fault } = first.error;
  return new OperationError(code, name, `${first.error.message}; no mirror helps: ${others}`, first.error, fault);
}
