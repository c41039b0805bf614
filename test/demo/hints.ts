// What to try while the demo stays up.

import { clusters, type Stage } from "./stage.ts";
import { home, root } from "./place.ts";

/** Pairs of a command and what it is for; a row without a command is a heading. */
type Hint = readonly [command: string, what: string];

export function hintsFor({ repository, clone }: Stage): readonly Hint[] {
  return [
    ["", "All of it stays up until Ctrl-C. In another terminal:"],
    [`cd ${root}`, ""],
    [`export PATH="$PWD/.tools/bin:$PATH" KUBECONFIG="$PWD/${home}/kubeconfig"`, ""],
    ["", "Look:"],
    ["muster status --watch", "the fleet, live"],
    ["muster apps -o wide", "each App on each cluster, and which layers of its definition apply there"],
    ["kubectl --context paris get pods -A", "a cluster itself"],
    [`muster resolve --repo ${clone} --all`, "offline: who gets which App, and why"],
    [`muster render --repo ${clone} --cluster oslo`, "offline: the objects that oslo gets"],
    ["", "Meddle, then see `muster drift`:"],
    ["kubectl --context oslo -n shop scale deployment/web --replicas=7", "put back at once"],
    ["kubectl --context oslo -n shop delete service web", "made again"],
    ["", `Commit: change replicas in ${clone}/apps/shop.yaml, or a label in ${clone}/clusters/paris.yaml, then`],
    [`git -C ${clone} commit -am "mine" && git -C ${clone} push && muster status --watch`, ""],
    ["", "Or the same in a clone of your own, anywhere:"],
    [`git clone ${repository}`, ""],
    ["", "Files:"],
    [clusters.map((name) => `${home}/${name}.kubeconfig`).join(" "), ""],
    [`${home}/hub.log ${home}/agent-berlin.log`, "logs"],
    [".muster/config", "how `muster` finds this hub"],
  ];
}
