// Writes one pod's status: the newest only, one write at a time, nothing when nothing has changed.
import { hasReason, type Persisted, type V1Pod, type V1PodStatus } from '../../api/mod.ts';
import { Backoff, type Clock, errorText, type Logger, sleep, type Tasks } from '../../base/mod.ts';
import type { Client } from '../../client/mod.ts';
import { pods } from '../api-resources.ts';
import { isStatic } from '../static-pods.ts';
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
  /** Writes `status` soon, unless a newer one comes first. */
  set(status: V1PodStatus): void;
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

export function createStatusWriter(options: StatusWriterOptions, first: V1Pod): StatusWriter {
  const { clock, log, tasks, signal } = options;
  const backoff = new Backoff({ baseMs: 200, maxMs: 10_000 });
  const key = { namespace: first.metadata?.namespace, name: first.metadata?.name ?? '' };
  const mirrored = isStatic(first);
  let base = first;
  let desired: V1PodStatus | undefined;
  let writing: Promise<void> | undefined;
  let gone = false;

  async function write(): Promise<void> {
    while (desired && !gone && !signal.aborted) {
      const wanted = desired;
      const patch = statusPatch(base.status, wanted);
      if (patch) {
        try {
          const written = await send(options, first, patch);
          if (newerThan(written, base)) base = written;
          backoff.reset();
        } catch (error) {
          if (signal.aborted) return;
          if (hasReason(error, 'NotFound')) {
            // The mirror is made anew, and then knows nothing.
            if (mirrored) base = first;
            else gone = true;
          }
          if (hasReason(error, 'Invalid')) {
            log.error('The API refuses a pod status', { pod: `${key.namespace}/${key.name}`, error: errorText(error) });
            if (desired === wanted) desired = undefined;
            continue;
          }
          if (gone) return;
          await sleep(clock, backoff.nextMs(), signal);
          continue;
        }
      }
      if (desired === wanted) desired = undefined;
    }
  }

  function start(): void {
    if (writing) return;
    const run = write().finally(() => {
      writing = undefined;
    });
    writing = run;
    tasks.run('pod status', signal, () => run);
  }

  return {
    seen(pod) {
      // Told again for one reason: its mirror is new, and knows nothing.
      if (mirrored) base = first;
      if (newerThan(pod, base)) base = pod;
    },
    set(status) {
      desired = status;
      if (statusPatch(base.status, status) || writing) start();
      else desired = undefined;
    },
    async flush() {
      await writing?.catch(() => {});
    },
    close() {
      gone = true;
    },
  };
}
