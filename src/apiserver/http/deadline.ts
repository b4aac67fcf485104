// How long a request may take: a signal that fires at its deadline, when the client goes, or when the server stops.
import { badRequest, StatusError } from '../../api/mod.ts';
import { type Clock, onAbort, parseDurationMs, StoppedError, type Timer } from '../../base/mod.ts';
import { firstOf, type RequestInfo } from './request-info.ts';

/** Requests other than watches and streams end after this. */
export const requestTimeoutMs = 60_000;
const streamedSubresources: readonly string[] = ['attach', 'exec', 'log', 'portforward', 'proxy'];

/** True for what may go on for as long as the client likes. */
export const isLongRunning = (info: RequestInfo): boolean =>
  info.as === 'resource' && (info.verb === 'watch' || streamedSubresources.includes(info.subresource));

/** The `timeout` parameter, at most {@link requestTimeoutMs}. Throws 400 when it is no duration. */
export function timeoutOf(info: RequestInfo): number {
  const asked = firstOf(info.query, 'timeout');
  if (asked === undefined || asked === '') return requestTimeoutMs;
  const ms = parseDurationMs(asked);
  if (ms === undefined) throw badRequest(`invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(asked)}`);
  return ms <= 0 ? requestTimeoutMs : Math.min(ms, requestTimeoutMs);
}

export const timeoutError = (): StatusError =>
  new StatusError({
    code: 504,
    reason: 'Timeout',
    message: 'Timeout: request did not complete within requested timeout - context deadline exceeded',
    details: {},
  });

/** One for all: an error of its own for every request would cost more than most requests. */
const requestOver = new StoppedError('the request is over');

/** The signals of all requests that are under way, so that stopping the server ends them. */
export class OpenRequests {
  readonly #open = new Set<AbortController>();
  #stopped = false;

  add(controller: AbortController): () => void {
    if (this.#stopped) controller.abort(new StoppedError('the server is stopping'));
    this.#open.add(controller);
    return () => this.#open.delete(controller);
  }

  get size(): number {
    return this.#open.size;
  }

  /** Fires every signal, and those of requests that still come. */
  stop(): void {
    this.#stopped = true;
    for (const controller of this.#open) controller.abort(new StoppedError('the server is stopping'));
  }
}

export interface DeadlineParts {
  readonly clock: Clock;
  /** Undefined: none. */
  readonly ms: number | undefined;
  readonly client: () => AbortSignal;
  /** Long-running requests end with the server; others are let finish. */
  readonly open: OpenRequests | undefined;
  /** Where a request is counted in once its deadline is lifted. */
  readonly lifted?: OpenRequests | undefined;
}

/** The signal of one request, made when it is first asked for: most requests are answered before anybody does. */
export class RequestDeadline {
  readonly #parts: DeadlineParts;
  readonly #startMs: number;
  #controller: AbortController | undefined;
  #timer: Timer | undefined;
  #offs: (() => void)[] = [];
  #over = false;

  constructor(parts: DeadlineParts) {
    this.#parts = parts;
    this.#startMs = parts.ms === undefined ? 0 : parts.clock.monotonicMs();
  }

  get signal(): AbortSignal {
    if (this.#controller) return this.#controller.signal;
    const { clock, ms, client, open } = this.#parts;
    const controller = new AbortController();
    this.#controller = controller;
    if (this.#over) controller.abort(requestOver);
    else {
      this.#offs = [onAbort(client(), (reason) => controller.abort(reason)), ...(open ? [open.add(controller)] : [])];
      if (ms !== undefined) {
        const leftMs = ms - (clock.monotonicMs() - this.#startMs);
        this.#timer = clock.after(leftMs, () => controller.abort(timeoutError()));
      }
    }
    return controller.signal;
  }

  /** An upgraded connection goes on for as long as both sides like, and ends with the server. */
  lift(): void {
    const { open, lifted } = this.#parts;
    const { signal } = this;
    this.#timer?.cancel();
    if (this.#controller && !signal.aborted && !open && lifted) this.#offs.push(lifted.add(this.#controller));
  }

  /** The request is over: nothing of it stays behind. Fires the signal, so that what still listens ends. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#timer?.cancel();
    for (const off of this.#offs) off();
    this.#controller?.abort(requestOver);
  }
}
