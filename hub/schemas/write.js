// Writes the published JSON Schemas into this folder: `node hub/schemas/write.js`, after every change of hub/src/fleet's tables.

import { writeFileSync } from "node:fs";
import { jsonSchemas } from "../src/fleet/schemas.ts";

for (const [name, schema] of Object.entries(jsonSchemas())) {
  writeFileSync(new URL(name, import.meta.url), `${JSON.stringify(schema, null, 2)}\n`);
}
