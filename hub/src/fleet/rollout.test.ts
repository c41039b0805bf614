// Rollouts as people write them: what they come to, and what is said of those that are wrong.

import assert from "node:assert/strict";
import { test } from "node:test";

import { assembleFleet, parseFleetFile, policyFor, type App, type RolloutPolicy, type Source } from "./fleet.ts";
import { mergeLayers, settingsOf } from "./settings.ts";

const head = "apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata: {name: guestbook}\nspec:\n  source: {path: x}\n";
const indented = (text: string): string => text.replaceAll(/^/gm, "    ");
const written = (rollout: string, more = ""): string => `${head}  rollout:\n${indented(rollout)}\n${more}`;
const parse = (text: string) => parseFleetFile({ source: "root", path: "apps/a.yaml", text });

/** What an App's own word comes to. */
function policyOf(text: string): RolloutPolicy | null {
  const { documents, problems } = parse(text);
  assert.deepEqual(problems, []);
  const app = documents[0]?.value as App;
  const result = settingsOf(mergeLayers([app.layer, ...app.targets.map(({ layer }) => layer)]), { app: app.name, cluster: null }, app.name);
  assert.ok("settings" in result);
  return result.settings.rollout;
}

const pace = { intervalMs: 60_000, inconclusiveForMs: 3_600_000, errorLimit: 5 };
const percent = (share: number) => ({ kind: "percent", percent: share }) as const;
const count = (number: number) => ({ kind: "count", count: number }) as const;
const wave = {
  clusters: null,
  group: null,
  spreadBy: null,
  maxUnavailable: percent(10),
  maxFailures: count(0),
  maxAbsent: percent(20),
  minPassed: percent(50),
  before: [],
  after: null,
};
const usual = {
  kind: "waves",
  gates: [{ kind: "healthyFor", ms: 600_000, ...pace }],
  perSite: null,
  progressDeadlineMs: 900_000,
  degradedForMs: 120_000,
  inClusterDeadlineMs: 7_200_000,
  onFailure: "hold",
  onClusterFailure: "keep",
  supersede: "latest",
  rollback: { maxUnavailable: percent(25), revertPR: false },
} as const;
const canary = { matchAll: false, requirements: [{ key: "muster.dev/canary", operator: "In", values: ["true"] }] };
const defaultWaves = [
  { ...wave, clusters: canary, size: count(1) },
  { ...wave, size: percent(10) },
  { ...wave, size: percent(100), maxAbsent: percent(100) },
];

test("every field of a rollout is read, with its default where it is not written", () => {
  const policy = policyOf(
    written(`waves:
- clusters: {matchLabels: {ring: canary}}
  percent: 10
  spreadBy: site
  maxUnavailable: 2
  maxFailures: 1
  maxAbsent: 5%
  minPassed: 12.5%
  before:
  - window: {tz: Europe/Berlin, days: [mon, tue], from: "09:00", to: "16:00", minRemaining: 1h, except: [{days: [tue], from: "12:00", to: "13:30"}]}
- group: edge
  after:
  - approval: {by: [sre], count: 2, expires: 12h}
- count: 3
gates:
- soak: 1h
  interval: 30s
- webhook: {url: "https://hook.example/gate", secretRef: hook, timeout: 3s}
  inconclusiveFor: 10m
  errorLimit: 2
perSite: {label: site}
progressDeadline: 30m
degradedFor: 5m
inClusterDeadline: 4h
onFailure: rollback
onClusterFailure: rollback
supersede: finish
rollback: {maxUnavailable: 5, revertPR: true}`),
  );
  const days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
  assert.deepEqual(policy, {
    kind: "waves",
    waves: [
      {
        clusters: { matchAll: false, requirements: [{ key: "ring", operator: "In", values: ["canary"] }] },
        group: null,
        size: percent(10),
        spreadBy: "site",
        maxUnavailable: count(2),
        maxFailures: count(1),
        maxAbsent: percent(5),
        minPassed: percent(12.5),
        before: [
          {
            kind: "window",
            window: {
              tz: "Europe/Berlin",
              days: days.slice(0, 2),
              fromMinute: 540,
              toMinute: 960,
              minRemainingMs: 3_600_000,
              except: [{ days: ["tue"], fromMinute: 720, toMinute: 810 }],
            },
            ...pace,
          },
        ],
        after: null,
      },
      { ...wave, group: "edge", size: percent(100), after: [{ kind: "approval", by: ["sre"], count: 2, expiresMs: 43_200_000, ...pace }] },
      { ...wave, size: count(3), maxAbsent: percent(100) },
    ],
    gates: [
      { kind: "soak", ms: 3_600_000, ...pace, intervalMs: 30_000 },
      {
        kind: "webhook",
        url: "https://hook.example/gate",
        secretRef: "hook",
        timeoutMs: 3000,
        intervalMs: 60_000,
        inconclusiveForMs: 600_000,
        errorLimit: 2,
      },
    ],
    perSite: { label: "site", maxUnavailable: count(1) },
    progressDeadlineMs: 1_800_000,
    degradedForMs: 300_000,
    inClusterDeadlineMs: 14_400_000,
    onFailure: "rollback",
    onClusterFailure: "rollback",
    supersede: "finish",
    rollback: { maxUnavailable: count(5), revertPR: true },
  });
  const whole = policyOf(written("gates: [{window: {tz: cluster}}]"));
  assert.ok(whole?.kind === "waves" && whole.gates[0]?.kind === "window");
  assert.deepEqual(whole.gates[0].window, { tz: "cluster", days, fromMinute: 0, toMinute: 1440, minRemainingMs: 0, except: [] });
});

