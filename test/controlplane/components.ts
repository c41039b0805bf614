// The programs of a control plane and how each is called: a table. Starting them is keeper.ts and controlplane.ts.

import { join } from "node:path";

export type Component = "etcd" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" | "kwok";

/** What the command lines need to know: the folder, its ports, and whether controllers run. */
export interface Layout {
  readonly dir: string;
  readonly etcdPort: number;
  readonly etcdPeerPort: number;
  readonly apiPort: number;
  readonly controllers: boolean;
  readonly stages: string;
}

export const CORE = ["etcd", "kube-apiserver"] as const satisfies readonly Component[];
export const CONTROLLERS = ["kube-controller-manager", "kube-scheduler", "kwok"] as const satisfies readonly Component[];

/** Their own limit of 20 requests/s costs four seconds at the start, and every test would wait for it. */
const UNTHROTTLED = ["--kube-api-qps=500", "--kube-api-burst=1000"];

/** Arguments of each program. A throw-away cluster needs neither fsync nor leader election. */
export const ARGUMENTS: Readonly<Record<Component, (layout: Layout) => readonly string[]>> = {
  etcd: ({ dir, etcdPort, etcdPeerPort }) => [
    `--data-dir=${join(dir, "etcd")}`,
    "--unsafe-no-fsync",
    `--listen-client-urls=http://127.0.0.1:${etcdPort}`,
    `--advertise-client-urls=http://127.0.0.1:${etcdPort}`,
    `--listen-peer-urls=http://127.0.0.1:${etcdPeerPort}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${etcdPeerPort}`,
    `--initial-cluster=default=http://127.0.0.1:${etcdPeerPort}`,
    "--log-level=warn",
  ],
  "kube-apiserver": ({ dir, etcdPort, apiPort, controllers }) => [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    // Should two etcds ever fight for one port, their API servers do not read each other's data.
    `--etcd-prefix=/${apiPort}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${apiPort}`,
    "--endpoint-reconciler-type=none",
    `--cert-dir=${join(dir, "pki")}`,
    "--authorization-mode=RBAC",
    `--token-auth-file=${join(dir, "tokens.csv")}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-account-key-file=${join(dir, "service-account.pub")}`,
    `--service-account-signing-key-file=${join(dir, "service-account.key")}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--allow-privileged=true",
    "--profiling=false",
    // Without a controller manager no namespace gets its default service account, and every Pod would be refused.
    ...(controllers ? [] : ["--disable-admission-plugins=ServiceAccount"]),
  ],
  "kube-controller-manager": ({ dir }) => [
    `--kubeconfig=${join(dir, "admin.kubeconfig")}`,
    "--use-service-account-credentials=true",
    `--service-account-private-key-file=${join(dir, "service-account.key")}`,
    `--root-ca-file=${join(dir, "pki", "apiserver.crt")}`,
    "--leader-elect=false",
    "--secure-port=0",
    ...UNTHROTTLED,
    "--profiling=false",
  ],
  "kube-scheduler": ({ dir }) => [
    `--kubeconfig=${join(dir, "admin.kubeconfig")}`,
    "--leader-elect=false",
    "--secure-port=0",
    ...UNTHROTTLED,
    "--profiling=false",
  ],
  kwok: ({ dir, stages }) => [
    `--kubeconfig=${join(dir, "admin.kubeconfig")}`,
    `--config=${stages}`,
    "--manage-all-nodes=true",
    // Without leases kwok plays every Pod of its nodes from the first moment; the heartbeat stage keeps the nodes ready.
    "--node-lease-duration-seconds=0",
    "--node-ip=10.0.0.1",
    "--cidr=10.244.0.0/16",
  ],
};

/** The script that the keeper runs for a component: it becomes the program itself. */
export function startScript(program: string, component: Component, layout: Layout): string {
  const words = [program, ...ARGUMENTS[component](layout)].map(quote);
  return `cd ${quote(layout.dir)} && exec ${words.join(" ")}\n`;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
