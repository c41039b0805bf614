// What an App and each of its targets may say alike: the fields that merge, layer over layer.

import { jsonPointer, labelName, relativePath, releaseName, subdomainName } from "./names.ts";
import { rolloutShape } from "./rollout-table.ts";
import { flag, listOf, mapOf, object, objectName, template, text, type Fields, type Shape } from "./shape.ts";

const path: Shape = { is: "text", pattern: relativePath, template: true, says: "must be a relative path" };
const seconds = 1000;
const hours = 3600 * seconds;

const helmFields: Fields = {
  releaseName: {
    shape: { is: "text", pattern: releaseName, template: true, says: "must be a DNS label of at most 53" },
    description: "Helm's release name. Default: the App's name.",
  },
  values: {
    shape: { is: "data", template: true },
    default: {},
    description: "Values over the chart's own. Maps merge deep, lists are replaced, null removes.",
  },
  valuesFiles: { shape: listOf(path), default: [], description: "Files with values, relative to the chart; values above win over them." },
  skipCrds: { shape: flag, default: false, description: "Leave out the chart's crds folder." },
};

const image = object({
  name: { shape: template, required: true, description: "The image's name in the manifests." },
  newName: { shape: template, description: "Its new name." },
  newTag: { shape: template, description: "Its new tag." },
  digest: { shape: template, description: "Its new digest." },
});

const patchTarget = object({
  group: { shape: text, description: "API group." },
  version: { shape: text, description: "API version." },
  kind: { shape: text, description: "Kind." },
  name: { shape: template, description: "Name, a regular expression." },
  namespace: { shape: template, description: "Namespace, a regular expression." },
  labelSelector: { shape: template, description: "Label selector as text." },
  annotationSelector: { shape: template, description: "Annotation selector as text." },
});

const patch = object({
  patch: { shape: template, description: "A strategic merge or JSON 6902 patch, as YAML text." },
  path: { shape: path, description: "A file with the patch, relative to the kustomization." },
  target: { shape: patchTarget, description: "Which objects it changes." },
  options: { shape: { is: "data" }, description: "Kustomize's patch options." },
});

const replica = object({
  name: { shape: template, required: true, description: "Name of the workload." },
  count: { shape: { is: "integer", min: 0, max: 1_000_000 }, required: true, description: "Its replicas." },
});

const kustomizeFields: Fields = {
  path: { shape: path, description: "Folder of the kustomization, relative to source.path: an overlay, for instance." },
  images: {
    shape: listOf({
      is: "either",
      of: [template, image],
      says: "must be text like name=new:tag, or a map with name, newName, newTag, digest",
    }),
    default: [],
    description: "Image overrides: [old=]name[:tag|@digest] or {name, newName, newTag, digest}.",
  },
  patches: { shape: listOf(patch), default: [], description: "Patches, appended to the kustomization's own." },
  components: { shape: listOf(path), default: [], description: "Components, relative to the kustomization." },
  namePrefix: { shape: template, default: "", description: "Put before every name." },
  nameSuffix: { shape: template, default: "", description: "Put after every name." },
  labels: { shape: mapOf(template), default: {}, description: "Labels for every object (not for selectors)." },
  annotations: { shape: mapOf(template), default: {}, description: "Annotations for every object." },
  replicas: { shape: listOf(replica), default: [], description: "Replica counts by name." },
};

const ignoreRule = object({
  group: { shape: text, default: "*", description: "API group, or * for any." },
  kind: { shape: text, required: true, description: "Kind, or * for any." },
  name: { shape: text, default: "*", description: "Name, or * for any." },
  fields: {
    shape: listOf({ is: "text", pattern: jsonPointer, says: "must be a JSON pointer like /spec/replicas" }),
    default: [],
    description: "JSON pointers; a part may be *.",
  },
  managers: { shape: listOf(text), default: [], description: "Field managers whose fields are left alone." },
  mode: {
    shape: { is: "choice", of: ["untilRelease", "always"] },
    default: "untilRelease",
    description: "untilRelease: not healed, written again with a new Release. always: never written by Muster.",
  },
});

const syncFields: Fields = {
  auto: { shape: flag, default: true, description: "false: a change waits (WaitingForHand) until it is true again." },
  prune: {
    shape: { is: "choice", of: [true, false], notYet: ["adopted"] },
    default: true,
    description: "Delete objects that are no longer declared. adopted: also those that Muster took over.",
  },
  heal: { shape: flag, default: true, description: "Undo changes made on the cluster." },
  createNamespace: { shape: flag, default: true, description: "Create spec.namespace where it is missing." },
  adopt: {
    shape: { is: "choice", of: ["never", "identical", "yes"] },
    default: "never",
    description: "What to do with a live object of that name that is not Muster's.",
  },
  onLeave: {
    shape: { is: "choice", of: ["orphan", "delete"] },
    default: "orphan",
    description: "When a cluster leaves the targets: orphan after 24 hours, or delete after 30 minutes.",
  },
  serviceAccount: {
    shape: {
      is: "text",
      pattern: subdomainName,
      max: 253,
      template: true,
      code: "E_NAME_INVALID",
      says: "must be the name of a ServiceAccount",
    },
    description: "ServiceAccount in the agent's namespace to act as.",
  },
  timeout: {
    shape: { is: "duration", minMs: seconds, maxMs: 24 * hours },
    default: "10m",
    description: "How long the App may take to become healthy.",
  },
  ignore: { shape: listOf(ignoreRule), default: [], description: "Fields that others own." },
};

const namespaceShape: Shape = {
  is: "text",
  pattern: labelName,
  template: true,
  code: "E_NAME_INVALID",
  says: "must be a DNS label: lower-case letters, digits and '-', at most 63",
};

/** Fields that an App and a target share, at the top of `spec` and of a target. */
export const sharedFields: Fields = {
  namespace: { shape: namespaceShape, description: "Namespace for objects that have none." },
  helm: { shape: object(helmFields), default: {}, description: "Settings of a Helm chart." },
  kustomize: { shape: object(kustomizeFields), default: {}, description: "Settings of a kustomization." },
  sync: { shape: object(syncFields), default: {}, description: "How the agent keeps it in sync." },
  rollout: { shape: rolloutShape, default: {}, description: "How a change goes through the fleet: immediate, or in waves." },
};

export const revisionShape: Shape = {
  is: "text",
  template: true,
  pattern: "sha256:[0-9a-f]{64}|[^\\s:?\\[\\\\-][^:?\\[\\\\]*",
  max: 255,
  says: "must be a branch, tag, semver range, commit or sha256:digest",
};
export const pathShape = path;
export const secretName = objectName;
