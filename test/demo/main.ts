// `make demo`: a Git server, a hub, three Kubernetes control planes and an agent for each, on this machine; then the story, shown and
// checked. On a terminal everything stays up at the end until Ctrl-C. Ends with 0 only when every check held.

import { messageOf } from "@muster/proto/model/failure";
import { Checks } from "./checks.ts";
import { hintsFor } from "./hints.ts";
import { home, Place } from "./place.ts";
import { Screen } from "./screen.ts";
import { cloneRepository, setStage, type Ground, type Stage } from "./stage.ts";
import { play } from "./story.ts";

const exits = { ok: 0, failed: 1, interrupted: 130 } as const;
const logLines = 15;

const stop = new AbortController();
const stopped = new Promise<void>((resolve) => stop.signal.addEventListener("abort", () => resolve(), { once: true }));
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => stop.abort());
process.stdout.on("error", () => stop.abort()); // the reader is gone: nobody watches any more
// What a person has set for a hub of their own is not meant for the demo's.
for (const name of Object.keys(process.env)) if (name.startsWith("MUSTER_")) delete process.env[name];
process.exit(await demo(new Screen(), new Checks()));

/** Gives the exit code, after everything has ended. */
async function demo(screen: Screen, checks: Checks): Promise<number> {
  const began = performance.now();
  await using ends = new AsyncDisposableStack();
  let place: Place | undefined;
  let stage: Stage | undefined;
  try {
    place = ends.use(await Place.take());
    stage = await open({ screen, checks, place, ends, signal: stop.signal });
    const rows = await Promise.race([play(stage), stopped]);
    if (rows === undefined) return interrupted(screen);
    screen.title("What was shown");
    screen.summary(rows);
    screen.say(`${checks.held} checks held. ${Math.round((performance.now() - began) / 1_000)} s in all.`);
    if (process.stdin.isTTY && process.stdout.isTTY) await stay(screen, stage);
    return exits.ok;
  } catch (error) {
    if (stop.signal.aborted) return interrupted(screen);
    place?.keepState();
    const message = messageOf(error);
    const logs = stage === undefined || message.includes("--- hub") ? [] : [stage.rig.logs(logLines)];
    const where = place === undefined ? [] : [`The whole logs are in ${home} until the next demo.`];
    screen.failure([message, ...logs, ...where].join("\n\n"));
    return exits.failed;
  }
}

async function open(ground: Ground): Promise<Stage> {
  const { screen } = ground;
  const began = performance.now();
  screen.title("Muster: a commit reaches three Kubernetes clusters");
  screen.say(
    `On this machine, and only here, start a Git server, a hub and three control planes: the real etcd, kube-apiserver, controllers and
     scheduler; only the nodes are played, by kwok.`,
  );
  const times: Record<string, number> = {};
  const stage = await setStage(ground, (part) => (times[`ready: ${part}`] = performance.now() - began));
  screen.times(times);
  screen.say(
    `Commands are shown as they run, and what they print as it comes. "$" is this folder with .tools/bin on PATH and
     KUBECONFIG=${home}/kubeconfig; "fleet $" is a clone of the repository that describes the fleet:`,
  );
  await cloneRepository(stage);
  await stage.git.type("git ls-files");
  return stage;
}

async function stay(screen: Screen, stage: Stage): Promise<void> {
  screen.hints(hintsFor(stage));
  await stopped;
  screen.say("Ending everything.");
}

function interrupted(screen: Screen): number {
  screen.say("Interrupted; ending everything.");
  screen.mute();
  return exits.interrupted;
}
