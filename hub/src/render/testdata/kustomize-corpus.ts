// Kustomizations that use what kustomizations use, each for one feature; the root is the folder `k`. The differential tests build them
// here and with the native program.

type Texts = Readonly<Record<string, string>>;

const deployment = (name: string, more = ""): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: 1
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      serviceAccountName: robot
      containers:
      - name: main
        image: registry.example/${name}:v1.0
        env:
        - {name: A, value: "1"}
        - {name: FROM, valueFrom: {configMapKeyRef: {name: settings, key: a}}}
        volumeMounts: [{name: v, mountPath: /v}]
      volumes: [{name: v, secret: {secretName: secrets}}]
${more}`;
const service = (name: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, annotations: {note: "x"}}\nspec: {selector: {app: ${name}}, ports: [{port: 80}]}\n`;
const rest = `apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: bind}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: role}
subjects: [{kind: ServiceAccount, name: robot, namespace: default}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: role}
rules: []
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}, maxReplicas: 3}
`;
const base: Texts = {
  "base/kustomization.yaml": "resources: [web.yaml, service.yaml, rest.yaml]\n",
  "base/web.yaml": deployment("web"),
  "base/service.yaml": service("web"),
  "base/rest.yaml": rest,
};
const chart: Texts = {
  "Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.2.3\n",
  "values.yaml": "replicas: 1\nlist: [a]\ndeep: {a: 1, b: 2}\n# a comment\nport: 80\n",
  "values-prod.yaml": "replicas: 5\n",
  "crds/x.yaml":
    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: xs.x.io}\nspec: {group: x.io, scope: Cluster, names: {kind: X, plural: xs}}\n",
  "templates/web.yaml": `${deployment("{{ .Release.Name }}").replace("replicas: 1", "replicas: {{ .Values.replicas }}")}---\n${service("{{ .Release.Name }}")}`,
  "templates/map.yaml":
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: {{ .Release.Namespace }}}\ndata:\n  all: {{ .Values | toJson | quote }}\n  kube: {{ .Capabilities.KubeVersion.Version }}-{{ .Capabilities.APIVersions.Has \"x.io/v1\" }}\n",
  "templates/test.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: t, annotations: {helm.sh/hook: test}}\n",
  "templates/hook.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: {name: h, annotations: {helm.sh/hook: pre-install}}\n",
};
const below = (folder: string, texts: Texts): Texts =>
  Object.fromEntries(Object.entries(texts).map(([path, text]) => [`${folder}/${path}`, text]));
const over = (kustomization: string, more: Texts = {}): Texts => ({
  ...base,
  "k/kustomization.yaml": `resources: [../base]\n${kustomization}`,
  ...below("k", more),
});

export const kustomizeCorpus: Readonly<Record<string, Texts>> = {
  "names with all letters that a path may have": {
    "k/kustomization.yaml":
      "resources: ['../base+1/@home ~x', '../ümläut/ä b.yaml', 'it''s (1) & #2.yaml']\nconfigMapGenerator: [{name: c, files: ['k=../ümläut/%41,b.txt']}]\n",
    "k/it's (1) & #2.yaml": service("quoted"),
    "base+1/@home ~x/kustomization.yaml": "resources: [a+b.yaml]\npatches: [{path: 'a@b !.yaml'}]\n",
    "base+1/@home ~x/a+b.yaml": deployment("plus"),
    "base+1/@home ~x/a@b !.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: plus}\nspec: {replicas: 3}\n",
    "ümläut/ä b.yaml": service("umlaut"),
    "ümläut/%41,b.txt": "text",
  },
  components: {
    ...over("components: [../one, ../two]\nnamePrefix: p-\n"),
    "one/kustomization.yaml":
      "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nconfigMapGenerator: [{name: settings, literals: [a=b]}]\npatches: [{path: p.yaml}]\n",
    "one/p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 7}\n",
    "two/kustomization.yaml":
      "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [r.yaml]\nlabels: [{pairs: {tier: two}}]\n",
    "two/r.yaml": service("extra"),
  },
  "generators of maps and secrets": {
    ...over(
      `configMapGenerator:
- {name: settings, files: [conf/a.ini, renamed.txt=conf/b.txt], literals: [a=1, "b=two words", 'c="quoted"', "d=x=y"], envs: [e.env]}
- {name: plain, literals: [x=y], options: {disableNameSuffixHash: true, labels: {l: v}, annotations: {note: m}, immutable: true}}
- {name: binary, files: [conf/raw.bin]}
secretGenerator:
- {name: secrets, literals: [p=secret], type: Opaque}
- {name: tls, files: [tls.crt=conf/a.ini, tls.key=conf/b.txt], type: kubernetes.io/tls, namespace: other}
generatorOptions: {labels: {gen: "yes"}}
`,
      { "conf/a.ini": "[a]\nb=c\n", "conf/b.txt": "text", "e.env": "# comment\nE1=v1\n\nE2='v 2'\n", "conf/raw.bin": "\u0000\u0001bin" },
    ),
  },
  "generators that merge and replace": {
    "low/kustomization.yaml":
      "configMapGenerator: [{name: settings, literals: [a=1, b=2]}, {name: gone, literals: [a=1]}]\nsecretGenerator: [{name: s, literals: [x=1]}]\n",
    "k/kustomization.yaml":
      "resources: [../low]\nnameSuffix: -v2\nconfigMapGenerator: [{name: settings, behavior: merge, literals: [b=3, c=4]}, {name: gone, behavior: replace, literals: [z=9]}]\nsecretGenerator: [{name: s, behavior: merge, literals: [y=2]}]\n",
  },
  replacements: over(
    `replacements:
- source: {kind: Service, name: web, fieldPath: metadata.name}
  targets:
  - {select: {kind: Deployment}, fieldPaths: ["spec.template.spec.containers.[name=main].env.[name=A].value"]}
- source: {kind: Deployment, name: web, fieldPath: spec.template.spec.containers.0.image, options: {delimiter: ":", index: 1}}
  targets:
  - {select: {kind: Service}, fieldPaths: [metadata.labels.version], options: {create: true}}
- path: r.yaml
`,
    {
      "r.yaml":
        "source: {kind: ServiceAccount, fieldPath: metadata.name}\ntargets: [{select: {kind: Service}, reject: [{name: other}], fieldPaths: [spec.externalName], options: {create: true}}]\n",
    },
  ),
  variables: over(
    "vars: [{name: SERVICE, objref: {apiVersion: v1, kind: Service, name: web}, fieldref: {fieldpath: metadata.name}}]\nnamePrefix: p-\npatches: [{path: p.yaml}]\n",
    {
      "p.yaml":
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: main, args: [\"--to=$(SERVICE)\", $(UNKNOWN)]}]}}}\n",
    },
  ),
  "a schema for merge keys": {
    "k/kustomization.yaml": "resources: [x.yaml]\nopenapi: {path: schema.json}\npatches: [{path: p.yaml}]\n",
    "k/x.yaml": "apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: t}\nspec: {items: [{id: a, v: 1}, {id: b, v: 2}]}\n",
    "k/p.yaml": "apiVersion: x.io/v1\nkind: Thing\nmetadata: {name: t}\nspec: {items: [{id: b, v: 3}, {id: c, v: 4}]}\n",
    "k/schema.json": JSON.stringify({
      definitions: {
        "io.x.v1.Thing": {
          type: "object",
          properties: {
            spec: {
              type: "object",
              properties: {
                items: {
                  type: "array",
                  items: { type: "object" },
                  "x-kubernetes-patch-merge-key": "id",
                  "x-kubernetes-patch-strategy": "merge",
                },
              },
            },
          },
          "x-kubernetes-group-version-kind": [{ group: "x.io", kind: "Thing", version: "v1" }],
        },
      },
    }),
  },
  "configurations of transformers": over("configurations: [c.yaml]\nnamePrefix: p-\n", {
    "c.yaml": "nameReference:\n- kind: Service\n  fieldSpecs: [{path: spec/backend, kind: Thing}]\nimages: [{path: spec/picture, kind: Thing}]\n",
  }),
  "built-in transformers and generators in files": over(
    "transformers:\n- label.yaml\n- |-\n  apiVersion: builtin\n  kind: PrefixTransformer\n  metadata: {name: p}\n  prefix: inline-\n  fieldSpecs: [{path: metadata/name}]\ngenerators: [gen.yaml]\n",
    {
      "label.yaml":
        "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: l}\nlabels: {by: file}\nfieldSpecs: [{path: metadata/labels, create: true}]\n---\napiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: pt}\ntarget: {kind: Deployment}\npath: patch.json\n",
      "patch.json": '[{"op": "replace", "path": "/spec/replicas", "value": 9}]',
      "gen.yaml": "apiVersion: builtin\nkind: ConfigMapGenerator\nmetadata: {name: made}\nfiles: [data.txt]\nliterals: [a=b]\n",
      "data.txt": "data\n",
    },
  ),
  "patches with targets": over(
    `patches:
- target: {kind: Deployment|Service, name: w.*}
  patch: |-
    - {op: add, path: /metadata/labels, value: {patched: "yes"}}
- target: {labelSelector: patched=yes, version: v1}
  patch: '{"apiVersion": "v1", "kind": "Any", "metadata": {"name": "any", "annotations": {"merged": "1"}}}'
- path: delete.yaml
- path: rename.yaml
  target: {kind: ServiceAccount}
  options: {allowNameChange: true}
`,
    {
      "delete.yaml":
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\n$patch: delete\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: side, image: side:1}], volumes: [{$patch: delete, name: v}]}}}\n",
      "rename.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: android}\n",
    },
  ),
  "images and replicas": over(
    `images:
- {name: registry.example/web, newName: mirror.example/w, newTag: "2.0"}
- {name: side, digest: sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}
replicas: [{name: web, count: 4}]
`,
  ),
  "names and what refers to them": over("namePrefix: pre-\nnameSuffix: -suf\nnamespace: elsewhere\nsecretGenerator: [{name: secrets, literals: [a=b]}]\nconfigMapGenerator: [{name: settings, literals: [a=b]}]\n"),
  "labels and annotations": over(
    "labels:\n- {pairs: {a: b}, includeSelectors: true}\n- {pairs: {c: d}, includeTemplates: true}\n- {pairs: {e: f}, fields: [{path: spec/more, create: true, kind: Service}]}\ncommonAnnotations: {note: common}\n",
  ),
  "common labels": over("commonLabels: {team: x, num: \"1\"}\n"),
  "an order of its own": over("sortOptions: {order: legacy, legacySortOptions: {orderFirst: [Service], orderLast: [ServiceAccount]}}\n"),
  "the order in which it is written": over("sortOptions: {order: fifo}\n"),
  "every simple transformer in three folders, each with tables of its own": {
    ...base,
    "k/kustomization.yaml": `resources: [../middle]
configurations: [top.yaml]
namePrefix: "yes-"
nameSuffix: "-0644"
namespace: "123"
labels:
- {pairs: {a: "true", b: "1e3", c: ""}, includeSelectors: true}
- {pairs: {d: "~"}, fields: [{path: spec/own/labels, group: apps, kind: Deployment, create: true}]}
commonLabels: {e: "0x1F"}
commonAnnotations: {note: "two\\nlines: ü #x ", other: "null"}
replicas: [{name: web, count: 0}]
images: [{name: "registry.example.com/web", newTag: "1.10", newName: other/web}, {name: nginx, digest: "sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3"}]
`,
    "k/top.yaml": "namePrefix: [{path: metadata/labels/top, kind: Service, create: true}]\nimages: [{path: spec/image, kind: Own}]\n",
    "k/own.yaml": "apiVersion: x.io/v1\nkind: Own\nmetadata: {name: own}\nspec: {image: nginx}\n",
    "middle/kustomization.yaml": "resources: [../base, ../k/own.yaml]\nconfigurations: [m.yaml]\nnamePrefix: m-\ncommonAnnotations: {m: m}\n",
    "middle/m.yaml":
      "namePrefix: [{path: spec/title, kind: Own, create: true}]\ncommonAnnotations: [{path: spec/notes, kind: Own, create: true}]\nnameReference: [{kind: Service, fieldSpecs: [{kind: Own, path: spec/service}]}]\n",
  },
  "definitions that say where names are": over("crds: [crd.json]\nnamePrefix: p-\n", {
    "crd.json": JSON.stringify({
      "x.io/v1.Thing": { Schema: { properties: { spec: { $ref: "x.io/v1.Spec" } } } },
      "x.io/v1.Spec": {
        Schema: { properties: { ref: { "x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "Service" } } },
      },
    }),
  }),
  "fields of older versions": {
    ...base,
    "k/kustomization.yaml":
      "bases: [../base]\npatchesStrategicMerge: [p.yaml]\npatchesJson6902: [{target: {version: v1, kind: Service, name: web}, path: j.yaml}]\n",
    "k/p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {paused: true}\n",
    "k/j.yaml": "- op: replace\n  path: /spec/ports/0/port\n  value: 81\n",
  },
  "metadata of the build": over("buildMetadata: [managedByLabel, originAnnotations, transformerAnnotations]\nnamePrefix: p-\n"),
  "odd YAML": {
    "k/kustomization.yaml": "resources:\r\n- crlf.yaml\r\n- list.yaml\r\n- odd.yaml\r\ncommonAnnotations: {ü: \"grüße 🚀\"}\r\n",
    "k/crlf.yaml": service("crlf").replaceAll("\n", "\r\n"),
    "k/list.yaml": `apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: l1}, data: {a: "1"}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: l2}}\n`,
    "k/odd.yaml": `# head comment\n---\n\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: odd}\ndata:\n  yes: "yes"\n  date: "2001-01-01"\n  oct: "0644"\n  multi: |\n    a\n      b\n  fold: >-\n    a\n    b\n  anchor: &a "x"\n  alias: *a # comment\n---\napiVersion: x.io/v1\nkind: X\nmetadata: {name: scalars}\nspec: {a: yes, b: 0644, c: 1e3, d: 1.0, e: ~, f: 2001-01-01, g: "12:30", h: .5, i: 1_000, j: [], k: {}}\n`,
  },
  "a chart in a folder": {
    "k/kustomization.yaml": `helmGlobals: {chartHome: ../charts}
namespace: shop
helmCharts:
- {name: web, releaseName: one, includeCRDs: true, valuesInline: {replicas: 3, deep: {b: 3, c: 4}, list: [b]}, apiVersions: [x.io/v1], kubeVersion: "1.30.0", skipTests: true}
- {name: web, releaseName: two, valuesMerge: merge, valuesInline: {replicas: 4, extra: x}, skipHooks: true, namespace: other}
patches: [{target: {kind: Deployment}, patch: '[{"op": "add", "path": "/spec/paused", "value": true}]'}]
`,
    ...below("charts/web", chart),
  },
  "a chart with values files and no release name": {
    "k/kustomization.yaml": `namePrefix: k-
helmCharts:
- {name: web, nameTemplate: "made-{{ upper \\"x\\" | lower }}", valuesFile: v.yaml, additionalValuesFiles: [more.yaml, charts/web/values-prod.yaml], skipHooks: true}
configMapGenerator: [{name: beside, literals: [a=b]}]
`,
    "k/v.yaml": "replicas: 8\nport: 1\n",
    "k/more.yaml": "port: 2\n",
    ...below("k/charts/web", chart),
  },
  "a chart through a generator file": {
    ...over("generators: [gen.yaml]\nnamespace: x\n", {
      "gen.yaml":
        "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: g}\nname: web\nchartHome: charts\nreleaseName: gen\nvaluesMerge: replace\nvaluesInline: {replicas: 2}\nskipHooks: true\n",
    }),
    ...below("k/charts/web", chart),
  },
  "a chart that was pulled": {
    "k/kustomization.yaml": "resources: [../low]\nnamespace: top\n",
    "low/kustomization.yaml":
      "helmCharts: [{name: web, repo: 'https://charts.example', version: 1.2.3, releaseName: pulled, valuesInline: {port: 3}}]\n",
    ...below("low/charts/web-1.2.3/web", chart),
  },
};
