// The messages of a session: model <-> wire.

import { isDigest, type Digest } from "../model/digest.ts";
import { unreachable } from "../model/failure.ts";
import type { AppKey } from "../model/identity.ts";
import type { FromAgent, FromHub, Hello, ObservedApp, Rejection } from "../model/session.ts";
import { refusals, type AppStatus, type RefusalCode } from "../model/status.ts";
import type * as wire from "../gen/muster/v1/link.ts";
import { fromWireEnvelope, toWireEnvelope } from "./envelope.ts";
import { count, fromWireFacts, fromWireStatus, toWireFacts, toWireStatus } from "./status.ts";

export function toWireRequest(message: FromAgent): wire.SessionRequest {
  switch (message.kind) {
    case "hello":
      return { body: { $case: "hello", value: toWireHello(message) } };
    case "ack": {
      const { epoch, generation, digest, refusal, message: text } = message;
      return {
        body: {
          $case: "ack",
          value: { epoch: BigInt(epoch), generation: BigInt(generation), digest, refusal: refusal ?? "", message: text },
        },
      };
    }
    case "status": {
      const { seq, apps, forgotten, complete, all, facts } = message;
      const value = {
        seq: BigInt(seq),
        apps: apps.map(toWireStatus),
        forgotten: [...forgotten],
        complete,
        all: [...(all ?? [])],
        facts: facts === null ? undefined : toWireFacts(facts),
      };
      return { body: { $case: "status", value } };
    }
    case "root":
      return { body: { $case: "root", value: { statusRoot: message.statusRoot } } };
    case "commandResult":
      return { body: { $case: "commandResult", value: { id: message.id, ok: message.ok, message: message.message, code: message.code } } };
    default:
      return unreachable(message);
  }
}

function toWireHello(hello: Hello): wire.Hello {
  const { accepted, facts } = hello;
  return {
    protocolMin: hello.protocolMin,
    protocolMax: hello.protocolMax,
    features: [...hello.features],
    agentVersion: hello.agentVersion,
    clusterUid: hello.clusterUid,
    instance: hello.instance,
    accepted:
      accepted === null
        ? undefined
        : { epoch: BigInt(accepted.epoch), signer: accepted.signer, generation: BigInt(accepted.generation), digest: accepted.digest },
    statusRoot: hello.statusRoot,
    trustVersion: BigInt(hello.trustVersion),
    facts: facts === null ? undefined : toWireFacts(facts),
  };
}

/** Reads what an agent sent. Throws a TypeError that says what is wrong with it. */
export function fromWireRequest(request: wire.SessionRequest): FromAgent {
  const body = request.body;
  switch (body?.$case) {
    case "hello":
      return fromWireHello(body.value);
    case "ack": {
      const { epoch, generation, digest, refusal, message } = body.value;
      return {
        kind: "ack",
        epoch: count(epoch, "epoch"),
        generation: count(generation, "generation"),
        digest,
        refusal: refusalOf(refusal),
        message: message.slice(0, 2_000),
      };
    }
    case "status": {
      const { seq, apps, forgotten, complete, all, facts } = body.value;
      const read = apps.flatMap(readable);
      return {
        kind: "status",
        seq: count(seq, "seq"),
        apps: read,
        forgotten: forgotten as AppKey[],
        complete: complete && read.length === apps.length,
        all: all.length === 0 ? null : (all as AppKey[]),
        malformed: apps.length - read.length,
        facts: facts === undefined ? null : fromWireFacts(facts),
      };
    }
    case "root":
      return { kind: "root", statusRoot: body.value.statusRoot };
    case "commandResult": {
      const { id, ok, message, code } = body.value;
      return { kind: "commandResult", id, ok, message: message.slice(0, 2_000), code: /^[A-Z_]{1,40}$/.test(code) ? code : "" };
    }
    case undefined:
      throw new TypeError("a message without a known body");
    default:
      return unreachable(body);
  }
}

/** One status that cannot be read stops only itself (S51). */
function readable(status: wire.AppStatus): AppStatus[] {
  try {
    return [fromWireStatus(status)];
  } catch {
    return [];
  }
}

