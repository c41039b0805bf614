// What the cluster itself is made of: APIService, CustomResourceDefinition, Namespace, webhook configurations.

import { conditionOf, wordsOf } from "../conditions.ts";
import { objectsAt, textAt, timeAt } from "@muster/proto/model/members";
import { byCondition, failed, healthy, inTime, minute, progressing, type Rule } from "../verdict.ts";

export const apiService: Rule = (object, moment) => byCondition(conditionOf(object, "Available"), moment, 2 * minute);

export const definition: Rule = (object) => {
  const names = conditionOf(object, "NamesAccepted");
  if (names?.status === "False") return failed(wordsOf(names), names.reason);
  const established = conditionOf(object, "Established");
  if (established?.status === "True") return healthy();
  if (established?.status === "False" && established.reason !== "Installing") return failed(wordsOf(established), established.reason);
  return progressing("it is not established yet", "Installing");
};

export const namespace: Rule = (object) =>
  textAt(object, "status", "phase") === "Active" ? healthy() : progressing("it is not active yet", textAt(object, "status", "phase"));

/** A webhook without a CA bundle works only behind a public certificate; one that an injector fills is empty for a moment. */
export const webhooks: Rule = (object, { now }) => {
  const bare = objectsAt(object, "webhooks").filter(
    (it) => (textAt(it, "clientConfig", "caBundle") ?? "") === "" && textAt(it, "clientConfig", "url") === undefined,
  );
  if (bare.length === 0) return healthy();
  const names = bare.map((it) => textAt(it, "name") ?? "").join(", ");
  return inTime(
    now,
    timeAt(object, "metadata", "creationTimestamp"),
    60_000,
    healthy(),
    healthy(`without a CA bundle: ${names}`, "NoCaBundle"),
  );
};
