// The pod lifecycle event generator: the runtime's events wake the right workers at once; a slow relist is the net under them.
import { Backoff, type Clock, errorText, type Logger, onAbort, type Random, sleep, type Timer } from '../base/mod.ts';
import type { ContainerRuntime } from './cri/runtime.ts';
import { createEndWatch } from './end-watch.ts';
import type { PodManager } from './pod-manager.ts';

/** Between two relists: the base, and the share of it that is drawn at random. */
const relistMs = 30_000;
const relistJitterMs = 15_000;
/** A sandbox that no worker knows this much later, either, belongs to none: that leads to a relist. A new one's worker is about to see it. */
const unknownDelayMs = 100;
/** Between the word that a relist is wanted soon and the relist: others who want one join. */
const soonMs = 100;

export interface PlegOptions {
  readonly runtime: ContainerRuntime;
  readonly pods: PodManager;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Follows the runtime's events until the signal fires. */
export async function followEvents(options: PlegOptions & { readonly relistSoon: () => void }): Promise<void> {
  const { runtime, pods, clock, log, signal, relistSoon } = options;
  const backoff = new Backoff({ baseMs: 500, maxMs: 10_000 });
  const unknown = createUnknown({ pods, clock, relistSoon });
  const wake = (sandboxId: string) => {
    if (!pods.wakeSandbox(sandboxId)) unknown.add(sandboxId);
  };
  const ends = createEndWatch({ runtime, clock, log, signal, onShown: ({ sandboxId }) => wake(sandboxId) });
  const watching = ends.run();
  while (!signal.aborted) {
    try {
      for await (const event of runtime.events(signal)) {
        backoff.reset();
        if (event.type === 'unknown') {
          pods.wakeAll();
          relistSoon();
          continue;
        }
        if (event.type === 'stopped') ends.add(event);
        else if (event.type === 'deleted') pods.wakeSandbox(event.sandboxId);
        else wake(event.sandboxId);
      }
    } catch (error) {
      if (signal.aborted) break;
      log.warn('The event stream of the container runtime broke off', { error: errorText(error) });
    }
    if (signal.aborted) break;
    await sleep(clock, backoff.nextMs(), signal).catch(() => {});
  }
  unknown.stop();
  await watching;
}

/** Sandboxes that no worker knew when something happened in them. */
function createUnknown({ pods, clock, relistSoon }: Pick<PlegOptions, 'pods' | 'clock'> & { readonly relistSoon: () => void }) {
  const sandboxes = new Set<string>();
  let timer: Timer | undefined;
  const look = () => {
    timer = undefined;
    const lost = [...sandboxes].some((id) => !pods.knowsSandbox(id));
    sandboxes.clear();
    if (lost) relistSoon();
  };
  return {
    add(sandboxId: string) {
      sandboxes.add(sandboxId);
      timer ??= clock.after(unknownDelayMs, look);
    },
    stop: () => timer?.cancel(),
  };
}

/** Relists at once, then every 30 to 45 s, and soon after `soon` is called. */
export function createRelister(options: PlegOptions): { run(): Promise<void>; soon(): void } {
  const { pods, clock, random, log, signal } = options;
  let dueMs = 0;
  let hurry: AbortController | undefined;
  const once = async () => {
    try {
      await pods.relist();
    } catch (error) {
      if (!signal.aborted) log.warn('Cannot list the containers of this node', { error: errorText(error) });
    }
  };
  return {
    soon() {
      const atMs = clock.monotonicMs() + soonMs;
      if (atMs >= dueMs) return;
      dueMs = atMs;
      hurry?.abort();
    },
    async run() {
      while (!signal.aborted) {
        await once();
        dueMs = clock.monotonicMs() + relistMs + random.below(relistJitterMs);
        for (let leftMs = dueMs - clock.monotonicMs(); leftMs > 0 && !signal.aborted; leftMs = dueMs - clock.monotonicMs()) {
          hurry = new AbortController();
          await interruptibleSleep({ clock, ms: leftMs, signal, hurry: hurry.signal });
        }
      }
    },
  };
}

async function interruptibleSleep(of: { clock: Clock; ms: number; signal: AbortSignal; hurry: AbortSignal }): Promise<void> {
  const either = new AbortController();
  const offs = [of.signal, of.hurry].map((signal) => onAbort(signal, () => either.abort()));
  try {
    await sleep(of.clock, of.ms, either.signal);
  } catch {
    // Woken early.
  } finally {
    for (const off of offs) off();
  }
}
