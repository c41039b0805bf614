// Stories of fleets: random edits of files, labels, groups, enrolments and renders, told one after the other.

import fc from "fast-check";
import { digestOf, type Digest } from "@muster/proto/model/digest";
import type { ClusterName } from "@muster/proto/model/identity";
import { assembleFleet, parseFleetFile, type FleetDocument, type ParsedFile } from "../../fleet/fleet.ts";
import { readYaml } from "../../yaml/yaml.ts";
import type { Enrolled, FleetModel, RenderAnswer, RenderRequest } from "../resolve.ts";
import { app, cluster, group } from "./fleets.ts";

export type Edit =
  | { readonly kind: "file"; readonly path: string; readonly text: string | null }
  | { readonly kind: "enrolled"; readonly name: string; readonly row: Enrolled | null }
  | { readonly kind: "folder"; readonly path: string; readonly edition: number }
  | { readonly kind: "forget"; readonly nth: number }
  | { readonly kind: "order"; readonly seed: number };

const oneOf = <T>(...values: readonly T[]) => fc.constantFrom(...values);
const clusters = ["k1", "k2", "k3", "k4", "k5", "k6"] as const;
const apps = ["a", "b", "c", "d", "e", "child", "ward"] as const;
const envs = ["prod", "staging", "dev"] as const;

const target = fc.oneof(
  oneOf("{clusters: {matchAll: true}}", "{clusters: {matchLabels: {env: prod}}}", "{group: g}", "{group: h}"),
  oneOf("{cluster: k1, deploy: false}", "{cluster: k2}", "{cluster: nowhere}", "{clusters: {matchLabels: {env: dev}}, sync: {prune: false}}"),
  fc.tuple(oneOf(...envs), fc.nat(2)).map(([env, n]) => `{clusters: {matchLabels: {env: ${env}}}, helm: {values: {n: ${n}, env: "\${cluster.labels.env}"}}}`),
  oneOf('{clusters: {matchAll: true}, helm: {values: {tier: "${cluster.labels.tier}"}}}', '{clusters: {matchAll: true}, helm: {values: {v: "${facts.kubeVersion ?? 0}"}}}'),
);
const paths = ["one", "two", "parent", "targetedParent", "mixed", "chart", "chart-all"] as const;
const appText = fc
  .tuple(
    oneOf(...apps),
    fc.oneof(oneOf(...paths.map((path) => `path: ${path}`)), oneOf('path: "per-${cluster.labels.env}"', "path: one, source: other", "path: one, source: othr")),
    fc.array(target, { maxLength: 3 }),
    fc.subarray([...apps], { maxLength: 2 }),
  )
  .map(([name, source, targets, dependsOn]) => {
    const list = targets.length === 0 ? "" : `, targets: [${targets.join(", ")}]`;
    return app(name, `source: {${source}}${list}, dependsOn: [${dependsOn.join(", ")}]`);
  });
const clusterText = fc
  .tuple(oneOf(...clusters), oneOf(...envs), fc.option(oneOf("1", "2")), oneOf("", "server: 'https://x'", "paused: true"))
  .map(([name, env, tier, spec]) => cluster(name, `env: ${env}${tier === null ? "" : `, tier: "${tier}"`}`, spec));
const groupText = fc
  .tuple(oneOf("g", "h"), oneOf(...envs), fc.subarray([...clusters], { maxLength: 2 }))
  .map(([name, env, members]) => group(name, `clusters: {matchLabels: {env: ${env}}}, members: [${members.join(", ")}]`));
const sourceText = fc.constant("apiVersion: muster.dev/v1alpha1\nkind: Source\nmetadata: {name: other}\nspec: {git: https://git.example/o.git}\n");
const broken = oneOf("apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata: {name: a}\nspec: {nonsense: 1}\n", "apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata: {name: k1}\nspec: {nonsense: 1}\n");

const files = (prefix: string, count: number, text: fc.Arbitrary<string>): fc.Arbitrary<Edit> =>
  fc
    .tuple(fc.nat(count - 1), fc.option(text, { freq: 5 }))
    .map(([i, content]): Edit => ({ kind: "file", path: `${prefix}${i}.yaml`, text: content }));

const facts = fc
  .tuple(oneOf("v1.35.1", "v1.35.2", "v1.36.0"), fc.subarray(["apps/v1", "x/v1"]))
  .map(([kubernetesVersion, apiVersions]) => ({ kubernetesVersion, apiVersions, agentVersion: "0" }));
const row = fc
  .tuple(oneOf("u1", "u2"), oneOf(...envs), fc.option(facts))
  .map(([uid, env, known]): Omit<Enrolled, "name"> => ({ uid, labels: { env }, facts: known }));
const enrolment = fc
  .tuple(oneOf(...clusters), fc.option(row, { freq: 5 }))
  .map(([name, each]): Edit => ({ kind: "enrolled", name, row: each && { ...each, name: name as ClusterName, uid: `${name}-${each.uid}` } }));

const edit: fc.Arbitrary<Edit> = fc.oneof(
  { weight: 4, arbitrary: files("c", 6, clusterText) },
  { weight: 5, arbitrary: files("a", 7, appText) },
  { weight: 1, arbitrary: files("g", 2, groupText) },
  { weight: 1, arbitrary: files("s", 1, sourceText) },
  { weight: 1, arbitrary: files("a", 7, broken) },
  { weight: 2, arbitrary: enrolment },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("folder" as const), path: oneOf(...paths, "per-prod", "per-dev"), edition: fc.nat(7) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("forget" as const), nth: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("order" as const), seed: fc.nat(99) }) },
);

