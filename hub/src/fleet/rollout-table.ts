// A rollout as people write it, field by field: in an App, in a target, as a Source's default. What several fields mean together is in
// rollout-rules.ts.

import { labelKey, subdomainName } from "./names.ts";
import { selectorShape } from "./selector.ts";
import {
  coded,
  exactlyOne,
  flag,
  isGiven,
  listOf,
  name,
  object,
  present,
  type Field,
  type Fields,
  type Rule,
  type Shape,
} from "./shape.ts";

const seconds = 1000;
const minutes = 60 * seconds;
const hours = 60 * minutes;
const days = 24 * hours;

/** Clusters with this label are first where nobody says who is. */
export const canaryLabel = { key: "muster.dev/canary", value: "true" } as const;

const wavesMax = 20;
const gatesMax = 10;
const clustersMax = 1_000_000;

const duration = (minMs: number, maxMs: number): Shape => ({ is: "duration", minMs, maxMs });
const label: Shape = { is: "text", pattern: labelKey, says: "must be the key of a label" };

/** A count, or a share such as `10%` or `0.5%`. */
const amount = (min: 0 | 1): Shape =>
  coded("E_ROLLOUT_BUDGET", {
    is: "either",
    of: [
      { is: "integer", min, max: clustersMax },
      { is: "text", pattern: `${min === 0 ? "" : "(?!0+(?:\\.0+)?%)"}(?:100(?:\\.0+)?|[0-9]{1,2}(?:\\.[0-9]{1,3})?)%` },
    ],
    says: min === 0 ? "must be a count such as 0 or 2, or a share such as 5%" : "must be a count from 1, or a share above 0% such as 10%",
  });

const dayNames = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] as const;

const clock = (last: boolean): Shape => ({
  is: "text",
  pattern: `(?:[01][0-9]|2[0-3]):[0-5][0-9]${last ? "|24:00" : ""}`,
  says: `must be a time of the day such as "${last ? "17:30" : "09:00"}", in quotes`,
});

const spanFields: Fields = {
  days: {
    shape: { is: "list", of: { is: "choice", of: dayNames }, min: 1, max: 7 },
    default: dayNames,
    description: "Days of the week on which it begins.",
  },
  from: { shape: clock(false), default: "00:00", description: "Local time at which it begins." },
  to: { shape: clock(true), default: "24:00", description: "Local time at which it ends; before `from`: on the next day." },
};

const window = object({
  tz: {
    shape: coded("E_ROLLOUT_ZONE", { is: "text", pattern: "[A-Za-z0-9_+/-]+", max: 64, says: "must be an IANA time zone, or cluster" }),
    required: true,
    description: "IANA time zone, or cluster: that of the cluster; a cluster without one is outside.",
  },
  ...spanFields,
  minRemaining: { shape: duration(0, days), default: "0s", description: "Nothing is begun that close to the end." },
  except: { shape: listOf(object(spanFields), 50), default: [], description: "When it is closed all the same." },
});

const approval = object({
  by: {
    shape: listOf({ is: "text", pattern: "[^\\s,$]+", max: 253, says: "must be the name of a team or role, without blanks" }, 100),
    default: [],
    description: "Teams or roles of which an approver has to be; none: anybody who may approve.",
  },
  count: { shape: { is: "integer", min: 1, max: 100 }, default: 1, description: "How many people." },
  expires: { shape: duration(minutes, 30 * days), default: "24h", description: "After that it is asked for again." },
});

const webhook = object({
  url: {
    shape: {
      is: "text",
      pattern: "https?://[^\\s#@{}]+",
      max: 2048,
      secret: true,
      says: "must be a URL (http or https) without user, password and fragment",
    },
    required: true,
    description: "Who is asked, with a signed POST.",
  },
  secretRef: {
    shape: { is: "text", pattern: subdomainName, max: 253, says: "must be the name of a secret" },
    required: true,
    description: "Name in the hub's secrets folder, of the key that signs.",
  },
  timeout: { shape: duration(seconds, 5 * minutes), default: "10s", description: "How long one answer may take." },
});

const laterGate: Field = {
  shape: { is: "data" },
  notYet: "gates of this version are approval, healthyFor, soak, webhook and window",
  description: "Not supported yet.",
};

const gate = object(
  {
    healthyFor: { shape: duration(0, 7 * days), description: "How long each cluster of the wave has to be healthy, unbroken." },
    soak: { shape: duration(0, 30 * days), description: "How long the whole wave has to be healthy, unbroken." },
    window: { shape: window, description: "When it may go on." },
    approval: { shape: approval, description: "People who have to agree." },
    webhook: { shape: webhook, description: "A service that has to agree." },
    prometheus: laterGate,
    job: laterGate,
    rolloutStatus: laterGate,
    cel: laterGate,
    interval: { shape: duration(10 * seconds, days), default: "1m", description: "How often it is asked." },
    inconclusiveFor: {
      shape: duration(10 * seconds, 30 * days),
      default: "1h",
      description: "How long it may be in doubt before the rollout is held.",
    },
    errorLimit: {
      shape: { is: "integer", min: 1, max: 1000 },
      default: 5,
      description: "Errors in a row after which the rollout is held.",
    },
  },
  exactlyOne(
    "E_ROLLOUT_GATE",
    "needs exactly one of healthyFor, soak, window, approval and webhook",
    "healthyFor",
    "soak",
    "window",
    "approval",
    "webhook",
  ),
);
const gates = coded("E_ROLLOUT_GATE", listOf(gate, gatesMax));

