// What every API object has, and the ways to hold one: shared and frozen, or a private draft.
import type { V1ListMeta, V1ObjectMeta } from '../generated/types.gen.ts';

/** Any API object. Objects in caches are frozen and shared: a change makes a new object. */
export interface KubeObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata?: V1ObjectMeta | undefined;
}

/** An object as it comes from the server: its metadata is there. */
export type Persisted<T extends KubeObject> = T & {
  readonly metadata: V1ObjectMeta & {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly creationTimestamp: string;
  };
};

export interface KubeList<T> {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata: V1ListMeta;
  readonly items: readonly T[];
}

/** A private, still changeable copy of `T`: what the write path owns between decoding and storing. */
export type Draft<T> = T extends readonly (infer U)[] ? Draft<U>[] : T extends object ? { -readonly [K in keyof T]: Draft<T[K]> } : T;

/** The schema-less view of an object, for shared code that must not ask "which kind?". */
export type JsonValue = string | number | bigint | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

/** `group` is `""` for the core group. */
export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}
export interface GroupVersionResource {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
}

/** `v1`, `apps/v1`. */
export const apiVersionOf = (of: { readonly group: string; readonly version: string }): string =>
  of.group === '' ? of.version : `${of.group}/${of.version}`;

/** Splits `apps/v1` into its group and version. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? { group: '', version: apiVersion } : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** Freezes a JSON value in depth and gives it back. Values that are frozen already are not walked again. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  if (Array.isArray(value)) for (const item of value) deepFreeze(item);
  else for (const key in value) deepFreeze((value as Record<string, unknown>)[key]);
  return value;
}

/** A changeable copy of a JSON value, in depth. For a draft of a shared object; never on a read path. */
export function draftOf<T>(value: T): Draft<T> {
  if (typeof value !== 'object' || value === null) return value as Draft<T>;
  if (Array.isArray(value)) return value.map(draftOf) as Draft<T>;
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const member = draftOf((value as Record<string, unknown>)[key]);
    // Assigned, it would become the copy's prototype.
    if (key === '__proto__') Object.defineProperty(copy, key, { value: member, enumerable: true, configurable: true, writable: true });
    else copy[key] = member;
  }
  return copy as Draft<T>;
}
