// Which fields of an App's `source` go together: a folder of this Source, of another one or of a repository elsewhere; or a chart.

import type { JsonObject } from "@muster/proto/model/json";
import { isGiven, present, type Rule } from "./shape.ts";

const isNotGiven = (key: string): JsonObject => ({ not: isGiven(key) });

/** With path: at most one of source and git. With helm: no path and no git; source where helm names no repository. */
export const sourceRule: Rule = {
  code: "E_FIELD",
  says: "needs path (with at most one of source and git) or helm (with neither path nor git)",
  holds: (value) => {
    const [path, helm, source, git] = ["path", "helm", "source", "git"].map((key) => present(value, key));
    return helm === true ? path === false && git === false : path === true && !(source === true && git === true);
  },
  schema: {
    oneOf: [
      { allOf: [isGiven("helm"), isNotGiven("path"), isNotGiven("git")] },
      { allOf: [isGiven("path"), isNotGiven("helm"), { not: { allOf: [isGiven("source"), isGiven("git")] } }] },
    ],
  },
};