test("T01 from four clusters up the default is a canary, a tenth, all; below that all at once", () => {
  assert.deepEqual(policyFor(null, 3), { kind: "immediate" });
  assert.deepEqual(policyFor(null, 4), { ...usual, waves: defaultWaves });
  assert.equal(policyFor(null, 4), policyFor(null, 10_000));
  const own = policyOf(`${head}  rollout: immediate\n`);
  assert.deepEqual(own, { kind: "immediate" });
  assert.equal(policyFor(own, 10_000), own);
});

test("what says a little of a rollout has the default for the rest, also the waves; what says nothing says nothing", () => {
  assert.deepEqual(policyOf(written("onFailure: rollback")), { ...usual, waves: defaultWaves, onFailure: "rollback" });
  for (const nothing of ["{}", "null", "{waves: null, gates: null}"]) assert.equal(policyOf(`${head}  rollout: ${nothing}\n`), null);
});

test("a target says more of a rollout, or another one altogether", () => {
  const targets = (rollout: string): string => `  targets:\n  - {clusters: {matchAll: true}, rollout: ${rollout}}\n`;
  const base = "waves: [{percent: 50}]\ndegradedFor: 10m";
  const merged = policyOf(written(base, targets("{waves: [{percent: 20}], degradedFor: null, onFailure: rollback}")));
  assert.deepEqual(merged, {
    ...usual,
    waves: [{ ...wave, size: percent(20), maxAbsent: percent(100) }],
    onFailure: "rollback",
  });
  assert.deepEqual(policyOf(written(base, targets("immediate"))), { kind: "immediate" });
  assert.equal(policyOf(written(base, targets("null"))), null);
});

test("a Source has a rollout for its Apps that say nothing", () => {
  const source = (rollout: string) =>
    parse(`{apiVersion: muster.dev/v1alpha1, kind: Source, metadata: {name: a}, spec: {git: 'https://git.example/a.git'${rollout}}}`);
  const said = (rollout: string) => (source(rollout).documents[0]?.value as Source | undefined)?.defaultRollout;
  assert.deepEqual(said(", defaultRollout: immediate"), { kind: "immediate" });
  assert.deepEqual(said(", defaultRollout: {supersede: finish}"), { ...usual, waves: defaultWaves, supersede: "finish" });
  assert.deepEqual([said(""), said(", defaultRollout: null"), said(", defaultRollout: {}")], [undefined, undefined, undefined]);
  const [problem] = source(", defaultRollout: {gates: [{window: {tz: Europe/Berln}}]}").problems;
  assert.equal(problem?.code, "E_ROLLOUT_ZONE");
  assert.match(problem?.message ?? "", /^cannot read Source a: spec\.defaultRollout\.gates\[0\]\.window\.tz is no IANA time zone/);
});

type Row = readonly [what: string, rollout: string, code: string, at: string, says: RegExp, remedy?: RegExp];
const gate = (text: string): string => `gates:\n- ${text}`;
const berlin = (more: string): string => gate(`window: {tz: Europe/Berlin, ${more}}`);

