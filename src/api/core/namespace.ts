// Namespace: a scope for names. It ends when everything in it is gone and its spec.finalizers are empty.
import type { V1Namespace } from '../generated/types.gen.ts';
import type { KindDefinition, UpdateRules } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { type FieldError, invalidValue } from '../meta/field-error.ts';
import { qualifiedNameProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { addProblems } from '../meta/validate-metadata.ts';

const nameLabel = 'kubernetes.io/metadata.name';
const ownFinalizer = 'kubernetes';

/** Selectors of namespaces may rely on this label: it is always the name. */
function setNameLabel(draft: Draft<V1Namespace>): void {
  const name = draft.metadata?.name;
  if (draft.metadata === undefined || !name) return;
  draft.metadata.labels ??= {};
  if (draft.metadata.labels[nameLabel] !== name) draft.metadata.labels[nameLabel] = name;
}

function validateFinalizers(namespace: V1Namespace): FieldError[] {
  const errors: FieldError[] = [];
  namespace.spec?.finalizers?.forEach((finalizer) => {
    addProblems(errors, 'spec.finalizers', finalizer, qualifiedNameProblems(finalizer));
    if (!finalizer.includes('/') && finalizer !== ownFinalizer) {
      errors.push(invalidValue('spec.finalizers', finalizer, 'name is neither a standard finalizer name nor is it fully qualified'));
    }
  });
  return errors;
}

function validatePhase(namespace: V1Namespace): FieldError[] {
  const phase = namespace.status?.phase ?? '';
  if (namespace.metadata?.deletionTimestamp === undefined) {
    return phase === 'Active' ? [] : [invalidValue('status.Phase', phase, "may only be 'Active' if `deletionTimestamp` is empty")];
  }
  return phase === 'Terminating'
    ? []
    : [invalidValue('status.Phase', phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")];
}

/** Only this endpoint changes spec.finalizers. */
const finalize: UpdateRules<V1Namespace> = {
  prepare: (draft, old) => {
    draft.status = old.status as Draft<V1Namespace>['status'];
  },
  validate: validateFinalizers,
};

export const namespaces: KindDefinition<V1Namespace> = {
  group: '',
  version: 'v1',
  kind: 'Namespace',
  resource: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  namespaced: false,
  schema: 'V1Namespace',
  nameRule: 'dnsLabel',
  hasGeneration: false,
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', description: 'The status of the namespace', cell: ({ status }) => status?.phase ?? '' },
    ageColumn,
  ],
  selectableFields: { 'status.phase': ({ status }) => status?.phase ?? '', name: ({ metadata }) => metadata?.name ?? '' },
  setDefaults: setNameLabel,
  prepareCreate: (draft) => {
    setNameLabel(draft);
    const finalizers = draft.spec?.finalizers ?? [];
    draft.spec = { ...draft.spec, finalizers: finalizers.includes(ownFinalizer) ? finalizers : [...finalizers, ownFinalizer] };
    draft.status = { phase: 'Active' };
  },
  validateCreate: validateFinalizers,
  update: {
    prepare: (draft, old) => {
      draft.spec = { ...draft.spec, finalizers: old.spec?.finalizers as string[] | undefined };
      draft.status = old.status as Draft<V1Namespace>['status'];
    },
    validate: validateFinalizers,
  },
  status: { validate: validatePhase },
  subresources: { finalize },
};
