// What resolving costs: cold, and for one change of each kind. Says CPU milliseconds of this process, as the operating system counts
// them. `node test/bench/resolve.ts [CLUSTERS APPS SHAPE]` prints a table.

import type { Digest } from "@muster/proto/model/digest";
import type { ClusterName } from "@muster/proto/model/identity";
import { Resolver, type FleetModel, type RenderAnswer, type Resolution } from "../../hub/src/resolve/resolve.ts";
import { buildFleet, type BuiltFleet, type FleetSize } from "./fleets.ts";

export type ResolveFigure = {
  readonly what: string;
  /** Placements that the change touches. */
  readonly affected: number;
  /** CPU of this process: the median, and the least. */
  readonly cpuMs: number;
  readonly leastCpuMs: number;
};

/** A fleet that is resolved again and again. */
class Bench {
  readonly fleet: BuiltFleet;
  readonly #resolver = new Resolver();
  readonly #renders = new Map<Digest, RenderAnswer>();
  #model: FleetModel;

  constructor(fleet: BuiltFleet) {
    this.fleet = fleet;
    this.#model = fleet.model;
  }

  get renders(): ReadonlyMap<Digest, RenderAnswer> {
    return this.#renders;
  }

  /** Resolves until nothing is needed, as a loop does: the first call may hold any change, the others the answers. */
  settle(change: Partial<FleetModel>, changed: ReadonlySet<Digest>): Resolution {
    this.#model = { ...this.#model, ...change };
    let resolution = this.#resolver.resolve(this.#model, this.#renders, changed);
    while (resolution.needs.length > 0) {
      const fresh = new Set(resolution.needs.map(({ key }) => key));
      for (const request of resolution.needs) this.#renders.set(request.key, this.fleet.answer(request));
      resolution = this.#resolver.resolve(this.#model, this.#renders, fresh);
    }
    this.#model = { ...this.#model, incumbents: resolution.incumbents };
    return resolution;
  }

  get documents(): FleetModel["documents"] {
    return this.#model.documents;
  }

  get enrolled(): FleetModel["enrolled"] {
    return this.#model.enrolled;
  }

  answer(key: Digest, answer: RenderAnswer): void {
    this.#renders.set(key, answer);
  }
}

const none: ReadonlySet<Digest> = new Set();

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Measures a change several times, each time another one. */
function measure(what: string, affected: () => number, change: (round: number) => void, rounds = 15): ResolveFigure {
  const samples = Array.from({ length: rounds }, (_, round) => cpuMs(() => change(round))).toSorted((a, b) => a - b);
  return { what, affected: affected(), cpuMs: samples[Math.floor(rounds / 2)] ?? 0, leastCpuMs: samples[0] ?? 0 };
}

/** All figures of one fleet. */
export function measureResolve(size: FleetSize): { readonly figures: readonly ResolveFigure[]; readonly heapMiB: number } {
  const fleet = buildFleet(size);
  globalThis.gc?.();
  const heapBefore = process.memoryUsage().heapUsed;
  const bench = new Bench(fleet);
  let resolution: Resolution | undefined;
  const figures = [
    measure(
      "cold",
      () => resolution?.placements.count ?? 0,
      () => void (resolution = bench.settle({}, none)),
      1,
    ),
  ];
  resolution = bench.settle({}, none);
  globalThis.gc?.();
  const heapMiB = (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20;
  const replace = (index: number, document: FleetModel["documents"][number]) => {
    const documents = [...bench.documents];
    documents[index] = document;
    return documents;
  };
  const firstApp = size.clusters;
  let of: string | undefined;
  const affected = () => [...(resolution?.placements.all() ?? [])].filter(({ app }) => app === of).length;
  figures.push(
    measure(
      "nothing changed",
      () => 0,
      () => void (resolution = bench.settle({ documents: [...bench.documents] }, none)),
    ),
  );
  if (size.shape !== "parent") {
    const editions = Array.from({ length: 15 }, (_, i) => fleet.app(7, i + 1));
    of = editions[0]?.key.slice("App ".length);
    figures.push(
      measure("one App's document", affected, (round) => {
        resolution = bench.settle({ documents: replace(firstApp + 7, editions[round] as FleetModel["documents"][number]) }, none);
      }),
    );
  }
  const [request] = [...(resolution?.requests.values() ?? [])].filter(({ path }) => path === "apps/3");
  of = "default//app-00003";
  figures.push(
    measure("one render's answer", affected, (round) => {
      if (request === undefined) return;
      bench.answer(request.key, fleet.answer(request, round + 1));
      resolution = bench.settle({}, new Set([request.key]));
    }),
  );
  const at = (name: string) => () => resolution?.placements.at(name as ClusterName).length ?? 0;
  const labels = Array.from({ length: 15 }, (_, i) => fleet.cluster(5, (i + 1) % 10));
  figures.push(
    measure("one cluster's labels", at("c000005"), (round) => {
      resolution = bench.settle({ documents: replace(5, labels[round] as FleetModel["documents"][number]) }, none);
    }),
  );
  figures.push(
    measure("a new cluster", at("new-1"), (round) => {
      const fresh = {
        name: `new-${round}` as ClusterName,
        uid: `u${round}`,
        labels: { tenth: "1", region: "r1", env: "prod" },
        facts: null,
      };
      resolution = bench.settle({ enrolled: [...bench.enrolled, fresh] }, none);
    }),
  );
  return { figures, heapMiB };
}

if (process.argv[1] === import.meta.filename) {
  const [clusters = "1000", apps = "1000", shape = "tenth"] = process.argv.slice(2);
  const { figures, heapMiB } = measureResolve({ clusters: Number(clusters), apps: Number(apps), shape: shape as FleetSize["shape"] });
  for (const { what, affected, cpuMs: median, leastCpuMs } of figures)
    console.log(
      `${what.padEnd(24)} ${String(affected).padStart(9)} Placements ${median.toFixed(2).padStart(9)} ms (${leastCpuMs.toFixed(2)})`,
    );
  console.log(`heap ${heapMiB.toFixed(0)} MiB`);
}
