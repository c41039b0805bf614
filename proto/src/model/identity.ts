// What things are called: objects, Apps, clusters. LANGUAGE of the project: docs/language.md.

import { byCodeUnits } from "./canonical.ts";
import { digestOf } from "./digest.ts";

/** An object on a cluster. The version is not part of it; `namespace` is "" for cluster-scoped kinds, `group` is "" for the core group. */
export type ObjectIdentity = { readonly group: string; readonly kind: string; readonly namespace: string; readonly name: string };

/** `<tenant>/<origin>/<name>`; the origin is empty for Muster's own kinds. */
export type AppKey = string & { readonly __brand: "AppKey" };

/** A cluster's name, unique in the fleet. */
export type ClusterName = string & { readonly __brand: "ClusterName" };

export const defaultTenant = "default";

/** One spelling of an identity: `group/Kind/namespace/name`, for keys of maps and messages. */
export function identityKey(id: ObjectIdentity): string {
  return `${id.group}/${id.kind}/${id.namespace}/${id.name}`;
}

/** How a person reads an identity: `Deployment.apps shop/web`. */
export function showIdentity(id: ObjectIdentity): string {
  const kind = id.group === "" ? id.kind : `${id.kind}.${id.group}`;
  return id.namespace === "" ? `${kind} ${id.name}` : `${kind} ${id.namespace}/${id.name}`;
}

/** Order by group, kind, namespace, name, each by code units. */
export function compareIdentity(a: ObjectIdentity, b: ObjectIdentity): number {
  return (
    byCodeUnits(a.group, b.group) || byCodeUnits(a.kind, b.kind) || byCodeUnits(a.namespace, b.namespace) || byCodeUnits(a.name, b.name)
  );
}

/** The key of an App. */
export function appKey(tenant: string, origin: string, name: string): AppKey {
  return `${tenant}/${origin}/${name}` as AppKey;
}

/** The parts of a key, as written by appKey. */
export function appKeyParts(key: AppKey): { readonly tenant: string; readonly origin: string; readonly name: string } {
  const first = key.indexOf("/");
  const last = key.lastIndexOf("/");
  return { tenant: key.slice(0, first), origin: key.slice(first + 1, last), name: key.slice(last + 1) };
}

/** Whether a person means this App by a name: its key, `tenant/name`, or its name, as `showApp` shows it. Others may be meant too. */
export function isCalled(key: AppKey, said: string): boolean {
  const { tenant, name } = appKeyParts(key);
  return said === key || said === name || said === `${tenant}/${name}`;
}

/** The shortest form of a key that is unique among `all`: `name`, `tenant/name`, or the whole key. */
export function showApp(key: AppKey, all: Iterable<AppKey>): string {
  const { tenant, origin, name } = appKeyParts(key);
  let sameName = 0;
  let sameTenant = 0;
  for (const other of all) {
    const parts = appKeyParts(other);
    if (parts.name !== name) continue;
    sameName += 1;
    if (parts.tenant === tenant) sameTenant += 1;
  }
  if (sameName <= 1) return name;
  return sameTenant <= 1 || origin === "" ? `${tenant}/${name}` : key;
}

/** Marks on live objects. */
export const appLabel = "muster.dev/app";
export const ownerAnnotation = "muster.dev/owner";
export const fieldManager = "muster";

/** The value of the label `muster.dev/app`: the first 20 hex digits of SHA-256(key). */
export function appLabelValue(key: AppKey): string {
  return digestOf(key).slice(0, 20);
}

/** The value of the annotation `muster.dev/owner`. */
export function ownerValue(fleet: string, key: AppKey): string {
  return `${fleet}/${key}`;
}
