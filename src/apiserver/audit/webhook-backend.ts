// Sends audit events to a webhook in batches: an EventList of audit.k8s.io/v1, again after a while when it fails.
// Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#webhook-backend
import { Backoff, BoundedQueue, type Clock, errorText, type Logger, type Random, sleep } from '../../base/mod.ts';
import type { AuditBackend } from './audit.ts';

export interface AuditWebhookOptions {
  /** Posts a JSON body; throws when it was not taken. */
  readonly post: (body: string, signal: AbortSignal) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Called for each event that is lost. */
  readonly lost?: (() => void) | undefined;
  readonly signal: AbortSignal;
}

/** As upstream's --audit-webhook-batch-* have it. */
const queuedMax = 10_000;
const batchMax = 400;
const batchWaitMs = 30_000;
const firstBackoffMs = 10_000;
const attemptsMax = 5;
/** Between two batches: at most ten a second. */
const betweenMs = 100;

/** `run` sends until the signal has fired; what waits then is tried once more. */
export function createAuditWebhook(options: AuditWebhookOptions): AuditBackend & { run(): Promise<void> } {
  const { clock, signal } = options;
  const queue = new BoundedQueue<string>(queuedMax);
  let full: (() => void) | undefined;
  /** A while, or until a batch is full. */
  const gather = async (): Promise<void> => {
    if (queue.size >= batchMax || signal.aborted) return;
    const early = new AbortController();
    full = () => early.abort(signal.reason);
    signal.addEventListener('abort', full, { once: true });
    await sleep(clock, batchWaitMs, early.signal).catch(() => {});
    signal.removeEventListener('abort', full);
    full = undefined;
  };
  return {
    take(event) {
      if (!queue.push(event)) options.lost?.();
      else if (queue.size >= batchMax) full?.();
    },
    async run() {
      const off = queue.closeOn(signal);
      while (await queue.ready()) {
        await gather();
        const events = queue.takeAll();
        for (let at = 0; at < events.length; at += batchMax) {
          await send(options, events.slice(at, at + batchMax));
          if (!signal.aborted) await sleep(clock, betweenMs, signal).catch(() => {});
        }
      }
      off();
    },
  };
}

async function send({ post, clock, random, log, lost, signal }: AuditWebhookOptions, events: readonly string[]): Promise<void> {
  const body = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[${events.join(',')}]}`;
  const backoff = new Backoff({ baseMs: firstBackoffMs, maxMs: 60_000, jitter: 0.2 }, random);
  // The last batch goes out after the end has begun: it must not be stopped by it.
  const own = new AbortController();
  for (let attempt = 1; ; attempt++) {
    try {
      return void (await post(body, own.signal));
    } catch (error) {
      const isLast = attempt === attemptsMax || signal.aborted;
      log.warn('Audit events were not taken by the webhook', { events: events.length, attempt, lost: isLast, error: errorText(error) });
      if (isLast) {
        for (const _ of events) lost?.();
        return;
      }
      await sleep(clock, backoff.nextMs(), signal).catch(() => {});
    }
  }
}