const waveRule: Rule = {
  code: "E_ROLLOUT_WAVES",
  says: "needs a size (percent or count, not both) or whom it is for (clusters or group, not both)",
  holds: (value) => {
    const [clusters, group, percent, count] = ["clusters", "group", "percent", "count"].map((key) => present(value, key));
    return (
      !(clusters === true && group === true) && !(percent === true && count === true) && [clusters, group, percent, count].includes(true)
    );
  },
  schema: {
    allOf: [
      { not: { allOf: ["clusters", "group"].map(isGiven) } },
      { not: { allOf: ["percent", "count"].map(isGiven) } },
      { anyOf: ["clusters", "group", "percent", "count"].map(isGiven) },
    ],
  },
};

const wave = object(
  {
    clusters: { shape: selectorShape, description: "Clusters that it is for, by their labels. Default: all." },
    group: { shape: name, description: "The ClusterGroup that it is for." },
    percent: {
      shape: { is: "number", above: 0, max: 100 },
      description: "Share of those clusters that have it after this wave, earlier waves counted. Default: 100, without count.",
    },
    count: { shape: { is: "integer", min: 1, max: clustersMax }, description: "How many of those clusters." },
    spreadBy: { shape: label, description: "A label whose values take turns." },
    maxUnavailable: { shape: amount(1), default: "10%", description: "How many may be on their way at once." },
    maxFailures: { shape: amount(0), default: 0, description: "How many may fail." },
    maxAbsent: { shape: amount(0), description: "How many may be absent. Default: 20%, of the last wave 100%." },
    minPassed: { shape: amount(1), default: "50%", description: "How many have to pass." },
    before: { shape: gates, default: [], description: "Gates ahead of it: window, approval, webhook." },
    after: { shape: gates, description: "Gates after it. Default: the gates of the rollout." },
  },
  waveRule,
);

const failing = (first: string, second: string, description: string): Field => ({
  shape: { is: "choice", of: [first, second] },
  default: first,
  description,
});

const fields: Fields = {
  waves: {
    shape: coded("E_ROLLOUT_WAVES", { is: "list", of: coded("E_ROLLOUT_FIELD", wave), min: 1, max: wavesMax }),
    default: [{ clusters: { matchLabels: { [canaryLabel.key]: canaryLabel.value } }, count: 1 }, { percent: 10 }, { percent: 100 }],
    description: `Who has it when, in order. Default: one cluster with the label ${canaryLabel.key}, 10 %, all.`,
  },
  gates: {
    shape: gates,
    default: [{ healthyFor: "10m" }],
    description: "After each wave that has none of its own. Default: healthyFor 10m.",
  },
  perSite: {
    shape: object({
      label: { shape: label, required: true, description: "The key of a label; clusters of one value are a site." },
      maxUnavailable: { shape: amount(1), default: 1, description: "How many of one site may be on their way at once." },
    }),
    description: "A bound for each site.",
  },
  progressDeadline: {
    shape: duration(seconds, 7 * days),
    default: "15m",
    description: "How long a cluster may take. Longer than degradedFor.",
  },
  degradedFor: { shape: duration(seconds, 7 * days), default: "2m", description: "A cluster that is degraded for longer has failed." },
  inClusterDeadline: { shape: duration(seconds, 7 * days), default: "2h", description: "How long a canary inside a cluster may pause." },
  onFailure: failing("hold", "rollback", "When more fail than may, or a gate does: stop, or go back to what was."),
  onClusterFailure: failing("keep", "rollback", "A cluster that failed while the rollout goes on: left as it is, or taken back."),
  supersede: failing("latest", "finish", "A newer change during a rollout: takes over, or waits until the older one is done."),
  rollback: {
    shape: object({
      maxUnavailable: { shape: amount(1), default: "25%", description: "How many may be on their way back at once." },
      revertPR: { shape: flag, default: false, description: "Proposes the revert of the commit." },
    }),
    default: {},
    description: "How to go back.",
  },
};

/** What is written as a map. */
export const wavesShape: Shape = object(fields);

export const rolloutShape: Shape = coded("E_ROLLOUT_FIELD", {
  is: "either",
  of: [{ is: "choice", of: ["immediate"] }, wavesShape],
  says: "must be immediate, or a map of waves, gates and bounds",
});

/** Name -> shape: what the JSON Schemas say once. */
export const sharedShapes = { rollout: rolloutShape, wave, gates } as const satisfies Readonly<Record<string, Shape>>;
