// For tests: an agent's body in a process of its own that kills itself with SIGKILL right after a chosen write was answered, before it
// knows of the answer. Says on its standard output what it has when it was not killed.

import { Rig, type BundleSpec } from "./rig.ts";

/** What the parent sends, as JSON in the first argument. */
export type ChildOrder = {
  readonly kubeconfig: string;
  readonly dir: string;
  readonly spec: BundleSpec;
  /** Generations rise over restarts: an older status is known by its number. */
  readonly generation: number;
  /** Die after this write, counted from 1; 0 for never. */
  readonly dieAfter?: number;
  /** Die after the first write to an object whose name has this in it. */
  readonly dieAt?: string;
};

/** What it says when it lived. */
export type ChildReport = {
  readonly writes: readonly string[];
  readonly inventory: readonly string[];
  readonly reasons: { readonly [app: string]: string };
};

if (import.meta.main) {
  const order = JSON.parse(process.argv[2] ?? "{}") as ChildOrder;
  const rig = await Rig.start({
    kubeconfig: order.kubeconfig,
    dir: order.dir,
    generation: order.generation - 1,
    key: new Uint8Array(32).fill(1),
    afterWrite: ({ object }, count) => {
      if (count === order.dieAfter || (order.dieAt !== undefined && object.includes(order.dieAt))) process.kill(process.pid, "SIGKILL");
    },
  });
  const bundle = await rig.bundle(order.spec);
  rig.body.accept(bundle);
  await rig.until(
    () => {
      const statuses = [...rig.body.statuses().values()].filter(({ generation }) => generation === bundle.generation);
      const apps = new Set([...bundle.apps, ...bundle.tombstones].map(({ app }) => app));
      const settled = statuses.filter(
        ({ app, reason, inventoryEmpty, counts }) =>
          apps.has(app) &&
          ((reason === "Poison" && counts.applied === counts.total) ||
            (reason === "Synced" && !bundle.tombstones.some((t) => t.app === app && !inventoryEmpty))),
      );
      return settled.length === apps.size ? true : null;
    },
    () => JSON.stringify([...rig.body.statuses().values()]),
  );
  await rig.end();
  await rig.begin();
  const report: ChildReport = {
    writes: rig.writes.map(({ verb, object }) => `${verb} ${object}`),
    inventory: [...rig.cache.inventory.entries()].map(([key, record]) => `${key} ${String(record["state"])}`).toSorted(),
    reasons: Object.fromEntries([...rig.body.statuses()].map(([app, status]) => [app, status.reason])),
  };
  await rig[Symbol.asyncDispose]();
  process.stdout.write(JSON.stringify(report));
}
