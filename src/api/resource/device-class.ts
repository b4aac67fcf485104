// DeviceClass: a kind of device that claims may ask for.
import type { V1DeviceClass } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { type FieldError, invalidValue } from '../meta/field-error.ts';
import { qualifiedNameProblems } from '../meta/names.ts';
import { validateConfiguration, validateEach, validateSelectors } from './device-claim.ts';

const configsMax = 32;

function validate({ spec }: V1DeviceClass): FieldError[] {
  const errors: FieldError[] = [];
  validateSelectors(spec?.selectors, 'spec.selectors', errors);
  validateEach(spec?.config, configsMax, 'spec.config', errors, (config, at) => validateConfiguration(config, at, errors));
  const extended = spec?.extendedResourceName;
  if (extended !== undefined) {
    const isExtended = extended.includes('/') && !/(^|\.)kubernetes\.io\//.test(extended) && !extended.startsWith('requests.');
    if (!isExtended || qualifiedNameProblems(extended).length > 0) {
      errors.push(invalidValue('spec.extendedResourceName', extended, 'must be a valid extended resource name'));
    }
  }
  return errors;
}

export const deviceclasses: KindDefinition<V1DeviceClass> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'DeviceClass',
  resource: 'deviceclasses',
  singular: 'deviceclass',
  namespaced: false,
  schema: 'V1DeviceClass',
  hasGeneration: true,
  columns: [nameColumn, ageColumn],
  validateCreate: validate,
  update: { validate },
  deleteReturnsObject: true,
};
