// Lists that are sets or maps hold no item twice.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
import { duplicate, type FieldError } from '../../meta/field-error.ts';
import { childPath, isValues, itemsOf, type JsonSchema, memberOf } from './model.ts';

/** The items that stand twice in a list that may hold each but once. */
export function listTypeErrors(value: unknown, schema: JsonSchema, path = ''): FieldError[] {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    const below = items ? value.flatMap((item, index) => listTypeErrors(item, items, `${path}[${index}]`)) : [];
    return [...duplicates(value, schema, path), ...below];
  }
  if (!isValues(value)) return [];
  return Object.keys(value).flatMap((key) => {
    const known = memberOf(schema, key);
    return known === undefined || known === true ? [] : listTypeErrors(value[key], known, childPath(path, key));
  });
}

function duplicates(list: readonly unknown[], schema: JsonSchema, path: string): FieldError[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return [];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const seen = new Set<string>();
  return list.flatMap((item, index) => {
    const identity = type === 'set' ? item : keyOf(item, keys);
    const text = JSON.stringify(sorted(identity)) ?? 'null';
    if (seen.has(text)) return [duplicate(`${path}[${index}]`, identity)];
    seen.add(text);
    return [];
  });
}

const keyOf = (item: unknown, keys: readonly string[]): unknown =>
  isValues(item) ? Object.fromEntries(keys.flatMap((key) => (item[key] === undefined ? [] : [[key, item[key]]]))) : item;

/** In which the order of keys says nothing. */
function sorted(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return value.map(sorted);
  if (!isValues(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}
