// PersistentVolumeClaim and PersistentVolume.

import { textAt, timeAt } from "@muster/proto/model/members";
import { failed, healthy, inTime, minute, progressing, stillAfter, type Rule } from "../verdict.ts";

const provisioners = ["volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner"];

export const claim: Rule = (object, { now, since }) => {
  const phase = textAt(object, "status", "phase");
  if (phase === "Bound") return healthy();
  if (phase === "Lost") return failed("its volume is gone", "Lost");
  // With WaitForFirstConsumer nobody is asked for a volume before a pod wants it: an unused claim is as it should be.
  const asked = provisioners.some((name) => textAt(object, "metadata", "annotations", name) !== undefined);
  const hasClass = (textAt(object, "spec", "storageClassName") ?? "") !== "";
  if (asked || !hasClass) return stillAfter(now, since, 10 * minute, "it is not bound yet", "Pending");
  const waits = healthy("it waits for its first consumer, or its storage class does not exist", "WaitForFirstConsumer");
  return inTime(now, timeAt(object, "metadata", "creationTimestamp"), 30_000, progressing("it is not bound yet", "Pending"), waits);
};

export const volume: Rule = (object) => {
  const phase = textAt(object, "status", "phase");
  if (phase === "Failed") return failed(textAt(object, "status", "message") ?? "it cannot be reclaimed", "Failed");
  return phase === "Available" || phase === "Bound" || phase === "Released" ? healthy() : progressing("it is not available yet", phase);
};
