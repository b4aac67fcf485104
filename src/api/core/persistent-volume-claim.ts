// PersistentVolumeClaim: someone's wish for a volume.
import type { V1PersistentVolumeClaim, V1PersistentVolumeClaimSpec } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { describeDifference, sameMeaning } from '../meta/equal.ts';
import { validateClassName, validateOptionalChoice, validateQuantity, validateUnchanged } from '../meta/field-checks.ts';
import { type FieldError, forbiddenField, invalidValue, required } from '../meta/field-error.ts';
import { dnsLabelProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { compareQuantities, formatQuantity, parseQuantity, quantityProblem } from '../meta/quantity.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { validateLabelSelector } from '../meta/validate-selector.ts';
import { canonicalizeQuantities } from './quantities.ts';
import {
  accessModesCell,
  classAnnotationWarning,
  hasClassAnnotation,
  storageClassOf,
  unset,
  validateAccessModes,
  volumeModes,
} from './volume-modes.ts';

/** Of a claim, or of a template of claims. */
export function setClaimDefaults(draft: Draft<V1PersistentVolumeClaim>): void {
  draft.status ??= {};
  draft.status.phase ??= 'Pending';
  if (draft.spec === undefined) return;
  draft.spec.volumeMode ??= 'Filesystem';
  canonicalizeQuantities(draft.spec.resources?.requests);
  canonicalizeQuantities(draft.spec.resources?.limits);
}

/** The old field and the new one say the same, so far as the old one can: it knows no namespaces. */
function alignDataSources(draft: Draft<V1PersistentVolumeClaim>): void {
  const spec = draft.spec;
  if (spec === undefined) return;
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) spec.dataSourceRef = { ...dataSource };
  else if (dataSourceRef !== undefined && dataSource === undefined && !dataSourceRef.namespace) {
    const { apiGroup, kind, name } = dataSourceRef;
    spec.dataSource = { ...(apiGroup === undefined ? {} : { apiGroup }), kind, name };
  }
}

interface DataSource {
  readonly apiGroup?: string | undefined;
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
}

function validateDataSource(source: DataSource, path: string, errors: FieldError[]): void {
  const { apiGroup = '', kind = '', name = '', namespace } = source;
  if (name === '') errors.push(required(`${path}.name`));
  if (kind === '') errors.push(required(`${path}.kind`));
  if (apiGroup === '' && kind !== 'PersistentVolumeClaim') {
    errors.push(invalidValue(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  }
  if (namespace) addProblems(errors, `${path}.namespace`, namespace, dnsLabelProblems(namespace));
}

function validateDataSources(spec: V1PersistentVolumeClaimSpec, path: string, errors: FieldError[]): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined) validateDataSource(dataSource, `${path}.dataSource`, errors);
  if (dataSourceRef !== undefined) validateDataSource(dataSourceRef, `${path}.dataSourceRef`, errors);
  if (dataSource === undefined || dataSourceRef === undefined) return;
  if (dataSourceRef.namespace) {
    errors.push(invalidValue(path, `${path}.dataSource`, 'may not be specified when dataSourceRef.namespace is specified'));
  } else if (!sameMeaning(dataSource, dataSourceRef)) errors.push(invalidValue(path, `${path}.dataSource`, 'must match dataSourceRef'));
}

/** The spec of a claim at `path`: of one that is stored, or of an ephemeral volume's template. */
export function validateClaimSpec(spec: V1PersistentVolumeClaimSpec, path: string, errors: FieldError[]): void {
  const { accessModes = [], selector, resources } = spec;
  if (accessModes.length === 0) errors.push(required(`${path}.accessModes`, 'at least 1 access mode is required'));
  validateLabelSelector(selector, `${path}.selector`, errors);
  validateAccessModes(accessModes, `${path}.accessModes`, errors);
  const storage = resources?.requests?.storage;
  if (storage === undefined) errors.push(required(`${path}.resources[storage]`));
  else validateQuantity(storage, `${path}.resources[storage]`, errors, 'positive');
  validateClassName(spec.storageClassName, `${path}.storageClassName`, errors);
  validateOptionalChoice(spec.volumeMode, volumeModes, `${path}.volumeMode`, errors);
  validateClassName(spec.volumeAttributesClassName, `${path}.volumeAttributesClassName`, errors);
  validateDataSources(spec, path, errors);
}

function validate(claim: V1PersistentVolumeClaim): FieldError[] {
  const errors: FieldError[] = [];
  validateClaimSpec(claim.spec ?? {}, 'spec', errors);
  return errors;
}

