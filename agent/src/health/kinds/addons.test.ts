import type { JsonObject } from "@muster/proto/model/json";
import { condition, live, type Case } from "../testdata/objects.ts";
import { judge } from "../testdata/judge.test.ts";

const conditions = (type: string, ...list: readonly JsonObject[]): JsonObject => live(type, { status: { conditions: list } });
const rollout = (phase: string, observedGeneration = "2"): JsonObject =>
  live("argoproj.io/v1alpha1/Rollout", { status: { phase, observedGeneration } });

const canary = (phase: string): JsonObject => live("flagger.app/v1beta1/Canary", { status: { phase } });

const cases: readonly Case[] = [
  ["a ready Certificate is healthy", conditions("cert-manager.io/v1/Certificate", condition("Ready", "True")), "healthy"],
  [
    "a Certificate that is being renewed is progressing",
    conditions("cert-manager.io/v1/Certificate", condition("Ready", "True"), condition("Issuing", "True")),
    "progressing",
  ],
  [
    "a Certificate that is not ready for 10 min is degraded, issuing or not",
    conditions("cert-manager.io/v1/Certificate", condition("Ready", "False", { forMs: 600_000 }), condition("Issuing", "True")),
    "degraded",
  ],
  [
    "an Issuer that is not ready is progressing",
    conditions("cert-manager.io/v1/Issuer", condition("Ready", "False", { forMs: 1_000 })),
    "progressing",
    { recheckInMs: 599_000 },
  ],

  ["a Rollout in phase Healthy is healthy", rollout("Healthy"), "healthy"],
  ["a Rollout's observed generation is a string", rollout("Healthy", "1"), "progressing", { reason: "OldGeneration" }],
  ["a Rollout's observed generation may be a hash of old times", rollout("Healthy", "7f5c9d6b8"), "healthy"],
  ["a Rollout whose canary waits is progressing", rollout("Paused"), "progressing", { reason: "Paused" }],
  [
    "a Rollout that somebody paused is suspended",
    live("argoproj.io/v1alpha1/Rollout", { spec: { paused: true }, status: { phase: "Paused" } }),
    "suspended",
  ],
  ["a degraded Rollout is degraded", rollout("Degraded"), "degraded"],
  ["a Rollout without a phase is progressing", rollout(""), "progressing"],

  ["a Canary that succeeded is healthy", canary("Succeeded"), "healthy"],
  ["a Canary that is initialized is healthy", canary("Initialized"), "healthy"],
  ["a Canary that waits for its promotion is progressing", canary("WaitingPromotion"), "progressing", { reason: "WaitingPromotion" }],
  ["a Canary without a phase is progressing", canary(""), "progressing"],
  ["a Canary that failed is degraded", canary("Failed"), "degraded"],
  ["a Canary whose analysis is suspended is suspended", live("flagger.app/v1beta1/Canary", { spec: { suspend: true } }), "suspended"],

  ["a ready Kustomization is healthy", conditions("kustomize.toolkit.fluxcd.io/v1/Kustomization", condition("Ready", "True")), "healthy"],
  ["a suspended HelmRelease is suspended", live("helm.toolkit.fluxcd.io/v2/HelmRelease", { spec: { suspend: true } }), "suspended"],
  [
    "a stalled HelmRelease is degraded",
    conditions(
      "helm.toolkit.fluxcd.io/v2/HelmRelease",
      condition("Ready", "False"),
      condition("Stalled", "True", { reason: "RetriesExceeded" }),
    ),
    "degraded",
    { reason: "RetriesExceeded" },
  ],

  [
    "an ExternalSecret that was not synced for a minute is degraded",
    conditions("external-secrets.io/v1/ExternalSecret", condition("Ready", "False", { reason: "SecretSyncedError", forMs: 60_000 })),
    "degraded",
    { reason: "SecretSyncedError" },
  ],
  ["a SealedSecret is healthy when it is Synced", conditions("bitnami.com/v1alpha1/SealedSecret", condition("Synced", "True")), "healthy"],
  [
    "a Knative Service whose condition is Unknown is progressing",
    conditions("serving.knative.dev/v1/Service", condition("Ready", "Unknown", { reason: "RevisionMissing" })),
    "progressing",
    { reason: "RevisionMissing" },
  ],
  [
    "a Crossplane resource has to be Synced and Ready",
    conditions("s3.aws.upbound.io/v1beta1/Bucket", condition("Synced", "True"), condition("Ready", "False", { forMs: 1_000 })),
    "progressing",
    { recheckInMs: 59_000 },
  ],
  [
    "a Crossplane resource that is both is healthy",
    conditions("pkg.crossplane.io/v1/Provider", condition("Synced", "True"), condition("Ready", "True")),
    "healthy",
  ],
];

judge(cases);
