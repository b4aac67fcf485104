// ConfigMap: configuration as keys and texts.
import type { V1ConfigMap } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { type FieldError, invalidValue } from '../meta/field-error.ts';
import { byteLength } from '../meta/names.ts';
import { base64Bytes, validateImmutable, validateKeys, validateSize } from './data-keys.ts';

function validate(map: V1ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  validateKeys(map.data, 'data', errors);
  for (const key in map.data) {
    if (map.binaryData !== undefined && Object.hasOwn(map.binaryData, key)) {
      errors.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    }
    bytes += byteLength(map.data[key] ?? '');
  }
  validateKeys(map.binaryData, 'binaryData', errors);
  for (const key in map.binaryData) bytes += base64Bytes(map.binaryData[key] ?? '');
  validateSize(bytes, '[]', errors);
  return errors;
}

function validateUpdate(next: V1ConfigMap, old: V1ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  validateImmutable(next, old, ['data', 'binaryData'], errors);
  return [...errors, ...validate(next)];
}

export const configmaps: KindDefinition<V1ConfigMap> = {
  group: '',
  version: 'v1',
  kind: 'ConfigMap',
  resource: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  namespaced: true,
  schema: 'V1ConfigMap',
  hasGeneration: false,
  columns: [
    nameColumn,
    {
      name: 'Data',
      type: 'string',
      description: "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'.",
      cell: ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
    },
    ageColumn,
  ],
  validateCreate: validate,
  update: { validate: validateUpdate },
};
