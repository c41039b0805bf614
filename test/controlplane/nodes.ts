// The Node objects that kwok plays. They are born ready, so that the scheduler can use them at once.

const CAPACITY = { cpu: "64", memory: "256Gi", "ephemeral-storage": "1Ti", pods: "1000" };
const CONDITIONS = [
  ["Ready", "True", "KubeletReady"],
  ["MemoryPressure", "False", "KubeletHasSufficientMemory"],
  ["DiskPressure", "False", "KubeletHasNoDiskPressure"],
  ["PIDPressure", "False", "KubeletHasSufficientPID"],
] as const;

/** A list of `count` Nodes as `kubectl apply -f -` takes it. `now` is an RFC 3339 time. */
export function fakeNodes(count: number, now: string): object {
  return { apiVersion: "v1", kind: "List", items: Array.from({ length: count }, (_, index) => fakeNode(`node-${index}`, now)) };
}

function fakeNode(name: string, now: string): object {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      annotations: { "kwok.x-k8s.io/node": "fake" },
      labels: { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64" },
    },
    status: {
      allocatable: CAPACITY,
      capacity: CAPACITY,
      conditions: CONDITIONS.map(([type, status, reason]) => ({
        type,
        status,
        reason,
        message: "played by kwok",
        lastHeartbeatTime: now,
        lastTransitionTime: now,
      })),
      addresses: [{ type: "Hostname", address: name }],
    },
  };
}