const bad: readonly Row[] = [
  [
    "a share of nobody",
    "waves:\n- percent: 10\n- percent: 0",
    "E_ROLLOUT_FIELD",
    "9:7",
    /waves\[1\]\.percent must be a number above 0 and at most 100$/,
  ],
  ["a share in text", "waves:\n- percent: 10%", "E_ROLLOUT_FIELD", "8:7", /waves\[0\]\.percent must be a number/],
  ["an unknown field", "wafes: []", "E_UNKNOWN_KEY", "7:5", /rollout\.wafes is not known/, /did you mean waves\?/],
  ["an empty selector", "waves:\n- clusters: {}", "E_SELECTOR", "8:7", /waves\[0\]\.clusters is empty/],
  ["a duration beyond its bound", "progressDeadline: 8d", "E_ROLLOUT_FIELD", "7:5", /from 1s to 7d, not "8d"/],
  ["a deadline below degradedFor", "progressDeadline: 2m", "E_ROLLOUT_FIELD", "7:5", /must be longer than degradedFor, which is 2m/],
  ["an unknown choice", "onFailure: stop", "E_ROLLOUT_FIELD", "7:5", /must be one of hold, rollback, not "stop"/],
  ["a site without a label", "perSite: {maxUnavailable: 1}", "E_ROLLOUT_FIELD", "7:5", /perSite\.label is missing/],
  ["no waves", "waves: []", "E_ROLLOUT_WAVES", "7:5", /waves must not be empty/],
  ["too many waves", `waves: [${"{count: 1}, ".repeat(21)}]`, "E_ROLLOUT_WAVES", "7:5", /waves holds more than 20 entries/],
  ["a wave that says nothing", "waves: [{spreadBy: site}]", "E_ROLLOUT_WAVES", "7:13", /waves\[0\] needs a size/],
  ["two sizes", "waves: [{percent: 1, count: 1}]", "E_ROLLOUT_WAVES", "7:13", /percent or count, not both/],
  [
    "shares that do not rise",
    "waves:\n- percent: 10\n- count: 2\n- percent: 10",
    "E_ROLLOUT_WAVES",
    "10:7",
    /must be above the 10 of waves\[0\]/,
  ],
  [
    "shares of one ring that do not rise",
    "waves:\n- {group: a, percent: 10}\n- percent: 5\n- {group: a, percent: 9}",
    "E_ROLLOUT_WAVES",
    "10:18",
    /must be above the 10 of waves\[0\]/,
  ],
  [
    "a wave after all",
    "waves:\n- {clusters: {matchAll: true}}\n- group: a",
    "E_ROLLOUT_WAVES",
    "9:7",
    /waves\[1\] takes nobody: waves\[0\] takes all/,
  ],
  ["a budget of nobody", "waves: [{count: 1, maxUnavailable: 0}]", "E_ROLLOUT_BUDGET", "7:24", /maxUnavailable must be a count from 1/],
  ["a budget beyond all", "waves: [{count: 1, maxFailures: 101%}]", "E_ROLLOUT_BUDGET", "7:24", /maxFailures must be a count such as 0/],
  ["a budget below nobody", "waves: [{count: 1, maxAbsent: -1}]", "E_ROLLOUT_BUDGET", "7:24", /maxAbsent must be a count/],
  ["half a cluster", "rollback: {maxUnavailable: 1.5}", "E_ROLLOUT_BUDGET", "7:16", /rollback\.maxUnavailable must be a count/],
  ["more to pass than there are", "waves: [{count: 2, minPassed: 3}]", "E_ROLLOUT_BUDGET", "7:24", /minPassed can never be met: .* 2 /],
  ["a gate that is none", gate("{}"), "E_ROLLOUT_GATE", "8:7", /gates\[0\] needs exactly one of healthyFor/],
  ["a gate that is two", gate("{soak: 1m, healthyFor: 1m}"), "E_ROLLOUT_GATE", "8:7", /needs exactly one/],
  ["two gates of a kind", gate("soak: 1m\n- soak: 2m"), "E_ROLLOUT_GATE", "9:7", /gates\[1\] is a second soak/],
  ["too many gates", `gates: [${"{soak: 1m}, ".repeat(11)}]`, "E_ROLLOUT_GATE", "7:5", /more than 10 entries/],
  ["a soak ahead of its wave", "waves: [{count: 1, before: [{soak: 1m}]}]", "E_ROLLOUT_GATE", "7:33", /before\[0\] soak judges/],
  [
    "two gates of a kind after a wave",
    "waves: [{count: 1, after: [{soak: 1m}, {soak: 2m}]}]",
    "E_ROLLOUT_GATE",
    "7:44",
    /after\[1\] is a second/,
  ],
  ["a gate of later", gate("prometheus: {query: up}"), "E_NOT_SUPPORTED_YET", "8:7", /gates\[0\]\.prometheus is not supported yet/],
  ["looks in a hurry", gate("{soak: 1m, interval: 9s}"), "E_ROLLOUT_GATE", "8:18", /interval must be a duration .* from 10s/],
  ["a soak beyond its bound", gate("soak: 31d"), "E_ROLLOUT_GATE", "8:7", /soak must be a duration like .* from 0s to 30d, not "31d"/],
  [
    "a webhook with a password",
    gate("webhook: {url: 'https://a:b@hook.example', secretRef: a}"),
    "E_ROLLOUT_GATE",
    "8:17",
    /without user, password and fragment$/,
  ],
  ["a webhook without a key", gate("webhook: {url: 'https://hook.example'}"), "E_ROLLOUT_GATE", "8:7", /secretRef is missing/],
  [
    "T28 a zone that there is not",
    gate("window: {tz: Europe/Berln}"),
    "E_ROLLOUT_ZONE",
    "8:16",
    /tz is no IANA time zone/,
    /did you mean Europe\/Berlin\?/,
  ],
  ["an offset for a zone", gate("window: {tz: '+02:00'}"), "E_ROLLOUT_ZONE", "8:16", /tz must be an IANA time zone/],
  ["a window without a zone", gate("window: {days: [mon]}"), "E_ROLLOUT_GATE", "8:7", /tz is missing/],
  [
    "a window without length",
    berlin("from: '09:00', to: '09:00'"),
    "E_ROLLOUT_GATE",
    "8:50",
    /to must differ from from/,
    /"00:00" to "24:00"/,
  ],
  [
    "an exception without length",
    berlin("except: [{from: '09:00', to: '09:00'}]"),
    "E_ROLLOUT_GATE",
    "8:60",
    /except\[0\]\.to must differ/,
  ],
  ["a clock without a nought", berlin("from: 9:00"), "E_ROLLOUT_GATE", "8:35", /from must be a time of the day such as "09:00", in quotes/],
  [
    "a window that is too short",
    berlin("from: '22:00', to: '01:00', minRemaining: 3h"),
    "E_ROLLOUT_GATE",
    "8:63",
    /shorter than the window, which is 3h/,
  ],
  ["a day in full", berlin("days: [Monday]"), "E_ROLLOUT_GATE", "8:42", /days\[0\] must be one of mon, tue/],
  [
    "a name that is an expression",
    gate('approval: {by: ["${cluster.name}"]}'),
    "E_ROLLOUT_GATE",
    "8:23",
    /by\[0\] must be the name of a team/,
  ],
];

