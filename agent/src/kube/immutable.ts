// Which refused fields cannot be changed in place. By kind and field, never by the mere status: a bad spec and the denial of a policy
// have the same one, and an object must not be recreated for those.

type Refused = { readonly field: string; readonly message: string };

/** Kind -> fields, as the server names them in its causes. What lies below a field is meant too. */
const fields: { readonly [groupKind: string]: readonly string[] } = {
  "batch/Job": ["spec.template", "spec.selector", "spec.completions", "spec.completionMode"],
  "apps/Deployment": ["spec.selector"],
  "apps/DaemonSet": ["spec.selector"],
  "apps/ReplicaSet": ["spec.selector"],
  "apps/StatefulSet": ["spec"],
  "/PersistentVolumeClaim": ["spec"],
  "/PersistentVolume": ["spec.persistentvolumesource"],
  "/Service": ["spec.clusterIP", "spec.clusterIPs"],
  "/Pod": ["spec"],
  "rbac.authorization.k8s.io/RoleBinding": ["roleRef"],
  "rbac.authorization.k8s.io/ClusterRoleBinding": ["roleRef"],
  "storage.k8s.io/StorageClass": ["provisioner", "parameters", "reclaimPolicy"],
  "/Secret": ["type", "data", "immutable"],
  "/ConfigMap": ["data", "binaryData", "immutable"],
  "apiextensions.k8s.io/CustomResourceDefinition": ["spec.group", "spec.scope", "spec.names", "spec.names.plural", "spec.names.kind"],
};

/** How the server says it: `field is immutable`, `updates to statefulset spec for fields other than ... are forbidden`, ... */
const phrases = [
  "immutable",
  "cannot be changed",
  "can not be changed",
  "may not be changed",
  "may not change once set",
  "cannot change",
  "updates to statefulset spec",
  "pod updates may not change",
];

/** True when every refused field is one that this kind does not let be changed. */
export function isImmutable(about: { readonly group: string; readonly kind: string }, causes: readonly Refused[]): boolean {
  // Another type of Secret demands other keys: those complaints follow from the first.
  if (about.group === "" && about.kind === "Secret") return causes.some((cause) => isListed(about, cause));
  return causes.length > 0 && causes.every((cause) => isListed(about, cause) || isRuledByCel(cause));
}

function isListed(about: { readonly group: string; readonly kind: string }, cause: Refused): boolean {
  const listed = fields[`${about.group}/${about.kind}`] ?? [];
  const under = listed.some((field) => cause.field === field || cause.field.startsWith(`${field}.`) || cause.field.startsWith(`${field}[`));
  return under && phrases.some((phrase) => cause.message.includes(phrase));
}

/** A custom kind's own rule over `oldSelf`; its author words the message, and by habit says `immutable`. */
function isRuledByCel(cause: Refused): boolean {
  return /\bimmutable\b/i.test(cause.message) && cause.message.startsWith("Invalid value") && !cause.field.startsWith("metadata");
}
