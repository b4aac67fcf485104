// PriorityClass: which pods come first, and which give way.
import { systemPriorityClasses } from '../core/pod-admission.ts';
import type { V1PriorityClass } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported } from '../meta/field-error.ts';
import { immutableProblem } from '../meta/validate-metadata.ts';

const userPriorityMax = 1_000_000_000;
const policies = ['PreemptLowerPriority', 'Never'];

function validate(priority: V1PriorityClass): FieldError[] {
  const errors: FieldError[] = [];
  const name = priority.metadata?.name ?? '';
  const { preemptionPolicy } = priority;
  if (name.startsWith('system-')) {
    const known = Object.hasOwn(systemPriorityClasses, name) ? systemPriorityClasses[name] : undefined;
    if (known !== priority.value) {
      const why = known === undefined ? 'is not a known system priority class' : 'value cannot be changed';
      const detail = `priority class names with 'system-' prefix are reserved for system use only. error: ${name} ${why}`;
      errors.push(forbiddenField('metadata.name', detail));
    }
  } else if ((priority.value ?? 0) > userPriorityMax) {
    errors.push(forbiddenField('value', `maximum allowed value of a user defined priority is ${userPriorityMax}`));
  }
  if (preemptionPolicy !== undefined && !policies.includes(preemptionPolicy)) {
    errors.push(notSupported('preemptionPolicy', preemptionPolicy, policies));
  }
  return errors;
}

function validateUpdate(next: V1PriorityClass, old: V1PriorityClass): FieldError[] {
  const errors: FieldError[] = [];
  if (next.value !== old.value) errors.push(forbiddenField('value', 'may not be changed in an update.'));
  if (next.preemptionPolicy !== old.preemptionPolicy) {
    errors.push(invalidValue('preemptionPolicy', next.preemptionPolicy, immutableProblem));
  }
  return errors;
}

export const priorityclasses: KindDefinition<V1PriorityClass> = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  resource: 'priorityclasses',
  singular: 'priorityclass',
  shortNames: ['pc'],
  namespaced: false,
  schema: 'V1PriorityClass',
  hasGeneration: true,
  columns: [
    nameColumn,
    { name: 'Value', type: 'integer', cell: ({ value }) => value ?? 0 },
    { name: 'Global-Default', type: 'boolean', cell: ({ globalDefault }) => globalDefault ?? false },
    ageColumn,
    { name: 'PreemptionPolicy', type: 'string', cell: ({ preemptionPolicy }) => preemptionPolicy ?? '' },
  ],
  setDefaults: (draft) => {
    draft.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validateCreate: validate,
  update: { validate: validateUpdate },
};
