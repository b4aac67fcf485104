// Secret: keys and bytes that only some may see.
import type { V1Secret } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { type FieldError, invalidValue, required } from '../meta/field-error.ts';
import type { Draft } from '../meta/object.ts';
import { immutableProblem } from '../meta/validate-metadata.ts';
import { base64Bytes, validateImmutable, validateKeys, validateSize } from './data-keys.ts';

/** stringData is a way to write plain text; it is stored, encoded, as data, which it overrides. */
function setDefaults(draft: Draft<V1Secret>): void {
  if ((draft.type ?? '') === '') draft.type = 'Opaque';
  if (draft.stringData === undefined) return;
  const encoded = Object.entries(draft.stringData).map(([key, text]) => [key, Buffer.from(text, 'utf8').toString('base64')]);
  if (encoded.length > 0) draft.data = { ...draft.data, ...Object.fromEntries(encoded) };
  delete draft.stringData;
}

/** The keys that each type must have. */
const requiredKeys: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/dockercfg': ['.dockercfg'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
};
const jsonTypes = ['kubernetes.io/dockercfg', 'kubernetes.io/dockerconfigjson'];
const accountAnnotation = 'kubernetes.io/service-account.name';

function isJson(base64: string): boolean {
  try {
    JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

function validateType(secret: V1Secret, errors: FieldError[]): void {
  const { type = '', data = {} } = secret;
  if (type === 'kubernetes.io/service-account-token' && (secret.metadata?.annotations?.[accountAnnotation] ?? '') === '') {
    errors.push(required(`metadata.annotations[${accountAnnotation}]`));
  }
  if (type === 'kubernetes.io/basic-auth' && data.username === undefined && data.password === undefined) {
    // The path is upstream's, down to its slip of the pen.
    errors.push(required('data[%s][username]'), required('data[%s][password]'));
  }
  for (const key of Object.hasOwn(requiredKeys, type) ? (requiredKeys[type] ?? []) : []) {
    const value = data[key];
    if (type === 'kubernetes.io/ssh-auth') {
      if (!value) errors.push(required(`data[%s][${key}]`));
    } else if (value === undefined) errors.push(required(`data[${key}]`));
    else if (jsonTypes.includes(type) && !isJson(value)) {
      errors.push(invalidValue(`data[${key}]`, '<secret contents redacted>', 'invalid character in JSON'));
    }
  }
}

function validate(secret: V1Secret): FieldError[] {
  const errors: FieldError[] = [];
  validateKeys(secret.data, 'data', errors);
  let bytes = 0;
  for (const key in secret.data) bytes += base64Bytes(secret.data[key] ?? '');
  validateSize(bytes, 'data', errors);
  validateType(secret, errors);
  return errors;
}

function validateUpdate(next: V1Secret, old: V1Secret): FieldError[] {
  const errors: FieldError[] = [];
  if (next.type !== old.type) errors.push(invalidValue('type', next.type, immutableProblem));
  validateImmutable(next, old, ['data'], errors);
  return [...errors, ...validate(next)];
}

export const secrets: KindDefinition<V1Secret> = {
  group: '',
  version: 'v1',
  kind: 'Secret',
  resource: 'secrets',
  singular: 'secret',
  namespaced: true,
  schema: 'V1Secret',
  hasGeneration: false,
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', cell: ({ type }) => type ?? '' },
    { name: 'Data', type: 'string', cell: ({ data }) => Object.keys(data ?? {}).length },
    ageColumn,
  ],
  selectableFields: { type: ({ type }) => type ?? '' },
  setDefaults,
  validateCreate: validate,
  update: { validate: validateUpdate },
};
