// muster-agent: builds the parts and wires them. Heals from its own disk first; the hub comes when it comes.

import { join } from "node:path";
import { pino } from "pino";

import { decodeEnvelope } from "@muster/proto/codec/envelope";
import { messageOf, OperationError } from "@muster/proto/model/failure";
import type { AcceptedBundle } from "@muster/proto/model/session";
import { pause } from "@muster/proto/waiting/waiting";
import { openCache, type Cache } from "./cache/cache.ts";
import { readConfig, usage, type AgentConfig } from "./config.ts";
import { ApiReport } from "./control/api-report.ts";
import { createBody } from "./control/body.ts";
import { LinkLoop } from "./control/link-loop.ts";
import type { AgentLog } from "./control/log.ts";
import { expiryNotice } from "./expiry.ts";
import {
  cacheKey,
  expiryTime,
  loadIdentity,
  makeRequest,
  renewalTime,
  saveCertificate,
  saveManifests,
  toPem,
  type Identity,
} from "./identity/identity.ts";
import { joinFleet } from "./joining.ts";
import { connectKube, type Kube } from "./kube/kube.ts";
import { dialGrpc, enroll } from "./link/link.ts";
import { verifyHeldBundle, walkTrust, type Audience, type Trust } from "./verify/verify.ts";

export const agentVersion = "0.1.0";

async function main(): Promise<void> {
  const answer = await readConfig(process.argv.slice(2), process.env);
  if (answer.kind === "help") return void process.stdout.write(usage);
  if (answer.kind === "version") return void process.stdout.write(`muster-agent ${agentVersion}\n`);
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
  const log = pino({ level: answer.config.logLevel, base: {}, timestamp: pino.stdTimeFunctions.isoTime });
  await runAgent(answer.config, log, stop.signal);
}

/** Runs an agent until the signal. Throws OperationError when it cannot start at all. */
async function runAgent(config: AgentConfig, log: AgentLog, signal: AbortSignal): Promise<void> {
  const kube = await reachCluster(config, log, signal);
  if (kube === undefined) return;
  await using _kube = kube;
  const clusterUid = await kube.kubeSystemUid();
  const identityDir = join(config.dataDir, "identity");
  const known = (await loadIdentity(identityDir)) ?? (await enrol(config, clusterUid, identityDir, log, signal));
  if (known === undefined) return;
  let identity: Identity = known;
  const audience: Audience = { fleet: identity.fleet, cluster: identity.cluster, clusterUid };
  const trust = walkTrust(null, identity.keyManifests);
  // What is kept belongs to this cluster: a folder that was copied to another one is found empty there (F63).
  await using cache = await openCache({
    dir: join(config.dataDir, "cache", clusterUid),
    key: await cacheKey(identityDir),
    log,
    now: Date.now,
  });
  const body = createBody({
    kube,
    cache,
    fleet: identity.fleet,
    namespace: config.namespace,
    log,
    now: Date.now,
    onStatus: ({ app }) => link.changed(app),
    onForgotten: (app) => link.forgot(app),
    onProven: (app) => link.changed(app),
    onMissing: () => link.lost(),
  });
  const apis = new ApiReport(cache.reported);
  const held = await readHeld(cache, trust, audience, log);
  const sayExpired = expiryNotice(identityDir, log);
  const link = new LinkLoop({
    dial: () => {
      sayExpired(expiryTime(identity.certificate), Date.now());
      return dialGrpc(config.hub, { key: identity.key, certificate: identity.certificate, authorities: identity.authority });
    },
    cache,
    audience,
    agentVersion,
    facts: async () => {
      const { kubernetesVersion, apiVersions: names, complete, at } = await kube.facts();
      return { kubernetesVersion, apiVersions: await apis.after({ names, complete, at }), agentVersion };
    },
    body,
    deeds: body.deeds,
    trust,
    accepted: held?.accepted ?? null,
    renewIfDue: async (link) => {
      if (Date.now() < renewalTime(identity.certificate)) return;
      const { key, csr } = await makeRequest();
      const renewed = { ...identity, key, certificate: toPem(await link.renew(csr)) };
      await saveCertificate(identityDir, renewed);
      identity = renewed;
      log.info({ cluster: identity.cluster }, "renewed the certificate");
    },
    saveTrust: (manifests) => saveManifests(identityDir, manifests),
    now: Date.now,
    random: Math.random,
    log,
  });
  if (held !== undefined) {
    link.holds(held.bundle);
    body.accept(held.bundle);
    log.info({ cluster: identity.cluster, generation: held.bundle.generation }, "healing from the accepted bundle on disk");
  }
  await Promise.all([body.run(signal), link.run(signal)]);
}

/** An agent without its API server can do nothing: it waits for it. */
async function reachCluster(config: AgentConfig, log: AgentLog, signal: AbortSignal): Promise<Kube | undefined> {
  for (let waitMs = 250; !signal.aborted; waitMs = Math.min(waitMs * 2, 30_000)) {
    try {
      return await connectKube({ ...(config.kubeconfig === undefined ? {} : { kubeconfig: config.kubeconfig }), log });
    } catch (error) {
      if (error instanceof OperationError && error.code === "invalid") throw error;
      log.warn({ reason: messageOf(error) }, "waiting for the API server");
      await pause(waitMs, signal);
    }
  }
  return undefined;
}

async function enrol(
  config: AgentConfig,
  clusterUid: string,
  dir: string,
  log: AgentLog,
  signal: AbortSignal,
): Promise<Identity | undefined> {
  const { hub, token, clusterName } = config;
  if (token === undefined)
    throw new OperationError(
      "invalid",
      "join token",
      "this agent has not enrolled yet: give it a join token with --token-file (muster token create makes one)",
    );
  return joinFleet({ address: hub, token, clusterUid, proposedName: clusterName, agentVersion, dir, log, enroll }, signal);
}

/** What lies on our own disk is verified like what comes over the wire (I5). */
async function readHeld(
  cache: Cache,
  trust: Trust,
  audience: Audience,
  log: AgentLog,
): Promise<{ bundle: Parameters<ReturnType<typeof createBody>["accept"]>[0]; accepted: AcceptedBundle } | undefined> {
  const bytes = await cache.readAccepted();
  if (bytes === null) return undefined;
  try {
    const verdict = verifyHeldBundle(decodeEnvelope(bytes), trust, audience);
    if (verdict.kind === "refused") {
      log.error({ code: verdict.code, reason: verdict.message }, "the accepted bundle on disk is not used; waiting for the hub");
      return undefined;
    }
    const { bundle, digest } = verdict;
    return { bundle, accepted: { epoch: bundle.epoch, signer: bundle.signer, generation: bundle.generation, digest } };
  } catch (error) {
    log.error({ reason: messageOf(error) }, "the accepted bundle on disk cannot be read; waiting for the hub");
    return undefined;
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`muster-agent: ${messageOf(error)}\n`);
  process.exitCode = 1;
});