for (const [what, rollout, code, at, says, remedy] of bad) {
  test(`${what} is refused with code, place and reason`, () => {
    const { documents, problems, brokenKeys } = parse(written(rollout));
    const [problem] = problems;
    assert.equal(problems.length, 1, JSON.stringify(problems));
    assert.deepEqual([problem?.code, `${problem?.place?.line}:${problem?.place?.column}`], [code, at]);
    assert.match(problem?.message ?? "", /^cannot read App default\/\/guestbook: spec\.rollout/);
    assert.match(problem?.message ?? "", says);
    assert.match(problem?.remedy ?? "", remedy ?? /^/);
    assert.deepEqual([documents, brokenKeys], [[], ["App default//guestbook"]]);
  });
}

test("a target's rollout that does not go with the App's is refused where the target says it", () => {
  const text = written(
    "degradedFor: 20m\nprogressDeadline: 1h",
    "  targets:\n  - cluster: a\n  - cluster: b\n    rollout: {progressDeadline: 10m}\n",
  );
  const [problem] = parse(text).problems;
  assert.deepEqual([problem?.code, problem?.place?.line], ["E_ROLLOUT_FIELD", 12]);
  assert.match(problem?.message ?? "", /spec\.targets\[1\]\.rollout\.progressDeadline must be longer than degradedFor, which is 20m/);
  assert.deepEqual(parse(text.replace("10m}", "21m}")).problems, []);
});

test("targets that only together are wrong are a fault of their clusters", () => {
  const layers = [{ path: "x" }, { rollout: { degradedFor: "20m", progressDeadline: "1h" } }, { rollout: { progressDeadline: "10m" } }];
  const result = settingsOf(mergeLayers(layers), { app: "web", cluster: null }, "web");
  assert.ok("faults" in result);
  assert.deepEqual(
    result.faults.map(({ code, path }) => `${code} ${path.join(".")}`),
    ["E_ROLLOUT_FIELD spec.rollout.progressDeadline"],
  );
});

test("T28 an App whose rollout is broken keeps its last valid document", () => {
  const good = parse(written("waves: [{percent: 100}]"));
  const broken = parse(written("waves: [{percent: 101}]"));
  const { documents, problems } = assembleFleet([broken], good.documents);
  assert.deepEqual(documents, good.documents);
  assert.deepEqual(
    problems.map(({ code }) => code),
    ["E_ROLLOUT_FIELD"],
  );
});
