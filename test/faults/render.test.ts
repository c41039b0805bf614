// Charts that never end or eat memory: they fail alone, the hub and all other Apps go on.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Rig } from "../rig/rig.ts";

const app = (name: string): string =>
  `apiVersion: muster.dev/v1alpha1\nkind: App\nmetadata:\n  name: ${name}\nspec:\n  source: {path: ${name}}\n  namespace: app\n  targets:\n    - clusters: {matchAll: true}\n`;
const chart = (name: string, template: string): Record<string, string> => ({
  [`${name}.yaml`]: app(name),
  [`${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 1.0.0\n`,
  [`${name}/templates/all.yaml`]: template,
});
const settings = (value: string): string => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  value: "${value}"\n`;
const files = {
  "clusters/one.yaml": "apiVersion: muster.dev/v1alpha1\nkind: Cluster\nmetadata:\n  name: one\n",
  "good.yaml": app("good"),
  "good/settings.yaml": settings("1"),
};

let rig: Rig;
before(async () => {
  rig = await Rig.start({ clusters: ["one"], files, hub: { render: { workers: 1, timeout: "4s", memoryMb: 256 } } });
  await rig.join("one");
  await rig.settled();
});
after(async () => rig?.[Symbol.asyncDispose]());

const value = (): Promise<string> =>
  rig.plane("one").kubectl(["get", "configmap", "-n", "app", "settings", "-o", "jsonpath={.data.value}"]);

const bombs: readonly [string, string, string, RegExp][] = [
  [
    "B46 S45 loops for ever",
    "endless",
    "{{- range $i := until 2000000 }}{{- range $j := until 2000 }}{{ $x := add $i $j }}{{- end }}{{- end }}\n",
    /E_TIMEOUT|E_LIMIT/,
  ],
  [
    "B46 calls itself without end",
    "recursive",
    '{{- define "again" }}{{ include "again" . }}{{ end }}{{ include "again" . }}\n',
    /E_TIMEOUT|E_LIMIT|E_RENDER|E_HELM|E_TEMPLATE/,
  ],
  ["F12 S45 eats memory", "hungry", 'a: {{ repeat 2000000000 "x" | quote }}\n', /E_LIMIT|E_TIMEOUT/],
];

for (const [what, name, template, code] of bombs) {
  test(`a chart that ${what} fails alone; the hub and the next commit go on`, { timeout: 120_000 }, async () => {
    await rig.commit(chart(name, template), name);
    const told = await rig.until(
      "it is told",
      async () =>
        [...(await rig.status()).problems, ...((await rig.status()).sources[0]?.problems ?? [])].find(({ message }) =>
          message.includes(`default//${name}`),
        ),
      90_000,
    );
    assert.match(told.code, code);
    const sha = await rig.commit({ "good/settings.yaml": settings(name) }, `after ${name}`);
    await rig.until("the neighbour moved on", async () => (await value()) === name);
    assert.notEqual(rig.hub.pid, undefined);
    assert.notEqual(sha, "");
  });
}
