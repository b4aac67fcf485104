// Writes one pod's status: the newest only, one write at a time, nothing when nothing has changed. What changes within one turn of
// the event loop is one write, and so is what changes while a pod's first containers start.
import { hasReason, type Persisted, type V1Pod, type V1PodStatus } from '../../api/mod.ts';
import { Backoff, type Clock, errorText, type Logger, sleep, type Tasks } from '../../base/mod.ts';
import type { Client } from '../../client/mod.ts';
import { pods } from '../api-resources.ts';
import { isStatic } from '../static-pods.ts';
import { createLatch, type Latch } from './latch.ts';
import { statusPatch } from './status-patch.ts';

export interface StatusWriterOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tasks: Tasks;
  readonly signal: AbortSignal;
}

export interface StatusWriter {
  /** What the API says, as an informer has it. */
  seen(pod: V1Pod): void;
  /** Writes `status`, unless a newer one comes first: soon, or within `patienceMs` where more is about to change. */
  set(status: V1PodStatus, patienceMs?: number): void;
  /** The phase that the API is known to have. */
  readonly phase: string | undefined;
  /** Resolves when the newest status is written, or can no longer be. */
  flush(): Promise<void>;
  /** Writes no more: the API object is gone. */
  close(): void;
}

const newerThan = (a: V1Pod, b: V1Pod): boolean => {
  const [x = '', y = ''] = [a.metadata?.resourceVersion, b.metadata?.resourceVersion];
  // Revisions are whole numbers of any length: the longer one is the newer one.
  return x.length === y.length ? x > y : x.length > y.length;
};

/** The uid makes the write fail for a later pod of the same name. A static pod has the one of its manifest, its mirror another. */
function send({ client, signal }: StatusWriterOptions, pod: V1Pod, status: unknown): Promise<Persisted<V1Pod>> {
  const { namespace, name = '', uid } = pod.metadata ?? {};
  const body = isStatic(pod) ? { status } : { metadata: { uid }, status };
  return client.patch(pods, { namespace, name }, 'application/strategic-merge-patch+json', body, { subresource: 'status', signal });
}

export const createStatusWriter = (options: StatusWriterOptions, first: V1Pod): StatusWriter => new Writer(options, first);

class Writer implements StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #first: V1Pod;
  readonly #mirrored: boolean;
  readonly #latch: Latch;
  readonly #backoff = new Backoff({ baseMs: 200, maxMs: 10_000 });
  /** What the API is known to have. */
  #base: V1Pod;
  #desired: V1PodStatus | undefined;
  /** When `#desired` is to be written; as the clock's `nowMs`. */
  #dueMs = 0;
  #writing: Promise<void> | undefined;
  #gone = false;

  constructor(options: StatusWriterOptions, first: V1Pod) {
    this.#options = options;
    this.#first = first;
    this.#base = first;
    this.#mirrored = isStatic(first);
    this.#latch = createLatch(options.clock, options.signal);
  }

  get phase(): string | undefined {
    return this.#base.status?.phase;
  }

  seen(pod: V1Pod): void {
    // Told again for one reason: its mirror is new, and knows nothing.
    if (this.#mirrored) this.#base = this.#first;
    if (newerThan(pod, this.#base)) this.#base = pod;
  }

  set(status: V1PodStatus, patienceMs = 0): void {
    const atMs = this.#options.clock.nowMs() + patienceMs;
    this.#dueMs = this.#desired ? Math.min(this.#dueMs, atMs) : atMs;
    this.#desired = status;
    if (this.#writing) this.#latch.wake();
    else if (statusPatch(this.#base.status, status)) this.#start();
    else this.#desired = undefined;
  }

  async flush(): Promise<void> {
    this.#dueMs = this.#options.clock.nowMs();
    this.#latch.wake();
    await this.#writing?.catch(() => {});
  }

  close(): void {
    this.#gone = true;
    this.#latch.wake();
  }

  #start(): void {
    const { tasks, signal } = this.#options;
    const run = this.#write().finally(() => {
      this.#writing = undefined;
    });
    this.#writing = run;
    tasks.run('pod status', signal, () => run);
  }

  async #write(): Promise<void> {
    const { clock, signal } = this.#options;
    while (this.#desired && !this.#gone && !signal.aborted) {
      do await this.#latch.wait(this.#dueMs);
      while (clock.nowMs() < this.#dueMs && !this.#gone && !signal.aborted);
      if (this.#gone || signal.aborted) return;
      const wanted: V1PodStatus = this.#desired;
      this.#desired = undefined;
      const patch = statusPatch(this.#base.status, wanted);
      if (!patch) continue;
      try {
        const written = await send(this.#options, this.#first, patch);
        if (newerThan(written, this.#base)) this.#base = written;
        this.#backoff.reset();
      } catch (error) {
        if (!signal.aborted) await this.#failed(error, wanted);
      }
    }
  }

  async #failed(error: unknown, wanted: V1PodStatus): Promise<void> {
    const { clock, log, signal } = this.#options;
    const { namespace, name } = this.#first.metadata ?? {};
    if (hasReason(error, 'Invalid')) {
      log.error('The API refuses a pod status', { pod: `${namespace}/${name}`, error: errorText(error) });
      return;
    }
    if (hasReason(error, 'NotFound')) {
      // The mirror is made anew, and then knows nothing.
      if (this.#mirrored) this.#base = this.#first;
      else this.#gone = true;
    }
    if (this.#gone) return;
    this.#desired ??= wanted;
    await sleep(clock, this.#backoff.nextMs(), signal);
  }
}
