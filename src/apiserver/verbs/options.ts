// The options of writes, from the query (and a delete's body): parsed and checked as upstream does.
import { type FieldError, forbiddenField, invalid, invalidValue, notSupported, required, StatusError, tooLong } from '../../api/mod.ts';
import { isTrue } from '../http/request-info.ts';
import type { ResourceRequest } from '../request.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface WriteOptions {
  /** Everything happens but the storing. */
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  /** Server-side apply takes over fields that others own. */
  readonly force: boolean;
  /** What of it the client itself has said, as admission is shown it. */
  readonly sent: { readonly fieldManager?: string; readonly fieldValidation?: string };
}

type Query = NonNullable<ResourceRequest['query']>;

const fieldManagerBytesMax = 128;
const fieldValidations: readonly string[] = ['Ignore', 'Strict', 'Warn'];

/** The first value of a parameter; undefined when it is absent or empty. */
export function parameter(query: Query | undefined, name: string): string | undefined {
  const value = query?.[name];
  const first = typeof value === 'string' || value === undefined ? value : value[0];
  return first === '' ? undefined : first;
}

/** 422 on an options kind of meta.k8s.io. */
export const invalidOptions = (kind: string, errors: readonly FieldError[]): StatusError =>
  invalid({ group: 'meta.k8s.io', kind, name: '' }, errors);

export function dryRunErrors(dryRun: readonly string[]): FieldError[] {
  if (dryRun.every((value) => value === 'All')) return [];
  const message = `Unsupported value: []string{${dryRun.map((value) => JSON.stringify(value)).join(', ')}}: supported values: "All"`;
  return [{ type: 'FieldValueNotSupported', field: 'dryRun', message, text: `dryRun: ${message}` }];
}

export function dryRunValues(query: Query | undefined): readonly string[] {
  const value = query?.dryRun;
  if (value === undefined || value === '') return [];
  return typeof value === 'string' ? [value] : value;
}

function fieldManagerErrors(manager: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(manager) > fieldManagerBytesMax) errors.push(tooLong('fieldManager', fieldManagerBytesMax));
  if (/[^\P{C}]/u.test(manager)) errors.push(invalidValue('fieldManager', manager, 'should only contain printable characters'));
  return errors;
}

/** `optionsKind`: CreateOptions, UpdateOptions or PatchOptions, which errors name. */
export function writeOptions(request: ResourceRequest, optionsKind: string, userAgent: string): WriteOptions {
  const { query } = request;
  const apply = request.patchType === 'application/apply-patch+yaml';
  const manager = parameter(query, 'fieldManager');
  const validation = parameter(query, 'fieldValidation');
  const dryRun = dryRunValues(query);
  const force = isTrue(query, 'force');
  const errors = [...fieldManagerErrors(manager ?? ''), ...dryRunErrors(dryRun)];
  if (validation !== undefined && !fieldValidations.includes(validation)) {
    errors.push(notSupported('fieldValidation', validation, ['', ...fieldValidations]));
  }
  if (request.verb === 'patch') {
    if (!apply && parameter(query, 'force') !== undefined) errors.push(forbiddenField('force', 'may not be specified for non-apply patch'));
    if (apply && manager === undefined) errors.push(required('fieldManager', 'is required for apply patch'));
  }
  if (errors.length > 0) throw invalidOptions(optionsKind, errors);
  return {
    dryRun: dryRun.length > 0,
    // The header may hold anything, and is nobody's promise: what does not fit is cut.
    fieldManager: manager ?? (userAgent.split('/')[0] ?? '').slice(0, fieldManagerBytesMax),
    fieldValidation: (validation as FieldValidation | undefined) ?? 'Warn',
    force,
    sent: {
      ...(manager === undefined ? {} : { fieldManager: manager }),
      ...(validation === undefined ? {} : { fieldValidation: validation }),
    },
  };
}

/** A resourceVersion as a number; undefined when `text` is none. */
export function parseRevision(text: string): number | undefined {
  if (!/^[0-9]{1,20}$/.test(text)) return undefined;
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER);
}

/** What upstream says of a resourceVersion that is no number. */
export const revisionProblem = (text: string): string =>
  `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`;

/** Upstream answers some malformed input with a 500 that has no reason. */
export const plainError = (message: string): StatusError => new StatusError({ code: 500, reason: '', message });
