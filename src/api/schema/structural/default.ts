// Defaulting: fields that are absent get what the schema says; nulls where none may be go, or become the default.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
import { draftOf } from '../../meta/object.ts';
import {
  additionalOf,
  isValues,
  itemsOf,
  type JsonSchema,
  mapItems,
  mapValues,
  propertyOf,
  rootFields,
  setOwn,
  type Values,
} from './model.ts';

/** The object with its defaults; the very same object when it has them all. */
export const withDefaults = (object: Values, schema: JsonSchema): Values => defaulted(object, schema, true) as Values;

const replacesNull = (value: unknown, schema: JsonSchema | undefined): boolean =>
  value === null && schema !== undefined && schema.nullable !== true;

function defaulted(value: unknown, schema: JsonSchema, isRoot = false): unknown {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (!items) return value;
    return mapItems(value, (item) =>
      defaulted(replacesNull(item, items) && items.default !== undefined ? draftOf(items.default) : item, items),
    );
  }
  if (!isValues(value)) return value;
  return members(added(value, schema, isRoot), schema, isRoot);
}

/** With the properties that are absent. */
function added(value: Values, schema: JsonSchema, isRoot: boolean): Values {
  let out: Record<string, unknown> | undefined;
  for (const name in schema.properties) {
    const property = propertyOf(schema, name);
    if (property?.default === undefined || property.default === null || (isRoot && rootFields.has(name))) continue;
    const standing = Object.hasOwn(value, name) ? value[name] : undefined;
    if (standing !== undefined && !replacesNull(standing, property)) continue;
    out ??= { ...value };
    setOwn(out, name, draftOf(property.default));
  }
  return out ?? value;
}

function members(value: Values, schema: JsonSchema, isRoot: boolean): Values {
  const additional = additionalOf(schema);
  return mapValues(value, (key, member) => {
    if (isRoot && rootFields.has(key)) return member;
    const property = propertyOf(schema, key);
    // A null that may not be, and has no default, is as good as absent.
    if (property) return replacesNull(member, property) ? undefined : defaulted(member, property);
    if (additional === undefined || additional === true) return member;
    return defaulted(
      replacesNull(member, additional) && additional.default !== undefined ? draftOf(additional.default) : member,
      additional,
    );
  });
}
