// Keeps in touch with the hub: hello, bundles in, status out. When the hub is gone it tries again, with patience and jitter; nothing
// else of the agent waits for it.

import { randomUUID } from "node:crypto";

import { encodeEnvelope } from "@muster/proto/codec/envelope";
import type { Bundle } from "@muster/proto/model/bundle";
import type { Digest } from "@muster/proto/model/digest";
import type { Envelope } from "@muster/proto/model/envelope";
import { messageOf, OperationError } from "@muster/proto/model/failure";
import type { AppKey } from "@muster/proto/model/identity";
import { statusDigest, statusRoot } from "@muster/proto/model/root";
import {
  answersBeats,
  observes,
  protocolVersion,
  type AcceptedBundle,
  type FromHub,
  type Hello,
  type StatusReport,
} from "@muster/proto/model/session";
import type { ClusterFacts, RefusalCode } from "@muster/proto/model/status";
import { Bell, pause } from "@muster/proto/waiting/waiting";
import type { Cache } from "../cache/cache.ts";
import type { AgentSession, HubLink } from "../link/link.ts";
import { verifyBundle, walkTrust, type Audience, type Trust } from "../verify/verify.ts";
import type { Body } from "./body.ts";
import { fetchReleases, fetchTimes, type Fetched } from "./fetching.ts";
import { Inbox } from "./inbox.ts";
import type { AgentLog } from "./log.ts";
import { Obedience, type Deeds } from "./obeying.ts";
import { Deadlines, nextAttempt } from "./patience.ts";
import { Unreported } from "./unreported.ts";

export const linkTimes = {
  /** How long the hello waits for fresh facts: an API server that hangs does not keep us from the hub. */
  factsMs: 5_000,
  /** How often in a session they are asked for again: what changed is told. */
  factsEveryMs: 60_000,
  greetingMs: 15_000,
  ackMs: 60_000,
  silenceMs: 90_000,
  ...fetchTimes,
} as const;

/** One session with the hub: what its parts need. */
type Contact = { readonly link: HubLink; readonly session: AgentSession; readonly signal: AbortSignal; readonly deadlines: Deadlines };

export type LinkLoopOptions = {
  readonly dial: () => HubLink;
  readonly cache: Cache;
  readonly audience: Audience;
  readonly agentVersion: string;
  readonly facts: () => Promise<ClusterFacts>;
  readonly body: Pick<Body, "accept" | "statuses" | "recheck" | "observe" | "soakOf">;
  /** What it does when it is told to; a kind that is not there is one that this agent does not know. */
  readonly deeds: Deeds;
  /** What is believed and held at the start. */
  readonly trust: Trust;
  readonly accepted: AcceptedBundle | null;
  /** Asks for a new certificate, once the present one is due; called at every beat. */
  readonly renewIfDue: (link: HubLink) => Promise<void>;
  readonly saveTrust: (manifests: readonly Envelope[]) => Promise<void>;
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: AgentLog;
  readonly times?: { readonly [Name in keyof typeof linkTimes]?: number };
};

export class LinkLoop {
  readonly #options: LinkLoopOptions;
  readonly #times: { readonly [Name in keyof typeof linkTimes]: number };
  readonly #instance = randomUUID();
  readonly #unreported = new Unreported();
  readonly #outgoing = new Bell();
  readonly #obedience: Obedience;
  readonly #inbox = new Inbox();
  /** From which time the next attempt is drawn; null before a welcome. */
  #windowMs: number | null = null;
  #welcomedAt: number | null = null;
  #accepted: AcceptedBundle | null;
  #trust: Trust;
  #heldReleases: ReadonlyMap<AppKey, Digest> = new Map();
  #facts: ClusterFacts | null = null;
  /** True once the hub has said in this session what it watches. */
  #isObserving = false;
  /** The spelling of those that the hub was told in this session. */
  #toldFacts = "";
  #factsAskedAt = -Infinity;

  constructor(options: LinkLoopOptions) {
    this.#options = options;
    this.#times = { ...linkTimes, ...options.times };
    this.#obedience = new Obedience({ ...options, commands: options.cache.commands });
    this.#accepted = options.accepted;
    this.#trust = options.trust;
  }

