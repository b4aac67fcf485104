// What a storage driver answers when it cannot do what it was asked: gRPC's status, in the words that Kubernetes shows it with.

/** By their numbers. https://grpc.io/docs/guides/status-codes/ */
const names = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
] as const;
export type StatusName = (typeof names)[number];

/** After these nobody knows whether the driver is still at it. Source: the kubelet's `isFinalError` for CSI. */
const uncertain: readonly StatusName[] = ['Canceled', 'DeadlineExceeded', 'Unavailable', 'ResourceExhausted', 'Aborted'];
/** An expansion that no retry will bring about. Source: KEP-1790. */
const infeasible: readonly StatusName[] = ['InvalidArgument', 'OutOfRange', 'NotFound'];

export class DriverError extends Error {
  override readonly name = 'DriverError';
  readonly code: StatusName;
  constructor(code: StatusName, details: string) {
    super(`rpc error: code = ${code} desc = ${details}`);
    this.code = code;
  }
  /** The driver has ended the call: nothing of it goes on. */
  get isFinal(): boolean {
    return !uncertain.includes(this.code);
  }
  get isInfeasible(): boolean {
    return infeasible.includes(this.code);
  }
  /** Not while the volume is in use: the next time it is set up. */
  get isInUse(): boolean {
    return this.code === 'FailedPrecondition';
  }
}

export function toDriverError(what: string, error: unknown): DriverError {
  if (error instanceof DriverError) return error;
  const { code, details } = (error ?? {}) as { code?: unknown; details?: unknown };
  const name = (typeof code === 'number' ? names[code] : undefined) ?? 'Unknown';
  // grpc-js adds where its time went, which differs each time and would make one event many.
  const text = name === 'DeadlineExceeded' ? 'context deadline exceeded' : details;
  return new DriverError(name, typeof text === 'string' && text !== '' ? text : `${what} failed`);
}
