import assert from "node:assert/strict";
import { test } from "node:test";

import { isSecretName, maskObject, maskValue } from "./mask.ts";

const spell = (value: string): string => `<${value.length}>`;
const canary = "canary-7f3a";

test("S21 a Secret's data, stringData, its last-applied annotation and managedFields are masked", () => {
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: "db",
      annotations: { "kubectl.kubernetes.io/last-applied-configuration": `{"data":{"p":"${canary}"}}`, plain: "stays" },
      managedFields: [{ manager: canary }],
    },
    data: { p: canary },
    stringData: { q: canary, [canary]: "x" },
    type: "Opaque",
  };
  const masked = maskObject(secret, spell);
  assert.doesNotMatch(JSON.stringify(masked).replaceAll(`"${canary}":`, ""), new RegExp(canary));
  assert.deepEqual(masked["data"], { p: "<11>" });
  assert.deepEqual((masked["metadata"] as { annotations: object }).annotations, {
    "kubectl.kubernetes.io/last-applied-configuration": "<28>",
    plain: "stays",
  });
  assert.equal(secret.data.p, canary);
});

test("S21 a Secret inside another object and the environment of a pod in a custom resource are masked", () => {
  const custom = {
    apiVersion: "example.com/v1",
    kind: "Farm",
    metadata: { name: "f" },
    spec: {
      template: {
        spec: {
          containers: [
            {
              image: "a:1",
              env: [
                { name: "DB_PASSWORD", value: canary },
                { name: "MODE", value: "fast" },
              ],
            },
          ],
        },
      },
      resources: [{ apiVersion: "v1", kind: "Secret", metadata: { name: "x" }, data: { k: canary } }],
    },
  };
  const masked = maskObject(custom, spell);
  assert.doesNotMatch(JSON.stringify(masked), new RegExp(canary));
  assert.match(JSON.stringify(masked), /"fast"/);
  assert.match(JSON.stringify(masked), /"a:1"/);
});

test("what is no Secret stays as it is, a ConfigMap too", () => {
  const plain = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", annotations: { a: "b" } }, data: { a: "b" } };
  assert.deepEqual(maskObject(plain, spell), plain);
});

test("names that hold a secret are told from names that say where it lies", () => {
  for (const name of ["password", "DB_PASSWORD", "apiKey", "api_key", "clientSecret", "authToken", "postgresPassword"])
    assert.ok(isSecretName(name), name);
  for (const name of ["secretName", "existingSecretName", "passwordFile", "tokenRef", "replicas", "image", "key"])
    assert.ok(!isSecretName(name), name);
});

test("values are masked by their names, at any depth", () => {
  const values = {
    auth: { password: canary, user: "anna", tokens: [canary], credentials: { a: canary, name: "x" } },
    existingSecretName: "x",
  };
  assert.deepEqual(maskValue("", values, spell), {
    auth: { password: "<11>", user: "anna", tokens: ["<11>"], credentials: { a: "<11>", name: "x" } },
    existingSecretName: "x",
  });
});