  /** Called by the body whenever an App's status changed. */
  changed(app: AppKey): void {
    if (this.#options.body.statuses().has(app)) this.#unreported.changed(app);
    else this.#unreported.forgotten(app);
    this.#outgoing.ring();
  }

  /** Called by the body when it knows nothing of an App any more, whatever its last status was. */
  forgot(app: AppKey): void {
    this.#unreported.forgotten(app);
    this.#outgoing.ring();
  }

  /** Something that the accepted bundle names was found lost or damaged on disk: fetched again as soon as there is a session. */
  lost(): void {
    this.#inbox.recheck();
  }

  /** The Releases that the accepted bundle names: bases of the next transfers. */
  holds(bundle: Bundle): void {
    this.#heldReleases = new Map(bundle.apps.map(({ app, release }) => [app, release]));
  }

  async run(signal: AbortSignal): Promise<void> {
    const { log, now, random } = this.#options;
    let failures = 0;
    let waitMs = 0;
    while (!signal.aborted) {
      await pause(waitMs, signal);
      if (signal.aborted) return;
      this.#windowMs = null;
      this.#welcomedAt = null;
      const link = this.#options.dial();
      try {
        await this.#session(link, signal);
      } catch (error) {
        if (signal.aborted) return;
        const code = error instanceof OperationError ? error.code : "unknown";
        log.warn({ code, reason: messageOf(error) }, "lost the hub; healing goes on");
      } finally {
        link.close();
      }
      const liveMs = this.#welcomedAt === null ? 0 : now() - this.#welcomedAt;
      ({ failures, waitMs } = nextAttempt({ failures, liveMs, windowMs: this.#windowMs }, random));
      log.debug({ ms: Math.round(waitMs) }, "waiting before the hub is tried again");
    }
  }

  /** One session, from hello to its end. Throws why it ended, when that was no wish of the hub's. */
  async #session(link: HubLink, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const end = (reason: unknown): void => over.abort(reason);
    using deadlines = new Deadlines(end);
    const both = AbortSignal.any([signal, over.signal]);
    const contact: Contact = { link, session: link.session(both), signal: both, deadlines };
    this.#inbox.clear();
    this.#isObserving = false;
    const parts = [this.#takeBundles(contact).catch(end)];
    try {
      contact.session.send(await this.#hello(both));
      deadlines.set("welcome", this.#times.greetingMs);
      await this.#listen(contact, (beatMs) => parts.push(this.#report(contact, beatMs).catch(end)));
      over.signal.throwIfAborted();
    } catch (error) {
      // The transport only knows that we hung up; why, we know.
      over.signal.throwIfAborted();
      throw error;
    } finally {
      over.abort();
      await Promise.all(parts);
    }
  }

  async #listen(contact: Contact, welcomed: (beatMs: number) => void): Promise<void> {
    const { log, now } = this.#options;
    const { deadlines, session } = contact;
    let silenceMs = Infinity;
    for await (const message of session.messages) {
      if (message.kind === "welcome") {
        deadlines.met("welcome");
        this.#windowMs = message.reconnectWindowMs;
        this.#welcomedAt = now();
        await this.#learnTrust(message.keyManifests);
        log.info({}, "connected to the hub");
        // A list that another hub gave, and that this one does not know of, would last for ever.
        if (!message.features.includes(observes)) this.#options.body.observe([], true);
        if (message.features.includes(answersBeats)) silenceMs = Math.max(this.#times.silenceMs, 3 * message.beatMs);
        welcomed(message.beatMs);
      } else if (message.kind === "rejected") {
        log.warn({ reason: message.reason, message: message.message }, "the hub refused this session");
        this.#windowMs = 2 * message.retryAfterMs;
        return;
      } else if (message.kind === "drain") return;
      else this.#hear(message, contact);
      if (Number.isFinite(silenceMs)) deadlines.set("word", silenceMs);
    }
  }

  async #hello(signal: AbortSignal): Promise<Hello> {
    const { audience, agentVersion } = this.#options;
    await this.#askFacts(signal);
    this.#toldFacts = spell(this.#facts);
    this.#unreported.begin();
    return {
      kind: "hello",
      protocolMin: protocolVersion,
      protocolMax: protocolVersion,
      features: [...this.#obedience.features, observes],
      agentVersion,
      clusterUid: audience.clusterUid,
      instance: this.#instance,
      accepted: this.#accepted,
      statusRoot: this.#root(),
      trustVersion: this.#trust.manifest.version,
      facts: this.#facts,
    };
  }

  /** Facts that come too late for this hello are there for the next one. */
  async #askFacts(signal: AbortSignal): Promise<void> {
    const late = new AbortController();
    const asked = this.#startFacts().catch(() => undefined);
    await Promise.race([asked, pause(this.#times.factsMs, AbortSignal.any([signal, late.signal]))]);
    late.abort();
  }

  /** What cannot be found out stays as it was told. */
  async #startFacts(): Promise<void> {
    this.#factsAskedAt = this.#options.now();
    this.#facts = await this.#options.facts();
  }

  async #tellNewFacts(): Promise<void> {
    await this.#startFacts();
    if (spell(this.#facts) !== this.#toldFacts) this.#outgoing.ring();
  }

  #root(): Digest {
    return statusRoot([...this.#options.body.statuses()].map(([app, status]) => [app, statusDigest(status)] as const));
  }

  async #learnTrust(manifests: readonly Envelope[]): Promise<void> {
    if (manifests.length === 0) return;
    this.#trust = walkTrust(this.#trust, manifests);
    await this.#options.saveTrust(manifests);
  }

  #hear(message: Exclude<FromHub, { kind: "welcome" | "rejected" | "drain" }>, { link, session, signal, deadlines }: Contact): void {
    switch (message.kind) {
      case "bundle":
        return this.#inbox.put(message.envelope);
      case "current":
        return this.#inbox.recheck();
      case "statusAck":
        this.#unreported.acknowledged(message.seq);
        if (this.#unreported.unacked > 0) deadlines.set("ack", this.#times.ackMs);
        else deadlines.met("ack");
        return this.#outgoing.ring();
      case "need":
        if (message.apps.length === 0) this.#unreported.everything();
        for (const app of message.apps) this.#unreported.changed(app);
        return this.#outgoing.ring();
      case "command":
        return this.#obedience.hear(message.envelope, { trust: this.#trust, epoch: this.#accepted?.epoch ?? 0 }, { link, session, signal });
      case "observe":
        this.#options.body.observe(message.apps, !this.#isObserving);
        this.#isObserving = true;
        return;
      case "throttle":
        return;
    }
  }

  /** Takes the newest bundle each time, so that one that was overtaken during a fetch is not finished for nothing. */
  async #takeBundles(contact: Contact): Promise<void> {
    while (!contact.signal.aborted) {
      const next = await this.#inbox.next(contact.signal);
      if (next === undefined) continue;
      if (next.kind === "bundle") await this.#judge(next.envelope, contact);
      else {
        const fetched = await this.#fetch(this.#heldReleases, contact);
        if (fetched.kind === "held" && fetched.some) this.#options.body.recheck();
        if (fetched.kind === "left" && this.#inbox.holdsBundle) this.#inbox.recheck();
      }
    }
  }

  async #judge(envelope: Envelope, contact: Contact): Promise<void> {
    const { audience, body, cache, log } = this.#options;
    const { session } = contact;
    const verdict = verifyBundle(envelope, this.#trust, audience, this.#accepted);
    const refuse = (code: RefusalCode, message: string): void => {
      const { epoch, generation, digest } = verdict.kind === "refused" ? verdict : { ...verdict.bundle, digest: verdict.digest };
      log.warn({ code, generation, reason: message }, "refused a bundle; the accepted one stays");
      session.send({ kind: "ack", epoch, generation, digest, refusal: code, message });
    };
    if (verdict.kind === "refused") return refuse(verdict.code, verdict.message);
    const { bundle, digest } = verdict;
    const { epoch, signer, generation } = bundle;
    const fetched = await this.#fetch(new Map(bundle.apps.map(({ app, release }) => [app, release])), contact);
    if (fetched.kind === "refused") return refuse(fetched.code, fetched.message);
    if (fetched.kind === "left") return;
    if (verdict.kind === "accepted") {
      await cache.writeAccepted(encodeEnvelope(envelope));
      this.#accepted = { epoch, signer, generation, digest };
      this.holds(bundle);
      body.accept(bundle);
      log.info({ generation, epoch }, "accepted a bundle");
    }
    session.send({ kind: "ack", epoch, generation, digest, refusal: null, message: "" });
  }

  #fetch(releases: ReadonlyMap<AppKey, Digest>, { link, signal }: Contact): Promise<Fetched> {
    const newer = (ms: number): Promise<boolean> => this.#inbox.newer(ms, signal);
    return fetchReleases(releases, { ...this.#options, link, bases: this.#heldReleases, newer, times: this.#times }, signal);
  }

  /** Sends what changed, and a beat when nothing did. */
  async #report({ session, link, signal, deadlines }: Contact, beatMs: number): Promise<void> {
    const { body, renewIfDue, log } = this.#options;
    while (!signal.aborted) {
      await renewIfDue(link).catch((error: unknown) =>
        log.warn({ reason: messageOf(error) }, "could not renew the certificate; trying again"),
      );
      const rung = await this.#outgoing.wait(beatMs, signal);
      if (signal.aborted) return;
      if (this.#options.now() - this.#factsAskedAt >= this.#times.factsEveryMs) this.#tellNewFacts().catch(() => undefined);
      if (this.#facts !== null && spell(this.#facts) !== this.#toldFacts) {
        this.#toldFacts = spell(this.#facts);
        this.#unreported.factsChanged(this.#facts);
      }
      if (!rung && this.#unreported.unacked === 0) session.send({ kind: "root", statusRoot: this.#root() });
      const next = (): StatusReport | undefined => this.#unreported.next(body.statuses(), (app, pin) => body.soakOf(app, pin));
      for (let report = next(); report; report = next()) {
        if (this.#unreported.unacked === 1) deadlines.set("ack", this.#times.ackMs);
        session.send(report);
      }
    }
  }
}

const spell = (facts: ClusterFacts | null): string => JSON.stringify(facts);
