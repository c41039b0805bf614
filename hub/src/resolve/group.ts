// Clusters of one App with one Variant and one policy: what is worked out once for all of them.

import type { Problem, Settings } from "../fleet/fleet.ts";
import type { Part } from "./claim.ts";
import type { LayerOrigin, Shared } from "./placements.ts";
import type { RenderAnswer, RenderRequest } from "./request.ts";
import type { Asking, RequestBook } from "./request-book.ts";

export type GroupVerdict = {
  /** What all Placements of the Group have in common; null: it is placed nowhere. */
  readonly shared: Shared | null;
  /** False: nothing of it may be taken away. */
  readonly complete: boolean;
  /** What is to be told, but for the clusters' names. */
  readonly complaint: Complaint | null;
};

export type Complaint = Pick<Problem, "code" | "severity"> & {
  readonly text: (where: string) => string;
  readonly place?: Problem["place"];
};

/** What a Group belongs to. */
export type GroupOwner = { groupAnswered(group: Group): void };

export class Group implements Asking {
  readonly part: Part;
  readonly settings: Settings;
  readonly request: RenderRequest;
  readonly layers: readonly LayerOrigin[];
  /** The clusters that share its settings, of which it is those with equal facts. */
  readonly base: Base;
  readonly sign: string;
  /** Clusters in it. */
  count = 0;
  /** What its render's answer means; undefined: to be judged. */
  verdict: GroupVerdict | undefined;
  readonly #owner: GroupOwner;

  constructor(base: Base, sign: string, request: RenderRequest, owner: GroupOwner) {
    this.part = base.part;
    this.settings = base.settings;
    this.layers = base.layers;
    this.base = base;
    this.sign = sign;
    this.request = request;
    this.#owner = owner;
  }

  answered(): void {
    this.#owner.groupAnswered(this);
  }
}

/** Clusters of one App with equal settings. One Group, or, when its chart asks for capabilities, one for each kind of cluster. */
export class Base implements Asking {
  readonly part: Part;
  readonly settings: Settings;
  readonly request: RenderRequest;
  readonly layers: readonly LayerOrigin[];
  readonly groups = new Map<string, Group>();
  readonly #requests: RequestBook;
  readonly #tell: (base: Base) => void;
  readonly #empty: () => void;

  /** `tell`: when its chart begins to ask, or asks for something else. `empty`: when its last Group is gone. */
  constructor(
    of: { readonly part: Part; readonly settings: Settings; readonly request: RenderRequest; readonly layers: readonly LayerOrigin[] },
    requests: RequestBook,
    tell: (base: Base) => void,
    empty: () => void,
  ) {
    this.part = of.part;
    this.settings = of.settings;
    this.request = of.request;
    this.layers = of.layers;
    this.#requests = requests;
    this.#tell = tell;
    this.#empty = empty;
    requests.ask(this.request, this);
  }

  get answer(): RenderAnswer | undefined {
    return this.#requests.answerOf(this.request);
  }

  answered(): void {
    this.#tell(this);
  }

  open(sign: string, request: RenderRequest, owner: GroupOwner): Group {
    const group = new Group(this, sign, request, owner);
    this.groups.set(sign, group);
    this.#requests.ask(request, group);
    return group;
  }

  /** Ends a Group without clusters. */
  close(group: Group): void {
    this.groups.delete(group.sign);
    this.#requests.drop(group.request, group);
    if (this.groups.size > 0) return;
    this.#requests.drop(this.request, this);
    this.#empty();
  }
}
