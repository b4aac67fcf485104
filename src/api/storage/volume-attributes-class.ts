// VolumeAttributesClass: changeable properties of volumes, such as their speed.
import type { V1VolumeAttributesClass } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { sameMeaning } from '../meta/equal.ts';
import { validateParameters, validateQualifiedName } from '../meta/field-checks.ts';
import { type FieldError, forbiddenField, required } from '../meta/field-error.ts';

function validate(attributes: V1VolumeAttributesClass): FieldError[] {
  const errors: FieldError[] = [];
  validateQualifiedName(attributes.driverName ?? '', 'driverName', errors);
  if (Object.keys(attributes.parameters ?? {}).length === 0) {
    errors.push(required('parameters', 'must contain at least one key/value pair'));
  } else validateParameters(attributes.parameters, 'parameters', errors);
  return errors;
}

export const volumeattributesclasses: KindDefinition<V1VolumeAttributesClass> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttributesClass',
  resource: 'volumeattributesclasses',
  singular: 'volumeattributesclass',
  shortNames: ['vac'],
  namespaced: false,
  schema: 'V1VolumeAttributesClass',
  hasGeneration: false,
  columns: [nameColumn, { name: 'DriverName', type: 'string', cell: ({ driverName }) => driverName ?? '' }, ageColumn],
  validateCreate: validate,
  update: {
    validate: (next, old) => {
      const errors: FieldError[] = [];
      for (const field of ['driverName', 'parameters'] as const) {
        if (!sameMeaning(next[field], old[field])) errors.push(forbiddenField(field, `updates to ${field} are forbidden.`));
      }
      return errors;
    },
  },
  deleteReturnsObject: true,
};
