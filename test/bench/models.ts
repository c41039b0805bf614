// A fleet as resolve reads it, with answers to every render: what is measured is resolving alone.

import { assembleFleet, parseFleetFile, type ParsedFile } from "@muster/hub/fleet/fleet";
import { resolve, type FleetModel, type RenderAnswer, type RenderRequest, type Resolution } from "@muster/hub/resolve/resolve";
import { readYaml } from "@muster/hub/yaml/yaml";
import { digestOf, type Digest } from "@muster/proto/model/digest";
import { isJsonObject } from "@muster/proto/model/json";
import { appsFolder, type BuiltFleet } from "./fleet-files.ts";

const source = "root";

/** The documents that the hub reads itself. Throws when a built fleet has a fault. */
export function modelOf(fleet: BuiltFleet, appOfApps: boolean): FleetModel {
  const parsed = Object.entries(fleet.files).flatMap(([path, text]): ParsedFile[] => {
    const isRead = path.startsWith("fleet/") && !(appOfApps && path.startsWith(appsFolder));
    return isRead ? [parseFleetFile({ source, path, text })] : [];
  });
  const { documents, problems } = assembleFleet(parsed, []);
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join("\n"));
  return { documents, enrolled: [], incumbents: new Map() };
}

/** Resolves until nothing is needed any more, with answers as a renderer would give them; `answers` keeps them. */
export function resolveAll(model: FleetModel, fleet: BuiltFleet, answers: Map<Digest, RenderAnswer>): Resolution {
  for (;;) {
    const resolution = resolve(model, answers);
    if (resolution.needs.length === 0) return resolution;
    for (const request of resolution.needs) answers.set(request.key, answerOf(request, fleet));
  }
}

function answerOf(request: RenderRequest, fleet: BuiltFleet): RenderAnswer {
  const release = digestOf(`release of ${request.key}`);
  if (request.path !== appsFolder) return { kind: "rendered", release, apps: [], objectCount: 2 };
  const files = Object.entries(fleet.files).filter(([path]) => path.startsWith(`${appsFolder}/`));
  const apps = files.flatMap(([path, text]) =>
    readYaml(text).documents.flatMap(({ value, line }) => (isJsonObject(value) ? [{ value, place: { source, path, line } }] : [])),
  );
  return { kind: "rendered", release, apps, objectCount: 0 };
}
