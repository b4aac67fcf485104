// What the parts that read structural schemas share: the schema of a value below another, and what its extensions say.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
import type { V1JSONSchemaProps } from '../../generated/types.gen.ts';

/** As it stands in the definition: nothing is compiled, so that a schema costs nothing until a value is judged by it. */
export type JsonSchema = V1JSONSchemaProps;

export type Values = Readonly<Record<string, unknown>>;

/** What every object at the root, and every embedded one, has besides what its schema says. */
export const rootFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

const isSchema = (value: unknown): value is JsonSchema => typeof value === 'object' && value !== null && !Array.isArray(value);

export const isValues = (value: unknown): value is Values => typeof value === 'object' && value !== null && !Array.isArray(value);

/** The schema of a list's items. */
export const itemsOf = (schema: JsonSchema): JsonSchema | undefined => (isSchema(schema.items) ? schema.items : undefined);

/** The schema of a map's values; true when they may be anything. */
export function additionalOf(schema: JsonSchema): JsonSchema | true | undefined {
  const { additionalProperties } = schema;
  return additionalProperties === true || isSchema(additionalProperties) ? additionalProperties : undefined;
}

/** A property may be called `constructor`: what objects inherit is none. */
export const propertyOf = (schema: JsonSchema, name: string): JsonSchema | undefined =>
  schema.properties !== undefined && Object.hasOwn(schema.properties, name) ? schema.properties[name] : undefined;

/** The schema of what stands under `name`; true when it may be anything, undefined when the schema says nothing of it. */
export const memberOf = (schema: JsonSchema, name: string): JsonSchema | true | undefined =>
  propertyOf(schema, name) ?? additionalOf(schema);

export const preservesUnknown = (schema: JsonSchema): boolean => schema['x-kubernetes-preserve-unknown-fields'] === true;
export const isEmbedded = (schema: JsonSchema): boolean => schema['x-kubernetes-embedded-resource'] === true;
export const isIntOrString = (schema: JsonSchema): boolean => schema['x-kubernetes-int-or-string'] === true;

/** `spec.items[0].name`. */
export const childPath = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

/** Sets an own property, also one that is called `__proto__`. */
export function setOwn(map: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
  else map[key] = value;
}

/** The map with other values where `next` gives one; undefined drops the key. The same map when nothing changes. */
export function mapValues(map: Values, next: (key: string, value: unknown) => unknown): Values {
  let changed: Record<string, unknown> | undefined;
  const keys = Object.keys(map);
  for (const [at, key] of keys.entries()) {
    const value = map[key];
    const made = next(key, value);
    if (changed === undefined && made !== value) {
      changed = {};
      for (const before of keys.slice(0, at)) setOwn(changed, before, map[before]);
    }
    if (changed !== undefined && made !== undefined) setOwn(changed, key, made);
  }
  return changed ?? map;
}

/** The list with other items; the same list when nothing changes. */
export function mapItems(list: readonly unknown[], next: (item: unknown, index: number) => unknown): readonly unknown[] {
  let changed: unknown[] | undefined;
  for (const [index, item] of list.entries()) {
    const made = next(item, index);
    if (changed === undefined && made !== item) changed = list.slice(0, index);
    changed?.push(made);
  }
  return changed ?? list;
}