/** `next` with what a bound or binding claim may change put back: what remains may not differ. */
function frozenPart(next: V1PersistentVolumeClaim, old: V1PersistentVolumeClaim): V1PersistentVolumeClaimSpec {
  const spec: Draft<V1PersistentVolumeClaimSpec> = { ...(next.spec as Draft<V1PersistentVolumeClaimSpec>) };
  const before = old.spec ?? {};
  if (!before.volumeName) spec.volumeName = before.volumeName;
  // A claim from before there were default classes may be given one.
  if (before.storageClassName === undefined && !hasClassAnnotation(old)) {
    spec.storageClassName = before.storageClassName;
  }
  if (next.status?.phase !== 'Bound') return spec;
  const storage = before.resources?.requests?.storage;
  if (spec.resources?.requests !== undefined && storage !== undefined) {
    spec.resources = { ...spec.resources, requests: { ...spec.resources.requests, storage } };
  }
  if (spec.volumeAttributesClassName !== undefined) spec.volumeAttributesClassName = before.volumeAttributesClassName;
  return spec;
}

const frozenProblem = 'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

const isLess = (a: string | undefined, b: string | undefined): boolean =>
  a !== undefined &&
  b !== undefined &&
  quantityProblem(a) === undefined &&
  quantityProblem(b) === undefined &&
  compareQuantities(parseQuantity(a), parseQuantity(b)) < 0;

function validateUpdate(next: V1PersistentVolumeClaim, old: V1PersistentVolumeClaim): FieldError[] {
  const errors = validate(next);
  const rest = frozenPart(next, old);
  if (!sameMeaning(rest, old.spec)) {
    errors.push(forbiddenField('spec', `${frozenProblem}\n${describeDifference(rest, old.spec).join('\n')}`));
  }
  const size = next.spec?.resources?.requests?.storage;
  if (isLess(size, old.spec?.resources?.requests?.storage) && isLess(size, old.status?.capacity?.storage ?? size)) {
    errors.push(forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  }
  validateUnchanged(next.spec?.volumeMode, old.spec?.volumeMode, 'spec.volumeMode', errors);
  if (old.spec?.volumeAttributesClassName !== undefined && next.spec?.volumeAttributesClassName === undefined) {
    errors.push(forbiddenField('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'));
  }
  return errors;
}

function validateStatus(next: V1PersistentVolumeClaim): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, text] of Object.entries(next.status?.capacity ?? {})) validateQuantity(text, `status.capacity[${name}]`, errors);
  const { allocatedResources, allocatedResourceStatuses } = next.status ?? {};
  for (const [name, text] of Object.entries(allocatedResources ?? {})) {
    validateQuantity(text, `status.allocatedResources[${name}]`, errors);
  }
  for (const name of Object.keys(allocatedResourceStatuses ?? {})) {
    if (name !== 'storage' && !name.includes('/')) {
      errors.push(invalidValue(`status.allocatedResourceStatuses[${name}]`, name, 'must be storage or a fully qualified resource name'));
    }
  }
  return errors;
}

export const phaseCell = (object: {
  readonly metadata?: { readonly deletionTimestamp?: string | undefined } | undefined;
  readonly status?: { readonly phase?: string | undefined } | undefined;
}): string => (object.metadata?.deletionTimestamp === undefined ? (object.status?.phase ?? '') : 'Terminating');

function capacityCell({ spec, status }: V1PersistentVolumeClaim): string {
  const storage = status?.capacity?.storage;
  return spec?.volumeName && storage !== undefined ? formatQuantity(parseQuantity(storage)) : '';
}

export const persistentvolumeclaims: KindDefinition<V1PersistentVolumeClaim> = {
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  resource: 'persistentvolumeclaims',
  singular: 'persistentvolumeclaim',
  shortNames: ['pvc'],
  namespaced: true,
  schema: 'V1PersistentVolumeClaim',
  hasGeneration: false,
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', cell: phaseCell },
    { name: 'Volume', type: 'string', cell: ({ spec }) => spec?.volumeName ?? '' },
    { name: 'Capacity', type: 'string', cell: capacityCell },
    { name: 'Access Modes', type: 'string', cell: ({ spec, status }) => (spec?.volumeName ? accessModesCell(status?.accessModes) : '') },
    { name: 'StorageClass', type: 'string', cell: storageClassOf },
    { name: 'VolumeAttributesClass', type: 'string', cell: ({ spec }) => spec?.volumeAttributesClassName ?? unset },
    ageColumn,
    { name: 'VolumeMode', type: 'string', priority: 1, cell: ({ spec }) => spec?.volumeMode ?? unset },
  ],
  selectableFields: { name: ({ metadata }) => metadata?.name ?? '' },
  setDefaults: setClaimDefaults,
  prepareCreate: (draft) => {
    draft.status = { phase: 'Pending' };
    alignDataSources(draft);
  },
  validateCreate: validate,
  update: {
    prepare: (draft, old) => {
      keepStatus(draft, old);
      alignDataSources(draft);
    },
    validate: validateUpdate,
  },
  status: { validate: validateStatus },
  warnings: classAnnotationWarning,
  deleteReturnsObject: true,
};
