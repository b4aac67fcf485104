// API errors: the Status object of the Kubernetes API as an exception.
// Source: https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#response-status-kind
import type { V1Status, V1StatusCause, V1StatusDetails } from '../generated/types.gen.ts';
import type { FieldError } from './field-error.ts';

export type StatusReason =
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'ServerTimeout'
  | 'Timeout'
  | 'TooManyRequests'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'InternalError'
  | 'Expired'
  | 'ServiceUnavailable'
  | 'StoreReadError'
  | '';

export interface StatusErrorOptions {
  readonly code: number;
  readonly reason: StatusReason;
  readonly message: string;
  readonly details?: V1StatusDetails | undefined;
  /** A token with which a list goes on all the same, as `metadata.continue`. */
  readonly continue?: string | undefined;
  readonly cause?: unknown;
}

/** What the server answers instead of an object, and what a client throws. `status` is the wire form. */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly code: number;
  readonly reason: StatusReason;
  readonly details: V1StatusDetails | undefined;
  readonly continue: string | undefined;

  constructor(options: StatusErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.reason = options.reason;
    this.details = options.details;
    this.continue = options.continue;
  }

  get status(): V1Status {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continue === undefined ? {} : { continue: this.continue },
      status: 'Failure',
      message: this.message,
      ...(this.reason === '' ? {} : { reason: this.reason }),
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }

  /** The error that a Status received from a server stands for. */
  static from(status: V1Status): StatusError {
    return new StatusError({
      code: status.code ?? 500,
      reason: (status.reason ?? '') as StatusReason,
      message: status.message ?? 'the server gave no message',
      details: status.details,
      continue: status.metadata?.continue,
    });
  }
}

/** True when `error` is an API error with this reason. */
export const hasReason = (error: unknown, ...reasons: StatusReason[]): error is StatusError =>
  error instanceof StatusError && reasons.includes(error.reason);

/** What an error is about. `resource` is the plural name. */
export interface Subject {
  readonly group: string;
  readonly resource: string;
  readonly name?: string | undefined;
}

/** `pods`, `deployments.apps`: how upstream names a resource in messages. */
export const qualifiedResource = (of: { readonly group: string; readonly resource: string }): string =>
  of.group === '' ? of.resource : `${of.resource}.${of.group}`;

function detailsOf(subject: Subject, more: Partial<V1StatusDetails> = {}): V1StatusDetails {
  return {
    ...(subject.name === undefined ? {} : { name: subject.name }),
    ...(subject.group === '' ? {} : { group: subject.group }),
    kind: subject.resource,
    ...more,
  };
}

export const notFound = (subject: Subject): StatusError =>
  new StatusError({
    code: 404,
    reason: 'NotFound',
    message: `${qualifiedResource(subject)} "${subject.name ?? ''}" not found`,
    details: detailsOf(subject),
  });

export const alreadyExists = (subject: Subject): StatusError =>
  new StatusError({
    code: 409,
    reason: 'AlreadyExists',
    message: `${qualifiedResource(subject)} "${subject.name ?? ''}" already exists`,
    details: detailsOf(subject),
  });

export const conflict = (subject: Subject, why: string): StatusError =>
  new StatusError({
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on ${qualifiedResource(subject)} "${subject.name ?? ''}": ${why}`,
    details: detailsOf(subject),
  });

export const modifiedMessage = 'the object has been modified; please apply your changes to the latest version and try again';

export const forbidden = (subject: Subject, why: string): StatusError =>
  new StatusError({
    code: 403,
    reason: 'Forbidden',
    message: `${qualifiedResource(subject)}${subject.name === undefined ? '' : ` "${subject.name}"`} is forbidden: ${why}`,
    details: detailsOf(subject),
  });

export const badRequest = (message: string): StatusError => new StatusError({ code: 400, reason: 'BadRequest', message });

export const internalError = (cause: unknown): StatusError => {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new StatusError({
    code: 500,
    reason: 'InternalError',
    message: `Internal error occurred: ${message}`,
    details: { causes: [{ message }] },
    cause,
  });
};

export const expired = (message = 'The resourceVersion for the provided watch is too old.'): StatusError =>
  new StatusError({ code: 410, reason: 'Expired', message });

export const methodNotAllowed = (subject: Subject, verb: string): StatusError =>
  new StatusError({
    code: 405,
    reason: 'MethodNotAllowed',
    message: `${verb} is not supported on resources of kind "${qualifiedResource(subject)}"`,
    details: detailsOf(subject),
  });

export const tooManyRequests = (message: string, retryAfterSeconds: number): StatusError =>
  new StatusError({ code: 429, reason: 'TooManyRequests', message, details: { retryAfterSeconds } });

/** A hostile object can be wrong in a million places: so many causes are told, and how many there are. */
const causesMax = 1_000;

/** 422 with every cause. `kind` is the Kind (`Pod`), as upstream gives it here. */
export function invalid(
  of: { readonly group: string; readonly kind: string; readonly name: string },
  errors: readonly FieldError[],
): StatusError {
  const told = errors.length > causesMax ? errors.slice(0, causesMax) : errors;
  const causes: V1StatusCause[] = told.map((error) => ({ reason: error.type, message: error.message, field: error.field }));
  const more = errors.length > told.length ? [`and ${errors.length - told.length} more`] : [];
  const text = errors.length === 1 ? errors[0]?.text : `[${[...told.map((error) => error.text), ...more].join(', ')}]`;
  return new StatusError({
    code: 422,
    reason: 'Invalid',
    message: `${of.group === '' ? of.kind : `${of.kind}.${of.group}`} "${of.name}" is invalid: ${text ?? ''}`,
    details: { ...(of.name === '' ? {} : { name: of.name }), ...(of.group === '' ? {} : { group: of.group }), kind: of.kind, causes },
  });
}