function fromWireHello(hello: wire.Hello): Hello {
  const accepted = hello.accepted;
  if (accepted !== undefined && !isDigest(accepted.digest)) throw new TypeError("accepted.digest is no digest");
  return {
    kind: "hello",
    protocolMin: hello.protocolMin,
    protocolMax: hello.protocolMax,
    features: hello.features,
    agentVersion: hello.agentVersion,
    clusterUid: hello.clusterUid,
    instance: hello.instance,
    accepted:
      accepted === undefined
        ? null
        : {
            epoch: count(accepted.epoch, "epoch"),
            signer: accepted.signer,
            generation: count(accepted.generation, "generation"),
            digest: accepted.digest as Digest,
          },
    statusRoot: hello.statusRoot,
    trustVersion: count(hello.trustVersion, "trustVersion"),
    facts: hello.facts === undefined ? null : fromWireFacts(hello.facts),
  };
}

function refusalOf(code: string): RefusalCode | null {
  if (code === "") return null;
  if (!Object.hasOwn(refusals, code)) throw new TypeError("unknown refusal code");
  return code as RefusalCode;
}

export function toWireResponse(message: FromHub): wire.SessionResponse {
  switch (message.kind) {
    case "welcome": {
      const { protocol, features, beatMs, reconnectWindowMs, keyManifests } = message;
      return {
        body: {
          $case: "welcome",
          value: { protocol, features: [...features], beatMs, reconnectWindowMs, keyManifests: keyManifests.map(toWireEnvelope) },
        },
      };
    }
    case "bundle":
      return { body: { $case: "bundle", value: { envelope: toWireEnvelope(message.envelope) } } };
    case "current":
      return { body: { $case: "current", value: { digest: message.digest } } };
    case "statusAck":
      return { body: { $case: "statusAck", value: { seq: BigInt(message.seq) } } };
    case "need":
      return { body: { $case: "need", value: { apps: [...message.apps] } } };
    case "observe": {
      const apps = message.apps.map(({ app, pin, healthyForMs }) => ({ app, pin, healthyForMs: BigInt(healthyForMs) }));
      return { body: { $case: "observe", value: { apps } } };
    }
    case "command":
      return { body: { $case: "command", value: { envelope: toWireEnvelope(message.envelope) } } };
    case "throttle":
      return { body: { $case: "throttle", value: { statusIntervalMs: message.statusIntervalMs } } };
    case "drain":
      return { body: { $case: "drain", value: { withinMs: message.withinMs } } };
    case "rejected":
      return {
        body: { $case: "rejected", value: { reason: message.reason, message: message.message, retryAfterMs: message.retryAfterMs } },
      };
    default:
      return unreachable(message);
  }
}

/** Reads what the hub sent; a body that this agent does not know is null: newer hubs may say more. */
export function fromWireResponse(response: wire.SessionResponse): FromHub | null {
  const body = response.body;
  switch (body?.$case) {
    case "welcome": {
      const { protocol, features, beatMs, reconnectWindowMs, keyManifests } = body.value;
      return { kind: "welcome", protocol, features, beatMs, reconnectWindowMs, keyManifests: keyManifests.map(fromWireEnvelope) };
    }
    case "bundle":
      if (body.value.envelope === undefined) throw new TypeError("a bundle without envelope");
      return { kind: "bundle", envelope: fromWireEnvelope(body.value.envelope) };
    case "current":
      return { kind: "current", digest: body.value.digest };
    case "statusAck":
      return { kind: "statusAck", seq: count(body.value.seq, "seq") };
    case "need":
      return { kind: "need", apps: body.value.apps as AppKey[] };
    case "observe":
      return { kind: "observe", apps: body.value.apps.map(fromWireObserved) };
    case "command":
      if (body.value.envelope === undefined) throw new TypeError("a command without envelope");
      return { kind: "command", envelope: fromWireEnvelope(body.value.envelope) };
    case "throttle":
      return { kind: "throttle", statusIntervalMs: body.value.statusIntervalMs };
    case "drain":
      return { kind: "drain", withinMs: body.value.withinMs };
    case "rejected":
      return {
        kind: "rejected",
        reason: rejectionOf(body.value.reason),
        message: body.value.message,
        retryAfterMs: body.value.retryAfterMs,
      };
    case undefined:
      return null;
    default:
      return unreachable(body);
  }
}

function fromWireObserved({ app, pin, healthyForMs }: wire.ObservedApp): ObservedApp {
  if (!isDigest(pin)) throw new TypeError("observe.pin is no digest");
  return { app: app as AppKey, pin, healthyForMs: count(healthyForMs, "observe.healthyForMs") };
}

const rejections: ReadonlySet<string> = new Set<Rejection>(["quarantined", "revoked", "version", "replaced", "unknown"]);

function rejectionOf(reason: string): Rejection {
  return rejections.has(reason) ? (reason as Rejection) : "unknown";
}
