// Pruning: fields that the schema does not have go. Parts that lose nothing are shared with what was given.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#field-pruning
import {
  additionalOf,
  childPath,
  isEmbedded,
  isValues,
  itemsOf,
  type JsonSchema,
  mapItems,
  mapValues,
  preservesUnknown,
  propertyOf,
  rootFields,
} from './model.ts';

/** `unknown` collects the paths of what goes: `spec.items[0].foo`. Of a value that stays whole the very same value comes back. */
export function prune(object: object, schema: JsonSchema, unknown?: string[]): object {
  return pruneValue(object, schema, { path: '', isRoot: true, unknown }) as object;
}

/** A value that stands somewhere below the root. */
export const pruneValueBy = (value: unknown, schema: JsonSchema): unknown =>
  pruneValue(value, schema, { path: '', isRoot: isEmbedded(schema), unknown: undefined });

interface At {
  readonly path: string;
  /** The object has a kind, an apiVersion and metadata, whatever its schema says. */
  readonly isRoot: boolean;
  readonly unknown: string[] | undefined;
}

function pruneValue(value: unknown, schema: JsonSchema, { path, isRoot, unknown }: At): unknown {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (!items) return value;
    return mapItems(value, (item, index) => pruneValue(item, items, { path: `${path}[${index}]`, isRoot: isEmbedded(items), unknown }));
  }
  if (!isValues(value)) return value;
  const additional = additionalOf(schema);
  const preserves = preservesUnknown(schema);
  return mapValues(value, (key, member) => {
    if (isRoot && rootFields.has(key)) return member;
    const known = propertyOf(schema, key) ?? additional;
    if (known === true) return member;
    if (known !== undefined) return pruneValue(member, known, { path: childPath(path, key), isRoot: isEmbedded(known), unknown });
    if (preserves) return member;
    unknown?.push(childPath(path, key));
    return undefined;
  });
}
