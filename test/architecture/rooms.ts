// The architecture as a table: which room may import which. `model` stands for proto/src/model, which everybody may read. A pure room
// decides and touches nothing; a world room touches one outside thing; control runs the loops; main builds and wires.

export type Room = { readonly pure: boolean; readonly imports: readonly string[] };

const pure = (...imports: readonly string[]): Room => ({ pure: true, imports });
const world = (...imports: readonly string[]): Room => ({ pure: false, imports });

export const rooms = {
  "proto/src/model": pure(),
  "proto/src/gen": world(),
  "proto/src/codec": world("proto/src/gen"),
  "proto/src/waiting": world(),

  "hub/src/yaml": pure(),
  "hub/src/version": pure(),
  "hub/src/network": pure(),
  "hub/src/fleet": pure("hub/src/yaml"),
  "hub/src/resolve": pure("hub/src/fleet"),
  "hub/src/admit": pure("hub/src/fleet", "hub/src/resolve"),
  "hub/src/rollout": pure("hub/src/fleet"),
  "hub/src/bundle": pure(),
  "hub/src/acts": pure(),
  "hub/src/view": pure("hub/src/yaml"),
  "hub/src/access": pure("hub/src/view"),
  "hub/src/git": world("hub/src/version", "hub/src/network"),
  "hub/src/remote": world("hub/src/yaml", "hub/src/version", "hub/src/network"),
  "hub/src/render": world("hub/src/yaml"),
  "hub/src/store": world(),
  "hub/src/keys": world("proto/src/codec"),
  "hub/src/enroll": world(),
  "hub/src/link": world("proto/src/gen", "proto/src/codec"),
  "hub/src/api": world("hub/src/view", "hub/src/access"),
  "hub/src/control": world(
    "proto/src/codec",
    "proto/src/waiting",
    "hub/src/yaml",
    "hub/src/version",
    "hub/src/network",
    "hub/src/fleet",
    "hub/src/resolve",
    "hub/src/admit",
    "hub/src/rollout",
    "hub/src/bundle",
    "hub/src/acts",
    "hub/src/view",
    "hub/src/git",
    "hub/src/remote",
    "hub/src/render",
    "hub/src/store",
    "hub/src/keys",
    "hub/src/enroll",
    "hub/src/link",
    "hub/src/api",
    "hub/src/config",
  ),
  // The command line speaks to the API; what it does without a hub, it does through control/offline.
  "hub/src/cli": world("hub/src/view", "hub/src/control", "hub/src/yaml"),
  "hub/src/config": world("hub/src/network"),
  "hub/src": world("hub/src/control", "hub/src/config"),

  "agent/src/verify": pure(),
  "agent/src/health": pure(),
  "agent/src/drift": pure(),
  "agent/src/soak": pure(),
  "agent/src/plan": pure("agent/src/drift"),
  "agent/src/kube": world(),
  "agent/src/cache": world(),
  "agent/src/identity": world("proto/src/codec"),
  "agent/src/link": world("proto/src/gen", "proto/src/codec"),
  "agent/src/control": world(
    "proto/src/codec",
    "proto/src/waiting",
    "agent/src/verify",
    "agent/src/health",
    "agent/src/drift",
    "agent/src/soak",
    "agent/src/plan",
    "agent/src/kube",
    "agent/src/cache",
    "agent/src/link",
  ),
  "agent/src": world(
    "proto/src/codec",
    "proto/src/waiting",
    "agent/src/verify",
    "agent/src/kube",
    "agent/src/cache",
    "agent/src/identity",
    "agent/src/link",
    "agent/src/control",
  ),
} as const satisfies Record<string, Room>;

/** npm packages that pure rooms may use: what parsing needs. */
export const purePackages: ReadonlySet<string> = new Set(["js-yaml", "yaml"]);

/** The platform that pure rooms may use: hashing and verifying are functions of their arguments. */
export const pureBuiltins: ReadonlySet<string> = new Set(["node:crypto"]);

/** Packages that only these rooms may know. */
export const packageHomes: Readonly<Record<string, readonly string[]>> = {
  "@grpc/grpc-js": ["hub/src/link", "agent/src/link"],
  "better-sqlite3": ["hub/src/store"],
  "isomorphic-git": ["hub/src/git"],
  "@kubernetes/client-node": ["agent/src/kube"],
  fastify: ["hub/src/api"],
  commander: ["hub/src/cli"],
  "@peculiar/x509": ["hub/src/keys", "agent/src/identity"],
  pino: ["hub/src", "agent/src"],
};
