// Why a container could not be brought up, as the waiting reason that users see.

export type StartReason =
  | 'CreateContainerConfigError'
  | 'CreateContainerError'
  | 'RunContainerError'
  | 'PostStartHookError'
  | 'ErrImagePull'
  | 'ImagePullBackOff'
  | 'ErrImageNeverPull'
  | 'InvalidImageName'
  | 'ImageInspectError';

/** `message` is for users: it goes into the container's waiting state. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly reason: StartReason;
  /** When to try again, in milliseconds from now; absent: as the worker sees fit. */
  readonly retryInMs: number | undefined;
  constructor(reason: StartReason, message: string, options: { readonly retryInMs?: number; readonly cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.retryInMs = options.retryInMs;
  }
}

export const configError = (message: string): StartError => new StartError('CreateContainerConfigError', message);
