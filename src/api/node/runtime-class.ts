// RuntimeClass: a way to run containers, which pods may ask for.

import { validateTolerations } from '../core/pod-validation/scheduling.ts';
import { canonicalizeQuantities } from '../core/quantities.ts';
import type { V1RuntimeClass } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { validateQuantity, validateUnchanged } from '../meta/field-checks.ts';
import { duplicate, type FieldError, quoteValue } from '../meta/field-error.ts';
import { dnsLabelProblems } from '../meta/names.ts';
import { addProblems, validateLabels } from '../meta/validate-metadata.ts';

function validate({ handler = '', overhead, scheduling }: V1RuntimeClass): FieldError[] {
  const errors: FieldError[] = [];
  addProblems(errors, 'handler', handler, dnsLabelProblems(handler));
  for (const [name, text] of Object.entries(overhead?.podFixed ?? {})) validateQuantity(text, `overhead.limits[${name}]`, errors);
  validateLabels(scheduling?.nodeSelector, 'scheduling.nodeSelector', errors);
  const { tolerations = [] } = scheduling ?? {};
  validateTolerations(tolerations, 'scheduling.tolerations', errors);
  const seen = new Set<string>();
  tolerations.forEach((toleration, i) => {
    const text = quoteValue(Object.entries(toleration).sort());
    if (seen.has(text)) errors.push(duplicate(`scheduling.tolerations[${i}]`, toleration));
    seen.add(text);
  });
  return errors;
}

export const runtimeclasses: KindDefinition<V1RuntimeClass> = {
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  resource: 'runtimeclasses',
  singular: 'runtimeclass',
  namespaced: false,
  schema: 'V1RuntimeClass',
  hasGeneration: false,
  columns: [nameColumn, { name: 'Handler', type: 'string', cell: ({ handler }) => handler ?? '' }, ageColumn],
  setDefaults: (draft) => canonicalizeQuantities(draft.overhead?.podFixed),
  validateCreate: validate,
  update: {
    validate: (next, old) => {
      const errors: FieldError[] = [];
      validateUnchanged(next.handler, old.handler, 'handler', errors);
      return errors;
    },
  },
};
