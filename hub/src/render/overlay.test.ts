import assert from "node:assert/strict";
import { test } from "node:test";
import { overlayText } from "./overlay.ts";
import { RenderFault, type KustomizeInput } from "./rendered.ts";

function overlay(root: string, input: KustomizeInput): Record<string, unknown> {
  return JSON.parse(overlayText(root, input)) as Record<string, unknown>;
}

test("an App that lays nothing over has no overlay", () => {
  assert.equal(overlayText("a", undefined), "");
  assert.equal(overlayText("a", {}), "");
  assert.equal(
    overlayText("a", {
      images: [],
      patches: [],
      components: [],
      namePrefix: "",
      nameSuffix: "",
      labels: {},
      annotations: {},
      replicas: [],
    }),
    "",
  );
});

test("the overlay's only resource is the App's folder", () => {
  assert.deepEqual(overlay("apps/x", { namePrefix: "p-" })["resources"], ["../snapshot/apps/x"]);
  assert.deepEqual(overlay("", { namePrefix: "p-" })["resources"], ["../snapshot"]);
});

const images: readonly (readonly [string, object])[] = [
  ["nginx:1.2", { name: "nginx", newTag: "1.2" }],
  ["nginx=registry.example:5000/nginx:1.2", { name: "nginx", newName: "registry.example:5000/nginx", newTag: "1.2" }],
  ["nginx=registry.example:5000/nginx", { name: "nginx", newName: "registry.example:5000/nginx" }],
  ["nginx@sha256:ab", { name: "nginx", digest: "sha256:ab" }],
  ["nginx=mirror/nginx:1@sha256:ab", { name: "nginx", newName: "mirror/nginx", newTag: "1", digest: "sha256:ab" }],
];

test("images may be written as on other tools' command lines", () => {
  for (const [text, image] of images) assert.deepEqual(overlay("", { images: [text] })["images"], [image]);
  assert.deepEqual(overlay("", { images: [{ name: "a", newTag: "b" }] })["images"], [{ name: "a", newTag: "b" }]);
});

test("paths of patches and components are relative to the App's folder and stay in the repository", () => {
  assert.deepEqual(overlay("apps/x", { patches: [{ path: "../p.yaml" }] })["patches"], [{ path: "../snapshot/apps/p.yaml" }]);
  assert.deepEqual(overlay("apps/x", { components: ["../../c"] })["components"], ["../snapshot/c"]);
  for (const input of [{ components: ["../../../c"] }, { components: ["/c"] }, { patches: [{ path: "../../../p.yaml" }] }]) {
    assert.throws(
      () => overlayText("apps/x", input),
      (error) => error instanceof RenderFault && error.code === "E_PATH_ESCAPE",
    );
  }
  assert.throws(() => overlayText("", { patches: [5] }), RenderFault);
});
