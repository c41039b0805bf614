// Documents that tests write into repositories, as text: JSON is YAML.

/** A document of Muster's own kinds. */
export function document(
  kind: "App" | "Cluster" | "Source",
  name: string,
  spec: object,
  labels: Readonly<Record<string, string>> = {},
): string {
  return `${JSON.stringify({ apiVersion: "muster.dev/v1alpha1", kind, metadata: { name, labels }, spec }, null, 2)}\n`;
}

/** An App with a namespace of its own name; for all clusters where no targets are given. */
export function app(name: string, source: object, spec: object = {}): string {
  return document("App", name, { source, namespace: name, targets: [{ clusters: { matchAll: true } }], ...spec });
}

/** A ConfigMap `it` that says one word. */
export function word(v: string): string {
  return `${JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "it" }, data: { v } }, null, 2)}\n`;
}
