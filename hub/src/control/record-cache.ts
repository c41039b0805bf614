// Renders as the record keeps them: what was rendered once is not rendered again, by whoever asks.

import type { JsonValue } from "@muster/proto/model/json";
import type { HubRecord } from "./record.ts";
import type { KeptRender, RenderCache } from "./renders/renders.ts";

export function recordCache(record: HubRecord, now: () => number): RenderCache {
  return {
    get: (variant) => record.store.render(variant) as KeptRender | undefined,
    put: async (variant, kept, release) => {
      const { digest, manifest, objects } = release;
      await record.commit([
        { kind: "release", digest, manifest, objects },
        { kind: "render", variant, release: digest, body: kept as unknown as JsonValue, at: now() },
      ]);
    },
  };
}
