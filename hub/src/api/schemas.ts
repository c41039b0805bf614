// The JSON Schemas of the language, for editors: they hold nothing of a fleet, so nobody has to sign in for them.

import type { FastifyInstance } from "fastify";

/** File name -> JSON text. */
export type Schemas = Readonly<Record<string, string>>;

/** `GET /schemas/FILE`, and their names at `/schemas`. Editors that run in a browser may read them too. */
export function addSchemas(server: FastifyInstance, schemas: Schemas): void {
  const files = new Map(Object.entries(schemas));
  server.get("/schemas", async () => ({ items: [...files.keys()] }));
  server.get("/schemas/:file", async (request, reply) => {
    const body = files.get((request.params as { file: string }).file);
    if (body === undefined) return reply.callNotFound();
    return reply
      .type("application/schema+json; charset=utf-8")
      .header("access-control-allow-origin", "*")
      .header("cache-control", "public, max-age=300")
      .send(body);
  });
}
