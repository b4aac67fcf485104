// The columns that definitions of custom resources add to tables.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#additional-printer-columns
import type { V1CustomResourceColumnDefinition } from '../generated/types.gen.ts';
import type { Column } from '../kind.ts';
import { findValues, type JsonPath, JsonPathError, parseJsonPath } from '../schema/structural/mod.ts';

const age: V1CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  description: 'CreationTimestamp is a timestamp representing the server time when this object was created.',
  jsonPath: '.metadata.creationTimestamp',
};

/** Where nothing is said there is the age. */
export const customColumns = (columns: readonly V1CustomResourceColumnDefinition[] | undefined): Column[] =>
  (columns === undefined || columns.length === 0 ? [age] : columns).map(columnOf);

function columnOf({ name, type, format, description, priority, jsonPath }: V1CustomResourceColumnDefinition): Column {
  let path: JsonPath | undefined;
  return {
    name,
    type: type as Column['type'],
    description: description ?? `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    ...(format === undefined ? {} : { format }),
    ...(priority === undefined ? {} : { priority }),
    cell: (object) => {
      path ??= readable(jsonPath);
      return cellOf(findValues(object, path)[0], type);
    },
  };
}

/** A path that cannot be read leads nowhere. */
function readable(text: string): JsonPath {
  try {
    return parseJsonPath(text);
  } catch (error) {
    if (error instanceof JsonPathError) return [{ is: 'filter', path: [], equal: true, value: undefined }];
    throw error;
  }
}

/** A value of another type than the column's has no cell, but in columns of text. */
function cellOf(value: unknown, type: string): string | number | boolean | null {
  if (value === undefined || value === null) return null;
  switch (type) {
    case 'integer':
      return typeof value === 'number' || typeof value === 'bigint' ? Math.trunc(Number(value)) : null;
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? value : null;
    default:
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
  }
}
