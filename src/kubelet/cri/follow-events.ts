// Follows containerd's events for as long as asked: subscribes again after every break, and says when something may have been missed.
import { Backoff, type Clock, childController, errorText, type Logger, sleep } from '../../base/mod.ts';
import type { Channel } from './channel.ts';
import { containerdNamespace, decodeEvent, subscribePath, subscription } from './events.ts';
import { methods } from './messages.ts';
import { RuntimeError, type RuntimeEvent } from './runtime.ts';
import type { SandboxIndex } from './sandbox-index.ts';

const reconnectMinMs = 100;
const reconnectMaxMs = 1_000;
const pingMs = 5_000;

/** "Look at everything": events may have been missed. */
const gap: RuntimeEvent = { sandboxId: '', containerId: undefined, type: 'unknown' };

export interface FollowOptions {
  readonly channel: Channel;
  readonly index: SandboxIndex;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Begins with one event of type `unknown`, when the subscription stands; gives another after every gap. */
export async function* followEvents(options: FollowOptions): AsyncGenerator<RuntimeEvent> {
  const { clock, log, signal } = options;
  const backoff = new Backoff({ baseMs: reconnectMinMs, maxMs: reconnectMaxMs });
  while (!signal.aborted) {
    try {
      for await (const event of oneSubscription(options)) {
        if (event.type !== 'unknown') backoff.reset(); // A subscription that breaks at once must not be tried without a pause.
        yield event;
      }
    } catch (error) {
      if (signal.aborted) return;
      const isDown = error instanceof RuntimeError && error.code === 'unavailable';
      log[isDown ? 'debug' : 'warn']('Container events were interrupted', { error: errorText(error) });
    }
    if (signal.aborted) return;
    await sleep(clock, backoff.nextMs(), signal).catch(() => {});
  }
}

async function* oneSubscription(options: FollowOptions): AsyncGenerator<RuntimeEvent> {
  const { channel, index, log, signal } = options;
  const { controller, unlink } = childController(signal);
  try {
    const headers = { 'containerd-namespace': containerdNamespace };
    const stream = await channel.stream({ path: subscribePath, body: subscription, headers, signal: controller.signal });
    // The server says nothing when a subscription stands; a call after it on the same connection that is answered is the sign.
    await channel.unary(methods.version, { version: 'v1' }, { deadlineMs: pingMs, signal });
    yield gap;
    for await (const bytes of stream) {
      const event = decodeEvent(bytes);
      if (!event) continue;
      try {
        const subject = await index.resolve(channel, event.containerId);
        if (event.type === 'deleted') index.delete(event.containerId);
        yield { ...subject, type: event.type };
      } catch (error) {
        log.debug('Cannot tell which pod an event is about', { container: event.containerId, error: errorText(error) });
        yield gap;
      }
    }
  } finally {
    unlink();
    controller.abort();
  }
}
