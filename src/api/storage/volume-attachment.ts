// VolumeAttachment: a volume that is to be attached to a node, and whether it is.
import type { V1VolumeAttachment } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { keepStatus } from '../meta/endpoint-rules.ts';
import { validateDriverName, validateUnchanged } from '../meta/field-checks.ts';
import { type FieldError, forbiddenField, required, tooLong } from '../meta/field-error.ts';
import { byteLength, dnsSubdomainProblems } from '../meta/names.ts';
import { addProblems } from '../meta/validate-metadata.ts';

const metadataBytesMax = 256 * 1024;
const errorTextMax = 1024;

function validate({ spec, status }: V1VolumeAttachment): FieldError[] {
  const errors: FieldError[] = [];
  validateDriverName(spec?.attacher ?? '', 'spec.attacher', errors);
  const { inlineVolumeSpec, persistentVolumeName } = spec?.source ?? {};
  const one = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (inlineVolumeSpec === undefined && persistentVolumeName === undefined) errors.push(required('spec.source', one));
  else if (inlineVolumeSpec !== undefined && persistentVolumeName !== undefined) errors.push(forbiddenField('spec.source', one));
  else if (persistentVolumeName === '')
    errors.push(required('spec.source.persistentVolumeName', 'must specify non empty persistentVolumeName'));
  const node = spec?.nodeName ?? '';
  addProblems(errors, 'spec.nodeName', node, dnsSubdomainProblems(node));
  let bytes = 0;
  for (const [key, value] of Object.entries(status?.attachmentMetadata ?? {})) bytes += byteLength(key) + byteLength(value);
  if (bytes > metadataBytesMax) errors.push(tooLong('status.attachmentMetadata', metadataBytesMax));
  for (const field of ['attachError', 'detachError'] as const) {
    if (byteLength(status?.[field]?.message ?? '') > errorTextMax) errors.push(tooLong(`status.${field}.message`, errorTextMax));
  }
  return errors;
}

function validateUpdate(next: V1VolumeAttachment, old: V1VolumeAttachment): FieldError[] {
  const errors = validate(next);
  validateUnchanged(next.spec, old.spec, 'spec', errors);
  return errors;
}

export const volumeattachments: KindDefinition<V1VolumeAttachment> = {
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  resource: 'volumeattachments',
  singular: 'volumeattachment',
  namespaced: false,
  schema: 'V1VolumeAttachment',
  hasGeneration: false,
  columns: [
    nameColumn,
    { name: 'Attacher', type: 'string', format: 'name', cell: ({ spec }) => spec?.attacher ?? '' },
    { name: 'PV', type: 'string', cell: ({ spec }) => spec?.source?.persistentVolumeName ?? '' },
    { name: 'Node', type: 'string', cell: ({ spec }) => spec?.nodeName ?? '' },
    { name: 'Attached', type: 'boolean', cell: ({ status }) => status?.attached ?? false },
    ageColumn,
  ],
  prepareCreate: (draft) => {
    draft.status = { attached: false };
  },
  validateCreate: validate,
  update: { prepare: keepStatus, validate: validateUpdate },
  status: { validate },
  deleteReturnsObject: true,
};
