// ResourceClaimTemplate: claims are made of it, one for each pod that names it.
import type { V1ResourceClaimTemplate } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { validateUnchanged } from '../meta/field-checks.ts';
import type { FieldError } from '../meta/field-error.ts';
import { validateAnnotations, validateLabels } from '../meta/validate-metadata.ts';
import { setClaimSpecDefaults, validateClaimSpec } from './device-claim.ts';

function validate({ spec }: V1ResourceClaimTemplate): FieldError[] {
  const errors: FieldError[] = [];
  validateLabels(spec?.metadata?.labels, 'spec.metadata.labels', errors);
  validateAnnotations(spec?.metadata?.annotations, 'spec.metadata.annotations', errors);
  validateClaimSpec(spec?.spec, 'spec.spec', errors);
  return errors;
}

export const resourceclaimtemplates: KindDefinition<V1ResourceClaimTemplate> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaimTemplate',
  resource: 'resourceclaimtemplates',
  singular: 'resourceclaimtemplate',
  namespaced: true,
  schema: 'V1ResourceClaimTemplate',
  hasGeneration: false,
  columns: [nameColumn, ageColumn],
  setDefaults: (draft) => {
    if (draft.spec === undefined) return;
    draft.spec.metadata ??= {};
    setClaimSpecDefaults(draft.spec.spec);
  },
  validateCreate: validate,
  update: {
    validate: (next, old) => {
      const errors: FieldError[] = [];
      validateUnchanged(next.spec, old.spec, 'spec', errors);
      return errors;
    },
  },
  deleteReturnsObject: true,
};
