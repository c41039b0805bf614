// Where a kind keeps its pod template.

const templatePaths: Readonly<Record<string, readonly string[]>> = {
  "/Pod": [],
  "/PodTemplate": ["template"],
  "/ReplicationController": ["spec", "template"],
  "apps/DaemonSet": ["spec", "template"],
  "apps/Deployment": ["spec", "template"],
  "apps/ReplicaSet": ["spec", "template"],
  "apps/StatefulSet": ["spec", "template"],
  "batch/CronJob": ["spec", "jobTemplate", "spec", "template"],
  "batch/Job": ["spec", "template"],
};

/** The path to the pod's `spec` in objects of this kind, if it has one. */
export function podSpecPath(group: string, kind: string): readonly string[] | undefined {
  const path = templatePaths[`${group}/${kind}`];
  return path === undefined ? undefined : [...path, "spec"];
}
