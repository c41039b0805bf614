// Charts that use what charts use, each for one feature. The differential tests render them here and with the native programs.

import type { HelmInput } from "../render.ts";

export type ChartCase = {
  /** Path -> text; the chart lies in `c/`. */
  readonly files: Readonly<Record<string, string>>;
  readonly helm?: Partial<HelmInput>;
  /** The same settings for the native programs. */
  readonly flags?: readonly string[];
  /** Native commands to run first, in the folder of the files: packing, fetching of what lies beside. */
  readonly prepare?: readonly (readonly string[])[];
};

type Texts = Readonly<Record<string, string>>;

const head = "apiVersion: v2\nname: c\nversion: 1.2.3\nappVersion: \"4.5\"\n";
// Of a made-up kind: the values of a ConfigMap would have to be strings.
const map = (name: string, data: string): string =>
  `apiVersion: x.io/v1\nkind: Map\nmetadata:\n  name: ${name}\ndata:\n${data
    .split("\n")
    .map((line) => `  ${line}`)
    .join("\n")}\n`;
const chart = (templates: Texts, more: Texts = {}, chartYaml = head): Texts => ({
  "c/Chart.yaml": chartYaml,
  ...Object.fromEntries(Object.entries(templates).map(([name, text]) => [`c/templates/${name}`, text])),
  ...Object.fromEntries(Object.entries(more).map(([name, text]) => [`c/${name}`, text])),
});
const sub = (name: string, templates: Texts, values = "", more = ""): Texts => ({
  [`charts/${name}/Chart.yaml`]: `apiVersion: v2\nname: ${name}\nversion: 0.1.0\n${more}`,
  [`charts/${name}/values.yaml`]: values,
  ...Object.fromEntries(Object.entries(templates).map(([file, text]) => [`charts/${name}/templates/${file}`, text])),
});
const crd = (name: string): string =>
  `apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: ${name}s.x.io}\nspec: {group: x.io, scope: Cluster, names: {kind: ${name.toUpperCase()}, plural: ${name}s}}\n`;

const odd = `yes: yes
word: yes
quoted: "yes"
off: off
tilde: ~
empty:
octal: 0644
octal2: 0o14
hex: 0x1F
under: 1_000
million: 1000000
tenmillion: 10000000
big: 9007199254740991
float: 1.5
whole: 2.0
exp: 1e3
tiny: 0.0000001
half: .5
minus: -0
inf: .inf
date: 2001-01-01
time: 12:30:45
version: 1.10
text: "1.10"
multi: |
  first
    second

  last
folded: >-
  a b
  c
long: "${"lorem ipsum dolor ".repeat(12)}"
colon: "a: b"
hash: "a #b"
dash: "- a"
star: "*a"
tab: "a\\tb"
nul: "null"
bool: "true"
unicode: "grüße 🚀 \\u2028 é"
space: " lead "
list: [1, two, 3.0, null, {a: b}, [x]]
deep: {a: {b: {c: [d, {e: f}]}}, "key with space": 1, "1": one}
emptyMap: {}
emptyList: []
anchors: {base: &b {x: 1}, use: *b, merged: {<<: *b, y: 2}}
`;

