// What an object may be called: group, kind and name, before an API server is asked.

const dnsLabel = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const dnsSubdomain = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const groupVersion = /^(?:([a-z0-9](?:[-a-z0-9.]*[a-z0-9])?)\/)?(v[0-9][a-z0-9]*|[a-z][a-z0-9]*)$/;
const kindName = /^[A-Za-z][A-Za-z0-9]*$/;
const nameMax = 253;
const labelMax = 63;

// Built-in groups whose names are all DNS subdomains. RBAC allows `system:node`, aggregated APIs allow what they like.
const strictGroups: ReadonlySet<string> = new Set([
  "",
  "admissionregistration.k8s.io",
  "apiextensions.k8s.io",
  "apps",
  "autoscaling",
  "batch",
  "coordination.k8s.io",
  "discovery.k8s.io",
  "networking.k8s.io",
  "node.k8s.io",
  "policy",
  "scheduling.k8s.io",
  "storage.k8s.io",
]);

const labelKinds: ReadonlySet<string> = new Set(["/Namespace", "/Service"]);

/** The group of an apiVersion ("" for the core); undefined when it is none. */
export function groupOf(apiVersion: string): string | undefined {
  const parts = groupVersion.exec(apiVersion);
  return parts === null ? undefined : (parts[1] ?? "");
}

export function isKind(kind: string): boolean {
  return kind.length <= labelMax && kindName.test(kind);
}

/** True for a name that a kind of this group can have. */
export function isName(group: string, kind: string, name: string): boolean {
  if (name === "" || name.length > nameMax) return false;
  if (labelKinds.has(`${group}/${kind}`)) return name.length <= labelMax && dnsLabel.test(name);
  if (strictGroups.has(group)) return dnsSubdomain.test(name);
  return name !== "." && name !== ".." && !/[/%\s\p{Cc}]/u.test(name);
}

export function isNamespaceName(name: string): boolean {
  return name.length <= labelMax && dnsLabel.test(name);
}
