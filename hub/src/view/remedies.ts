// What to do about a problem, by its code: for problems that come without a remedy of their own.

const remedies: { readonly [code: string]: string } = {
  E_ARCHIVE: "pack the subchart again with helm package",
  E_CHART: "check it with helm lint",
  E_CYCLE: "take one of the references out",
  E_DEPENDENCY_CYCLE: "take one of them out of dependsOn",
  E_DEPENDENCY_UNKNOWN: "correct the name in dependsOn, or declare that App",
  E_DEPTH: "nest less deeply",
  E_DUPLICATE_OBJECT: "declare the object once",
  E_EMPTY_RENDER: "check the path and the values; to take an App away, remove its document",
  E_ENCODING: "save the file as UTF-8",
  E_EXPRESSION: "see the expressions in docs/language.md",
  E_INTERNAL: "this is a fault of Muster: please report it",
  E_HOST_FORBIDDEN: "name a server of the network, or open its addresses in network.allow of the hub's configuration",
  E_KUBE_VERSION: "the chart does not allow this Kubernetes version: use another version of the chart",
  E_KUSTOMIZE: "check it with kustomize build",
  E_LFS_POINTER: "commit the file itself, not to Git LFS",
  E_LIMIT: "make it smaller, or split it",
  E_NAME_COLLISION: "rename one of the two",
  E_NAME_INVALID: "name it with letters, digits, dash, dot and underscore",
  E_NAME_UNSAFE: "rename the file",
  E_NO_TARGETS: "give the App targets",
  E_NONDETERMINISTIC: "take out of the chart what gives another outcome each time",
  E_NUMBER: "write the number as a string",
  E_OBJECT_INVALID: "correct the object: it needs apiVersion, kind and a name",
  E_OWNERSHIP_CONFLICT: "declare the object in one App only",
  E_PATH_ESCAPE: "write a path inside the repository, relative to its root",
  E_PATH_MISSING: "correct the path, or commit the files",
  E_REMOTE_FORBIDDEN: "name it in the remotes of the Source, or commit a copy into the repository",
  E_RESERVED_KEY: "use another name",
  E_SUBMODULE: "commit the files themselves",
  E_SYMLINK: "let the link point to a file inside the repository",
  E_TEMPLATE: "correct the template; helm template shows the same",
  E_TIMEOUT: "make the render cheaper: a loop in a template?",
  E_UNKNOWN_GROUP: "correct the name, or declare the ClusterGroup",
  E_VALUES: "correct the values: the chart's schema refuses them",
  E_VAR_UNDEFINED: 'set it for that cluster, or give a default: ${x ?? "default"}',
  E_YAML: "correct the YAML",
  E_YAML_DUPKEY: "write the key once",
  W_NO_CLUSTERS: "check the selector against the labels of the clusters",
  W_UNKNOWN_CLUSTER: "correct the name, or declare the Cluster",
};

/** "" where there is nothing to say. */
export function remedyOf(problem: { readonly code: string; readonly remedy?: string }): string {
  return problem.remedy ?? (Object.hasOwn(remedies, problem.code) ? (remedies[problem.code] ?? "") : "");
}
