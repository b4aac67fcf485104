// DeleteOptions: from the body, or from the query when there is none; checked as upstream does.
import { type FieldError, invalidValue, notSupported } from '../../api/mod.ts';
import { isTrue } from '../http/request-info.ts';
import type { ResourceRequest } from '../request.ts';
import { decodeLoose } from './body.ts';
import { dryRunErrors, dryRunValues, invalidOptions, parameter } from './options.ts';

export interface DeleteOptions {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: 'Orphan' | 'Background' | 'Foreground' | undefined;
  /** The older form of a propagation policy. */
  readonly orphanDependents: boolean | undefined;
  readonly preconditions: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined };
  readonly dryRun: boolean;
  /** Removes what the store cannot read, whatever finalizers it may have; only that. */
  readonly ignoreReadError: boolean;
}

export const ignoreReadErrorField = 'ignoreStoreReadErrorWithClusterBreakingPotential';

const policies: readonly string[] = ['Foreground', 'Background', 'Orphan'];

export function deleteOptions(request: ResourceRequest): DeleteOptions {
  const { query } = request;
  const sent = decodeLoose(request);
  return readDeleteOptions({ ...fromQuery(query), ...sent }, dryRunValues(query));
}

/** `sent` is a DeleteOptions object as a client wrote it. */
export function readDeleteOptions(sent: Readonly<Record<string, unknown>>, dryRunInQuery: readonly string[] = []): DeleteOptions {
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions } = sent;
  const dryRun = Array.isArray(sent.dryRun) ? sent.dryRun.map(String) : dryRunInQuery;
  const errors: FieldError[] = [...dryRunErrors(dryRun)];
  const policy = typeof propagationPolicy === 'string' ? propagationPolicy : undefined;
  if (policy !== undefined && typeof orphanDependents === 'boolean') {
    errors.push(invalidValue('propagationPolicy', policy, 'orphanDependents and deletionPropagation cannot be both set'));
  } else if (policy !== undefined && !policies.includes(policy)) {
    errors.push(notSupported('propagationPolicy', policy, [...policies, 'nil']));
  }
  const ignoreReadError = sent[ignoreReadErrorField] === true;
  if (ignoreReadError) errors.push(...excludedBy(sent, dryRun));
  if (errors.length > 0) throw invalidOptions('DeleteOptions', errors);
  const wanted = (typeof preconditions === 'object' && preconditions !== null ? preconditions : {}) as Record<string, unknown>;
  return {
    gracePeriodSeconds: graceOf(gracePeriodSeconds),
    propagationPolicy: policy as DeleteOptions['propagationPolicy'],
    orphanDependents: typeof orphanDependents === 'boolean' ? orphanDependents : undefined,
    preconditions: { uid: textOf(wanted.uid), resourceVersion: textOf(wanted.resourceVersion) },
    dryRun: dryRun.length > 0,
    ignoreReadError,
  };
}

/** What cannot be heeded for an object of which nothing is known. */
function excludedBy(sent: Readonly<Record<string, unknown>>, dryRun: readonly string[]): FieldError[] {
  const others = ['propagationPolicy', 'orphanDependents', 'gracePeriodSeconds', 'preconditions'];
  const set = [...(dryRun.length > 0 ? ['dryRun'] : []), ...others.filter((name) => sent[name] !== undefined && sent[name] !== null)];
  return set.map((name) => invalidValue(ignoreReadErrorField, true, `cannot be set together with .${name}`));
}

/** A negative period means one second, as upstream has it. */
function graceOf(value: unknown): number | undefined {
  const seconds = typeof value === 'bigint' ? Number(value) : value;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return undefined;
  return seconds < 0 ? 1 : Math.trunc(seconds);
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function fromQuery(query: ResourceRequest['query']): Record<string, unknown> {
  const grace = parameter(query, 'gracePeriodSeconds');
  const orphan = parameter(query, 'orphanDependents');
  return {
    ...(grace === undefined ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(orphan === undefined ? {} : { orphanDependents: isTrue(query, 'orphanDependents') }),
    ...(isTrue(query, ignoreReadErrorField) ? { [ignoreReadErrorField]: true } : {}),
    ...(query?.propagationPolicy ? { propagationPolicy: parameter(query, 'propagationPolicy') } : {}),
  };
}
