// PersistentVolume: a piece of storage in the cluster.
import type { V1PersistentVolume, V1PersistentVolumeSpec } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { describeDifference, sameMeaning } from '../meta/equal.ts';
import {
  validateClassName,
  validateDriverName,
  validateOptionalChoice,
  validateQuantity,
  validateUnchanged,
} from '../meta/field-checks.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts';
import type { Draft } from '../meta/object.ts';
import { formatQuantity, parseQuantity } from '../meta/quantity.ts';
import { phaseCell } from './persistent-volume-claim.ts';
import { validateNodeRequirement } from './pod-validation/scheduling.ts';
import { canonicalizeQuantities } from './quantities.ts';
import {
  accessModesCell,
  annotationWarning,
  classAnnotationWarning,
  storageClassOf,
  unset,
  validateAccessModes,
  volumeModes,
} from './volume-modes.ts';

/** The fields of the spec that say where the storage is. A volume has one of them. */
const sources = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
] as const satisfies readonly (keyof V1PersistentVolumeSpec)[];

const reclaimPolicies = ['Delete', 'Recycle', 'Retain'];

function setDefaults(draft: Draft<V1PersistentVolume>): void {
  draft.status ??= {};
  draft.status.phase ??= 'Pending';
  const spec = draft.spec;
  if (spec === undefined) return;
  if ((spec.persistentVolumeReclaimPolicy ?? '') === '') spec.persistentVolumeReclaimPolicy = 'Retain';
  spec.volumeMode ??= 'Filesystem';
  if (spec.hostPath) spec.hostPath.type ??= '';
  if (spec.iscsi && !spec.iscsi.iscsiInterface) spec.iscsi.iscsiInterface = 'default';
  if (spec.rbd) {
    spec.rbd.pool ||= 'rbd';
    spec.rbd.user ||= 'admin';
    spec.rbd.keyring ||= '/etc/ceph/keyring';
  }
  canonicalizeQuantities(spec.capacity);
}

function validateCapacity(capacity: Readonly<Record<string, string>> | undefined, errors: FieldError[]): void {
  const names = Object.keys(capacity ?? {});
  if (names.length === 0) return void errors.push(required('spec.capacity'));
  if (names.length > 1 || capacity?.storage === undefined) errors.push(notSupported('spec.capacity', capacity, ['storage']));
  for (const name of names) validateQuantity(capacity?.[name], `spec.capacity[${name}]`, errors, 'positive');
}

function validateNodeAffinity(spec: V1PersistentVolumeSpec, errors: FieldError[]): boolean {
  const affinity = spec.nodeAffinity;
  if (affinity === undefined) return false;
  const path = 'spec.nodeAffinity.required';
  if (affinity.required === undefined) {
    errors.push(required(path, 'must specify required node constraints'));
    return true;
  }
  const terms = affinity.required.nodeSelectorTerms ?? [];
  if (terms.length === 0) errors.push(required(`${path}.nodeSelectorTerms`, 'must have at least one node selector term'));
  terms.forEach((term, i) => {
    term.matchExpressions?.forEach((requirement, j) => {
      validateNodeRequirement(requirement, `${path}.nodeSelectorTerms[${i}].matchExpressions[${j}]`, errors);
    });
  });
  return true;
}

