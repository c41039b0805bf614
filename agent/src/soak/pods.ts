// What one pod tells of how its containers fare.

import type { JsonObject } from "@muster/proto/model/json";
import { numberAt, objectsAt, textAt } from "@muster/proto/model/members";

export type ContainerSight = {
  readonly name: string;
  readonly restarts: number;
  /** The kubelet waits before it starts it again. */
  readonly backsOff: boolean;
  /** What names each end for want of memory that is still told of, oldest first. */
  readonly oomKills: readonly string[];
};

export type PodSight = { readonly uid: string; readonly name: string; readonly containers: readonly ContainerSight[] };

export function podSight(pod: JsonObject): PodSight {
  const statuses = [...objectsAt(pod, "status", "initContainerStatuses"), ...objectsAt(pod, "status", "containerStatuses")];
  return {
    uid: textAt(pod, "metadata", "uid") ?? "",
    name: textAt(pod, "metadata", "name") ?? "",
    containers: statuses.map(containerSight),
  };
}

function containerSight(status: JsonObject): ContainerSight {
  return {
    name: textAt(status, "name") ?? "",
    restarts: numberAt(status, "restartCount") ?? 0,
    backsOff: textAt(status, "state", "waiting", "reason") === "CrashLoopBackOff",
    oomKills: ["lastState", "state"].flatMap((state) => {
      if (textAt(status, state, "terminated", "reason") !== "OOMKilled") return [];
      return textAt(status, state, "terminated", "containerID") ?? textAt(status, state, "terminated", "finishedAt") ?? [];
    }),
  };
}