export const chartCorpus: Readonly<Record<string, ChartCase>> = {
  "text functions": {
    files: chart({
      "a.yaml": map(
        "a",
        [
          "a: {{ \"Hello World\" | upper | trunc 5 | quote }}{{/* a comment */}}",
          "b: {{ \"hello world\" | title | replace \" \" \"-\" | squote }}",
          "c: {{ \"fooBarBaz\" | snakecase | quote }} # {{ \"foo_bar\" | camelcase }} {{ \"fooBar\" | kebabcase }}",
          "d: {{ \"a,b,c\" | splitList \",\" | join \"+\" | quote }}",
          "e: {{ printf \"%05d|%x|%q|%v|%T|%.2f|%e\" 42 255 \"q\" (list 1 \"a\") 3 3.14159 1234.5 | quote }}",
          "f: {{ \"text\" | b64enc | quote }} # {{ \"text\" | sha256sum }} {{ \"text\" | b32enc }} {{ adler32sum \"text\" }}",
          "g: {{ regexReplaceAll \"a(x*)b\" \"-ab-axxb-\" \"${1}W\" | quote }}",
          "h: {{ regexFindAll \"[2468]\" \"123456789\" -1 | join \"\" | quote }}",
          "i: {{ \"  trim \" | trim }}{{ trimSuffix \"-\" \"a-\" | nospace | indent 0 }}",
          "j: {{ wrap 8 \"the quick brown fox\" | toJson }}",
          "k: {{ plural \"one\" \"many\" 2 }}{{ repeat 3 \"x\" }}{{ substr 0 2 \"abc\" }}{{ initials \"Ab Cd\" }}{{ cat \"a\" \"b\" | quote }}",
          "l: {{ abbrev 6 \"hello world\" | quote }}",
          "m: {{ urlParse \"https://u:p@h.example:8/p?q=1#f\" | toJson | quote }}",
          "n: {{ base \"a/b.c\" }}-{{ dir \"a/b.c\" }}-{{ ext \"a/b.c\" }}-{{ clean \"a/../b\" }}",
          "o: {{ semverCompare \"^1.2\" \"1.3.0\" | quote }} # {{ (semver \"1.2.3-x+y\").Prerelease }}",
          "p: {{ contains \"a\" \"cat\" | ternary \"yes\" \"no\" | quote }}",
          "q: {{ \"x\" | quote | squote }}",
          "r: {{ htmlDate (toDate \"2006-01-02\" \"2020-02-03\") }}",
          "s: {{ derivePassword 1 \"long\" \"p\" \"u\" \"s\" | quote }}",
        ].join("\n"),
      ),
    }),
  },
  "lists and maps": {
    files: chart({
      "a.yaml": map(
        "a",
        [
          "a: {{ list 3 1 2 | toJson | quote }} # {{ list \"b\" \"a\" | sortAlpha }} {{ list 1 2 | reverse }} {{ list 1 1 | uniq }}",
          "b: {{ dict \"b\" 1 \"a\" (dict \"x\" nil) | toJson | quote }}",
          "c: {{ merge (dict \"a\" 1) (dict \"a\" 2 \"b\" 3) | toJson | quote }} # {{ mergeOverwrite (dict \"a\" 1) (dict \"a\" 2) | toJson }}",
          "d: {{ pick (dict \"a\" 1 \"b\" 2) \"a\" | toJson | quote }}{{/* */}} # {{ omit (dict \"a\" 1 \"b\" 2) \"a\" | toJson }}",
          "e: {{ dig \"a\" \"b\" \"none\" (dict \"a\" (dict \"b\" 7)) | quote }}",
          "f: {{ keys (dict \"only\" 1) | toJson | quote }} # {{ values (dict \"only\" 1) | toJson }}",
          "g: {{ chunk 2 (list 1 2 3) | toJson | quote }}",
          "h: {{ has 1 (list 1 2) | quote }} # {{ without (list 1 2 3) 2 }} {{ compact (list 1 \"\" 0 2) }} {{ slice (list 1 2 3) 1 }}",
          "i: {{ range $i, $e := untilStep 0 10 3 }}{{ $i }}={{ $e }} {{ end }}",
          "j: {{ range $k, $v := dict \"z\" 1 \"a\" 2 }}{{ $k }}{{ $v }}{{ end }}",
          "k: {{ first (list 1 2) }}{{ last (list 1 2) }}{{ initial (list 1 2) | len }}{{ rest (list 1 2) | len }}",
          "l: {{ deepCopy (dict \"a\" (list 1)) | toJson | quote }} # {{ deepEqual (list 1) (list 1) }}",
          "m: {{ coalesce \"\" 0 \"x\" }}{{ default \"d\" \"\" }}{{ empty 0 }}{{ ternary 1 2 true }}{{ kindOf 1.5 }}{{ typeOf (list) }}",
          "n: {{ concat (list 1) (list 2) | toJson | quote }}{{/**/}}",
          "o: {{ $d := dict }}{{ $_ := set $d \"k\" \"v\" }}{{ get $d \"k\" }}{{ hasKey $d \"x\" }}{{ unset $d \"k\" | len }}",
        ].join("\n"),
      ),
    }),
  },
  "arithmetic and number formats": {
    files: chart(
      {
        "a.yaml": map(
          "a",
          [
            "a: \"{{ add 1 2 3 }} {{ sub 1 2 }} {{ mul 2 3 }} {{ div 7 2 }} {{ mod 7 2 }} {{ add1 1 }} {{ max 1 3 2 }} {{ min 1 2 }}\"",
            "b: \"{{ addf 1.5 2 }} {{ mulf 2 3.5 }} {{ divf 1 3 }} {{ floor 1.9 }} {{ ceil 1.1 }} {{ round 3.14159 2 }}\"",
            "c: \"{{ .Values.num.int }} {{ .Values.num.float }} {{ .Values.num.big }} {{ .Values.num.million }} {{ .Values.num.whole }}\"",
            "d: \"{{ int .Values.num.million }} {{ int64 .Values.num.big }} {{ float64 .Values.num.int }} {{ toString .Values.num.million }} {{ .Values.num.million | squote }}\"",
            "e: {{ .Values.num | toJson | quote }}",
            "f: \"{{ toDecimal 0755 }} {{ atoi \"12\" }} {{ until 3 }} {{ seq 1 2 5 }}\"",
            "g: \"{{ .Values.given }} {{ .Values.given | int64 }} {{ printf \"%v %d\" .Values.given (int .Values.given) }}\"",
          ].join("\n"),
        ),
        "b.yaml": "apiVersion: x.io/v1\nkind: X\nmetadata: {name: num}\nspec:\n{{ toYaml .Values.num | indent 2 }}\n  g: {{ .Values.given }}\n",
      },
      { "values.yaml": "num: {int: 3, float: 3.50, big: 123456789012, million: 1000000, whole: 5.0, neg: -7, exp: 1.5e10, small: 0.00001}\ngiven: 1\n" },
    ),
    helm: { values: { given: 12345678 } },
    flags: ["--set-json", "given=12345678"],
  },
  "toYaml and its like": {
    files: chart(
      {
        "a.yaml":
          "apiVersion: x.io/v1\nkind: X\nmetadata: {name: a}\nspec:\n  {{- toYaml .Values.odd | nindent 2 }}\npretty:\n{{ toYamlPretty .Values.odd.deep | indent 2 }}\n",
        "b.yaml": map(
          "b",
          "json: {{ toJson .Values.odd.deep | quote }}\npretty: {{ toPrettyJson .Values.odd.deep | quote }}\nraw: {{ toRawJson (dict \"a\" \"<b>&\") | squote }}\ntoml: {{ toToml .Values.odd.deep.a | quote }}\nback: {{ (fromYaml \"a: [1, 2.5, no]\").a | toJson | quote }}\narray: {{ fromYamlArray \"- 1\\n- b\" | toJson | quote }}\nfromjson: {{ (fromJson \"{\\\"a\\\": 1e6}\").a | quote }}\nbroken: {{ (fromJson \"{\").Error | quote }}",
        ),
      },
      { "values.yaml": `odd:\n${odd.replaceAll(/^(?=.)/gm, "  ").replace("  inf: .inf\n", "")}` },
    ),
  },
  "scalars as YAML 1.1 reads them": {
    files: chart({ "a.yaml": `apiVersion: x.io/v1\nkind: X\nmetadata: {name: a}\nspec:\n${odd.replaceAll(/^(?=.)/gm, "  ").replace("  inf: .inf\n", "")}` }),
  },
  "carriage returns": {
    files: chart(
      { "a.yaml": map("a", "x: {{ .Values.a | quote }}\nm: |\n  one\n  two").replaceAll("\n", "\r\n"), "b.yaml": "{{- if true }}\r\n" + map("b", "y: z") + "{{- end }}\r\n" },
      { "values.yaml": "a: b\r\nc:\r\n  - d\r\n" },
    ),
  },
  "unicode and byte order marks": {
    files: chart({ "a.yaml": `\ufeff${map("a", "ü: \"{{ .Values.ü }} 日本 🚀\"\nupper: {{ upper \"straße\" | quote }}\nlen: \"{{ len \"日本\" }}\"")}` }, { "values.yaml": "\ufeffü: grüße\n" }),
  },
  "several documents in a template": {
    files: chart({
      "a.yaml": `---\n${map("a1", "x: y")}---\n# only a comment\n---   \n${map("a2", "x: y")}\n---\n\n---\n`,
      "b.yaml": `{{- range $i := until 3 }}\n---\n${map("b{{ $i }}", "i: {{ $i | quote }}")}{{- end }}\n`,
      "c.yaml": `${map("c", "x: |\n  --- not a separator\n  text")}--- # with a comment\n${map("c2", "x: y")}`,
    }),
  },
  lists: {
    files: chart({
      "a.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: l1}}\n- {apiVersion: v1, kind: Secret, metadata: {name: l2}, stringData: {a: b}}\n",
      "b.yaml": "apiVersion: v1\nkind: ConfigMapList\nitems:\n- {metadata: {name: l3}}\n",
    }),
  },
  "templates that print nothing": {
    files: chart({ "a.yaml": map("a", "x: y"), "empty.yaml": "", "blank.yaml": "\n  \n", "comment.yaml": "# nothing\n", "off.yaml": "{{ if .Values.no }}a: b{{ end }}", "NOTES.txt": "thanks {{ .Release.Name }}", "_x.tpl": "text" }),
  },
  "subcharts with conditions, tags, aliases and globals": {
    files: chart(
      { "a.yaml": map("a", "imported: {{ .Values.fromsub | toJson | quote }}\ndata: {{ .Values.exported | toJson | quote }}") },
      {
        "values.yaml": "global: {g: top}\ntags: {back: false}\none: {enabled: true, v: parent}\nsecond: {v: aliased}\nthree: {enabled: false}\n",
        ...sub("one", { "s.yaml": map("one-{{ .Chart.Name }}", "v: {{ .Values.v }}\ng: {{ .Values.global.g }}\nname: {{ .Template.Name }}") }, "v: own\nexports: {data: {port: 1}}\ninner: {x: [1]}\n"),
        ...sub("three", { "s.yaml": map("three", "x: y") }),
        ...sub("back", { "s.yaml": map("back", "x: y") }),
        ...sub("loose", { "s.yaml": map("loose", "x: {{ .Values.x }}") }, "x: 1\n"),
      },
      `${head}dependencies:
- {name: one, version: 0.x, condition: one.enabled, import-values: [data, {child: inner, parent: fromsub}]}
- {name: one, version: ">=0.1", alias: second}
- {name: three, version: "*", condition: "missing.path,three.enabled"}
- {name: back, version: 0.1.0, tags: [back]}
`,
    ),
  },
  "a library chart and what it defines": {
    files: chart(
      { "a.yaml": `{{ include "lib.map" (dict "name" "a" "top" $) }}\n---\n{{ include "own.map" . }}`, "_own.tpl": `{{- define "own.map" -}}\n{{ tpl .Values.template . }}\n{{- end -}}\n{{- define "over" }}parent{{ end -}}` },
      {
        "values.yaml": `template: |\n  apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: "{{ .Release.Name }}-{{ include "over" . }}"}\n`,
        ...sub("lib", { "_l.tpl": `{{- define "lib.map" -}}\n${map("{{ .name }}-{{ .top.Chart.AppVersion }}", "x: {{ include \"over\" .top }}")}{{- end }}\n{{ define "over" }}library{{ end }}` }, "", "type: library\n"),
      },
    ),
  },
  "a packed subchart": {
    files: { ...chart({ "a.yaml": map("a", "x: y") }, { "values.yaml": "packed: {v: 2}\n" }, `${head}dependencies: [{name: packed, version: 0.1.0, repository: "https://charts.example"}]\n`), "packed/Chart.yaml": "apiVersion: v2\nname: packed\nversion: 0.1.0\n", "packed/values.yaml": "v: 1\n", "packed/templates/p.yaml": map("p", "v: {{ .Values.v | quote }}\nf: {{ .Files.Get \"f.txt\" | quote }}"), "packed/f.txt": "text" },
    prepare: [["package", "packed", "-d", "c/charts"]],
  },
  "a dependency in a folder beside the chart": {
    files: {
      ...chart({ "a.yaml": map("a", "x: {{ include \"beside.n\" . }}") }, { "values.yaml": "b2: {v: aliased}\n" }, `${head}dependencies:\n- {name: beside, version: ">=0.1.0 <1", repository: "file://../libs/beside"}\n- {name: beside, version: 0.1.0, repository: "file://../libs/beside", alias: b2, condition: b2.enabled, tags: [x], import-values: [{child: v, parent: w}]}\n`),
      "libs/beside/Chart.yaml": "apiVersion: v2\nname: beside\nversion: 0.1.0\n",
      "libs/beside/.helmignore": "templates/ignored.yaml\n",
      "libs/beside/values.yaml": "v: {z: own}\n",
      "libs/beside/templates/b.yaml": map("{{ .Chart.Name }}", "v: {{ .Values.v | toJson | quote }}"),
      "libs/beside/templates/ignored.yaml": "not: [yaml",
      "libs/beside/templates/_h.tpl": `{{ define "beside.n" }}n{{ end }}`,
    },
    prepare: [["dependency", "update", "c"]],
  },
  "values that fit a schema": {
    files: chart({ "a.yaml": map("a", "x: {{ .Values.num | quote }}") }, { "values.yaml": "num: 3\nextra: x\n", "values.schema.json": JSON.stringify({ $schema: "http://json-schema.org/draft-07/schema#", type: "object", required: ["num"], properties: { num: { $ref: "#/definitions/n" } }, definitions: { n: { type: "integer", minimum: 1 } } }) }),
  },
  "definitions of a chart and its subcharts": {
    files: chart({ "a.yaml": map("a", "x: y") }, { "crds/b.yaml": crd("b"), "crds/a.yaml": `${crd("a")}---\n${crd("d")}`, "crds/README.md": "text", ...sub("s", {}), "charts/s/crds/c.yaml": crd("c") }),
  },
  "hooks and tests": {
    files: chart({
      "a.yaml": map("a", "x: y"),
      "hook.yaml": `apiVersion: batch/v1\nkind: Job\nmetadata: {name: h, annotations: {"helm.sh/hook": "pre-install,pre-upgrade", "helm.sh/hook-weight": "-5", "helm.sh/hook-delete-policy": before-hook-creation}}\nspec: {template: {spec: {restartPolicy: Never, containers: []}}}\n`,
      "both.yaml": `apiVersion: v1\nkind: Pod\nmetadata: {name: b, annotations: {"helm.sh/hook": "test,post-install"}}\n`,
    }),
  },
  "files of a chart": {
    files: chart(
      { "a.yaml": map("a", "one: {{ .Files.Get \"files/one.txt\" | quote }}\nlines: {{ .Files.Lines \"files/two.txt\" | toJson | quote }}\nbytes: {{ .Files.GetBytes \"files/one.txt\" | len | quote }}\n{{ (.Files.Glob \"files/*.txt\").AsConfig | nindent 2 }}"), "b.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n{{ (.Files.Glob \"files/**\").AsSecrets | indent 2 }}\n", "c.yaml": map("c", "{{ range $path, $_ := .Files.Glob \"files/*\" }}\n{{ base $path }}: {{ $path | quote }}{{ end }}") },
      { "files/one.txt": "one\n", "files/two.txt": "a\nb", "files/deep/three.bin": "\u0000\u0001", ".helmignore": "files/ignored.txt\n*.bak\n", "files/ignored.txt": "no", "x.bak": "no" },
    ),
  },
  "what a template knows of its release": {
    files: chart({ "a.yaml": map("a", "release: {{ .Release | toJson | quote }}\nchart: {{ .Chart.Name }}-{{ .Chart.Version }}-{{ .Chart.AppVersion }}-{{ .Chart.IsRoot }}\nbase: {{ .Template.BasePath }}\nkube: {{ .Capabilities.KubeVersion.Version }}\nnew: {{ .Capabilities.KubeVersion.Minor | int | lt 20 | quote }}\nhas: {{ .Capabilities.APIVersions.Has \"apps/v1\" }}{{ .Capabilities.APIVersions.Has \"apps/v1/Deployment\" }}{{ .Capabilities.APIVersions.Has \"nope/v1\" }}\nlookup: {{ lookup \"v1\" \"Secret\" \"x\" \"y\" | toJson | quote }}\ndns: {{ getHostByName \"localhost\" | quote }}") }),
    helm: { kubeVersion: "1.31.2" },
    flags: ["--kube-version", "1.31.2"],
  },
  "the order of kinds": {
    files: chart({
      "all.yaml": ["Service", "Deployment", "Namespace", "Zebra", "ConfigMap", "ClusterRole", "Secret", "ServiceAccount", "Apple", "Ingress", "Job", "CronJob", "NetworkPolicy", "PersistentVolumeClaim", "StorageClass", "APIService"].map((kind, at) => `apiVersion: ${kind === "Zebra" || kind === "Apple" ? "x.io/v1" : "v1"}\nkind: ${kind}\nmetadata: {name: n${at}}\n`).join("---\n"),
      "zz.yaml": map("n90", "x: y"),
      "aa.yaml": map("n91", "x: y"),
    }),
  },
  "values laid over values": {
    files: { ...chart({ "a.yaml": map("a", "v: {{ .Values.v | toJson | quote }}\nw: {{ .Values.w | toJson | quote }}\ns: {{ .Values.s | toJson | quote }}") }, { "values.yaml": "v: {keep: 1, drop: 2, list: [1, 2], deep: {a: 1, b: 2}}\nw: {x: 1}\ns: {p: 1}\n", "v1.yaml": "v: {list: [3], deep: {b: null}}\nw: null\n", "v2.yaml": "v: {deep: {c: 3}}\n", ...sub("s", { "s.yaml": map("s", "v: {{ .Values | toJson | quote }}") }, "p: 0\nq: {r: 1, t: 2}\n") }) },
    helm: { valuesFiles: ["c/v1.yaml", "c/v2.yaml"], values: { v: { drop: null }, s: { q: { t: null } } } },
    flags: ["-f", "c/v1.yaml", "-f", "c/v2.yaml", "--set-json", "v.drop=null", "--set-json", "s.q.t=null"],
  },
  "white space, comments and nested text": {
    files: chart({ "a.yaml": `{{- /* head */ -}}\n${map("a", "x: |-\n  {{- range until 2 }}\n  line {{ . }}\n  {{- end }}\ny: {{- \" trimmed\" }}\nz: >\n  folded\n  text\n{{- with .Values.missing }}\nno: {{ . }}\n{{- else }}\nelse: \"1\"\n{{- end }}")}` }),
  },
  "a chart of the first format": {
    files: { "c/Chart.yaml": "apiVersion: v1\nname: c\nversion: 0.1.0\n", "c/requirements.yaml": "dependencies: [{name: s, version: 0.1.0, condition: s.on}]\n", "c/values.yaml": "s: {on: true}\n", "c/templates/a.yaml": map("a", "x: y"), "c/charts/s/Chart.yaml": "name: s\nversion: 0.1.0\n", "c/charts/s/templates/s.yaml": map("s", "x: y") },
  },
};