function validateHostPath(spec: V1PersistentVolumeSpec, errors: FieldError[]): void {
  const path = spec.hostPath?.path ?? '';
  if (path === '') errors.push(required('spec.hostPath.path'));
  else if (path.split('/').includes('..')) errors.push(invalidValue('spec.hostPath.path', path, "must not contain '..'"));
  if (path.replace(/\/+$/, '') === '' && path !== '' && spec.persistentVolumeReclaimPolicy === 'Recycle') {
    errors.push(forbiddenField('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"));
  }
}

/** What is checked of the sources that run here. */
const sourceChecks: { readonly [source: string]: (spec: V1PersistentVolumeSpec, hasAffinity: boolean, errors: FieldError[]) => void } = {
  hostPath: (spec, _, errors) => validateHostPath(spec, errors),
  local: ({ local }, hasAffinity, errors) => {
    if (!local?.path) errors.push(required('spec.local.path'));
    else if (local.path.split('/').includes('..')) errors.push(invalidValue('spec.local.path', local.path, "must not contain '..'"));
    if (!hasAffinity) errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  },
  nfs: ({ nfs }, _, errors) => {
    if (!nfs?.server) errors.push(required('spec.nfs.server'));
    if (!nfs?.path) errors.push(required('spec.nfs.path'));
    else if (!nfs.path.startsWith('/')) errors.push(invalidValue('spec.nfs.path', nfs.path, 'must be an absolute path'));
  },
  csi: ({ csi }, _, errors) => {
    validateDriverName(csi?.driver ?? '', 'spec.csi.driver', errors);
    if (!csi?.volumeHandle) errors.push(required('spec.csi.volumeHandle'));
    for (const field of [
      'controllerPublishSecretRef',
      'controllerExpandSecretRef',
      'nodePublishSecretRef',
      'nodeExpandSecretRef',
    ] as const) {
      const ref = csi?.[field];
      if (ref === undefined) continue;
      if (!ref.name) errors.push(required(`spec.csi.${field}.name`));
      if (!ref.namespace) errors.push(required(`spec.csi.${field}.namespace`));
    }
  },
};

function validateSources(spec: V1PersistentVolumeSpec, hasAffinity: boolean, errors: FieldError[]): void {
  const given = sources.filter((source) => spec[source] !== undefined);
  given.forEach((source, i) => {
    if (i > 0) errors.push(forbiddenField(`spec.${source}`, 'may not specify more than 1 volume type'));
    else sourceChecks[source]?.(spec, hasAffinity, errors);
  });
  if (given.length === 0) errors.push(required('spec', 'must specify a volume type'));
}

function validate(volume: V1PersistentVolume): FieldError[] {
  const errors: FieldError[] = [];
  const spec = volume.spec ?? {};
  if ((spec.accessModes ?? []).length === 0) errors.push(required('spec.accessModes'));
  validateAccessModes(spec.accessModes ?? [], 'spec.accessModes', errors);
  validateCapacity(spec.capacity, errors);
  validateOptionalChoice(spec.persistentVolumeReclaimPolicy, reclaimPolicies, 'spec.persistentVolumeReclaimPolicy', errors);
  const hasAffinity = validateNodeAffinity(spec, errors);
  validateSources(spec, hasAffinity, errors);
  validateClassName(spec.storageClassName, 'spec.storageClassName', errors);
  validateOptionalChoice(spec.volumeMode, volumeModes, 'spec.volumeMode', errors);
  const attributes = spec.volumeAttributesClassName;
  if (attributes === undefined) return errors;
  if (attributes === '') errors.push(required('spec.volumeAttributesClassName', 'an empty string is disallowed'));
  else validateClassName(attributes, 'spec.volumeAttributesClassName', errors);
  if (spec.csi === undefined) errors.push(required('spec.csi', 'has to be specified when using volumeAttributesClassName'));
  return errors;
}

const sourceOf = (spec: V1PersistentVolumeSpec | undefined): object =>
  Object.fromEntries(sources.map((source) => [source, spec?.[source]]));

function validateUpdate(next: V1PersistentVolume, old: V1PersistentVolume): FieldError[] {
  const errors = validate(next);
  const [source, standing] = [sourceOf(next.spec), sourceOf(old.spec)];
  if (!sameMeaning(source, standing)) {
    const detail = `spec.persistentvolumesource is immutable after creation\n${describeDifference(source, standing).join('\n')}`;
    errors.push(forbiddenField('spec.persistentvolumesource', detail));
  }
  validateUnchanged(next.spec?.volumeMode, old.spec?.volumeMode, 'spec.volumeMode', errors);
  if (old.spec?.nodeAffinity !== undefined) {
    validateUnchanged(next.spec?.nodeAffinity, old.spec.nodeAffinity, 'spec.nodeAffinity', errors);
  }
  return errors;
}

function warnings(volume: V1PersistentVolume): string[] {
  const recycles = volume.spec?.persistentVolumeReclaimPolicy === 'Recycle';
  const advice = 'The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.';
  return [
    ...classAnnotationWarning(volume),
    ...annotationWarning(volume, 'volume.beta.kubernetes.io/mount-options', 'v1.31', 'mountOptions'),
    ...(recycles ? [`spec.persistentVolumeReclaimPolicy: ${advice}`] : []),
  ];
}

function capacityCell({ spec }: V1PersistentVolume): string {
  const storage = spec?.capacity?.storage;
  return storage === undefined ? '0' : formatQuantity(parseQuantity(storage));
}

function claimCell({ spec }: V1PersistentVolume): string {
  return spec?.claimRef === undefined ? '' : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`;
}

export const persistentvolumes: KindDefinition<V1PersistentVolume> = {
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  resource: 'persistentvolumes',
  singular: 'persistentvolume',
  shortNames: ['pv'],
  namespaced: false,
  schema: 'V1PersistentVolume',
  hasGeneration: false,
  columns: [
    nameColumn,
    { name: 'Capacity', type: 'string', cell: capacityCell },
    { name: 'Access Modes', type: 'string', cell: ({ spec }) => accessModesCell(spec?.accessModes) },
    { name: 'Reclaim Policy', type: 'string', cell: ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? '' },
    { name: 'Status', type: 'string', cell: phaseCell },
    { name: 'Claim', type: 'string', cell: claimCell },
    { name: 'StorageClass', type: 'string', cell: storageClassOf },
    { name: 'VolumeAttributesClass', type: 'string', cell: ({ spec }) => spec?.volumeAttributesClassName ?? unset },
    { name: 'Reason', type: 'string', cell: ({ status }) => status?.reason ?? '' },
    ageColumn,
    { name: 'VolumeMode', type: 'string', priority: 1, cell: ({ spec }) => spec?.volumeMode ?? unset },
  ],
  selectableFields: { name: ({ metadata }) => metadata?.name ?? '' },
  setDefaults,
  prepareCreate: (draft, { nowTime }) => {
    draft.status = { phase: 'Pending', lastPhaseTransitionTime: nowTime };
  },
  validateCreate: validate,
  update: { prepare: keepStatus, validate: validateUpdate },
  status: {
    prepare: (draft, old, { nowTime }) => {
      const [status, before] = [draft.status, old.status];
      if (status === undefined || status.phase === before?.phase) return;
      if (status.lastPhaseTransitionTime === before?.lastPhaseTransitionTime) status.lastPhaseTransitionTime = nowTime;
    },
  },
  warnings,
  deleteReturnsObject: true,
};