/** Several edits at once are one commit. */
export const stories = fc.array(fc.array(edit, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 12 });

const child = (name: string, spec: string): string => app(name, spec);
const everywhere = "targets: [{clusters: {matchAll: true}}]";
/** What lies in a folder, by edition: Apps, and how many objects. */
const folders: Readonly<Record<string, (edition: number) => { readonly apps: readonly string[]; readonly objects: number }>> = {
  parent: (edition) => ({ apps: edition % 3 === 0 ? [child("child", `source: {path: one}, ${everywhere}`)] : [child("child", `source: {path: two}, ${everywhere}`), child("ward", "source: {path: chart}, targets: [{group: g}]")], objects: edition % 2 }),
  targetedParent: (edition) => ({ apps: [child("ward", `source: {path: ${edition % 2 === 0 ? "one" : "two"}}`)], objects: 1 }),
  mixed: (edition) => ({ apps: [child("child", "source: {path: one}, dependsOn: [ward]"), child("ward", edition % 3 === 1 ? "nonsense: 1" : `source: {path: parent}`)], objects: 0 }),
  "per-prod": (edition) => ({ apps: [child("ward", `source: {path: one}, helm: {values: {e: ${edition % 2}}}`)], objects: 1 }),
  "per-dev": () => ({ apps: [child("ward", "source: {path: two}"), child("child", "source: {path: one}")], objects: 0 }),
};

/** A fleet that edits change. Unchanged files keep their documents, unchanged answers stay the same objects. */
export class Story {
  readonly #files = new Map<string, string>();
  readonly #parsed = new Map<string, ParsedFile>();
  readonly #editions = new Map<string, number>();
  readonly #enrolled = new Map<string, Enrolled>();
  readonly #answers = new Map<string, RenderAnswer>();
  #documents: readonly FleetDocument[] = [];
  #seed = 0;
  readonly renders = new Map<Digest, RenderAnswer>();
  incumbents: ReadonlyMap<string, string> = new Map();

  /** Answers the requests whose answer is another one now. */
  change(edits: readonly Edit[], requests: ReadonlyMap<Digest, RenderRequest>): ReadonlySet<Digest> {
    const changed = new Set<Digest>();
    for (const each of edits) this.#change(each, changed);
    for (const [key, answer] of this.renders) {
      const request = requests.get(key);
      const now = request === undefined ? undefined : this.answer(request);
      if (now === answer) continue;
      changed.add(key);
      if (now === undefined) this.renders.delete(key);
      else this.renders.set(key, now);
    }
    return changed;
  }

  model(): FleetModel {
    const parsed = [...this.#files].map(([path, text]) => this.#parse(path, text));
    const { documents, broken, unreadable } = assembleFleet(this.#seed % 2 === 0 ? parsed : parsed.toReversed(), this.#documents);
    this.#documents = documents;
    return { documents, broken, unreadable, enrolled: [...this.#enrolled.values()], incumbents: this.incumbents };
  }

  answer(request: RenderRequest): RenderAnswer {
    const { path, capabilities, key } = request;
    const edition = this.#editions.get(path) ?? 0;
    const id = `${key} ${edition}`;
    const known = this.#answers.get(id) ?? answerOf(request, path, edition, capabilities === null);
    this.#answers.set(id, known);
    return known;
  }

  #change(each: Edit, changed: Set<Digest>): void {
    switch (each.kind) {
      case "file":
        if (each.text === null) this.#files.delete(each.path);
        else this.#files.set(each.path, each.text);
        return;
      case "enrolled":
        if (each.row === null) this.#enrolled.delete(each.name);
        else this.#enrolled.set(each.name, each.row);
        return;
      case "folder":
        this.#editions.set(each.path, each.edition);
        return;
      case "forget": {
        const key = [...this.renders.keys()][each.nth];
        if (key !== undefined) changed.add(key);
        if (key !== undefined) this.renders.delete(key);
        return;
      }
      case "order":
        this.#seed = each.seed;
    }
  }

  #parse(path: string, text: string): ParsedFile {
    const known = this.#parsed.get(`${path}\n${text}`) ?? parseFleetFile({ source: "root", path, text });
    this.#parsed.set(`${path}\n${text}`, known);
    return known;
  }
}

function answerOf({ source, key }: RenderRequest, path: string, edition: number, open: boolean): RenderAnswer {
  if (edition === 7) return { kind: "failed", code: "E_RENDER", message: "the chart is broken" };
  if (open && path === "chart" && edition < 4) return { kind: "asks", capabilities: { version: edition % 2 === 0, groups: ["x/v1"] } };
  if (open && path === "chart-all") return { kind: "asks", capabilities: { version: true, groups: "all" } };
  const folder = folders[path]?.(edition) ?? { apps: [], objects: edition === 6 ? 0 : 2 };
  const values = folder.apps.flatMap((text, i) => {
    const [read] = readYaml(text).documents;
    return read === undefined ? [] : [{ value: read.value as never, place: { source, path: `${path}/apps.yaml`, line: i + 1 } }];
  });
  return { kind: "rendered", release: digestOf(`${key} ${edition}`), apps: values, objectCount: folder.objects };
}
