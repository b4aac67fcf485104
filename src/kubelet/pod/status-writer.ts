// Writes one pod's status: the newest only, one write at a time, nothing when nothing has changed. What changes within one turn of
// the event loop is one write, and so is what changes while a pod's first containers start.
import { hasReason, type Persisted, type V1Pod, type V1PodStatus } from '../../api/mod.ts';
import { Backoff, type Clock, errorText, type Logger, sleep, type Tasks } from '../../base/mod.ts';
import type { Client } from '../../client/mod.ts';
import { pods } from '../api-resources.ts';
import { isStatic } from '../static-pods.ts';
import { type PodId, podIdOf } from './labels.ts';
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
function send({ client, signal }: StatusWriterOptions, { id, mirrored }: Target, status: unknown): Promise<Persisted<V1Pod>> {
  const { namespace, name, uid } = id;
  const body = mirrored ? { status } : { metadata: { uid }, status };
  return client.patch(pods, { namespace, name }, 'application/strategic-merge-patch+json', body, { subresource: 'status', signal });
}

export const createStatusWriter = (options: StatusWriterOptions, first: V1Pod): StatusWriter => new Writer(options, first);

interface Target {
  readonly id: PodId;
  /** The pod of a manifest, whose mirror is written to. The object of the API is not kept: thousands of pods would each be held twice. */
  readonly mirrored: V1Pod | undefined;
}

class Writer implements StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #target: Target;
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
    this.#target = { id: podIdOf(first), mirrored: isStatic(first) ? first : undefined };
    this.#base = first;
    this.#latch = createLatch(options.clock, options.signal);
  }

  get phase(): string | undefined {
    return this.#base.status?.phase;
  }

  seen(pod: V1Pod): void {
    // Told again for one reason: its mirror is new, and knows nothing.
    this.#base = this.#target.mirrored ?? this.#base;
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
        const written = await send(this.#options, this.#target, patch);
        if (newerThan(written, this.#base)) this.#base = written;
        this.#backoff.reset();
      } catch (error) {
        if (!signal.aborted) await this.#failed(error, wanted);
      }
    }
  }

  async #failed(error: unknown, wanted: V1PodStatus): Promise<void> {
    const { clock, log, signal } = this.#options;
    const { id, mirrored } = this.#target;
    if (hasReason(error, 'Invalid')) {
      log.error('The API refuses a pod status', { pod: `${id.namespace}/${id.name}`, error: errorText(error) });
      return;
    }
    if (hasReason(error, 'NotFound')) {
      // The mirror is made anew, and then knows nothing.
      if (mirrored) this.#base = mirrored;
      else this.#gone = true;
    }
    if (this.#gone) return;
    this.#desired ??= wanted;
    await sleep(clock, this.#backoff.nextMs(), signal);
  }
}
