// The pod lifecycle event generator: the runtime's events wake the right workers at once; a slow relist is the net under them.
import { Backoff, type Clock, errorText, type Logger, onAbort, type Random, sleep, type Timer } from '../base/mod.ts';
import type { ContainerRuntime, RuntimeEvent } from './cri/runtime.ts';
import type { PodManager } from './pod-manager.ts';

/** Between two relists: the base, and the share of it that is drawn at random. */
const relistMs = 30_000;
const relistJitterMs = 15_000;
/**
 * A runtime may tell that a container has ended before its own listing shows it (containerd's CRI plugin hears of it by the
 * same event as we do, and waits up to ten seconds for the last output): who is woken by such an event is woken again after
 * these pauses: closely as long as the container seems to run, and a few times in any case.
 */
const looks: readonly { readonly afterMs: number; readonly anyhow?: true }[] = [
  { afterMs: 20, anyhow: true },
  ...[15, 20, 25, 30].map((afterMs) => ({ afterMs })),
  { afterMs: 40, anyhow: true },
  ...[100, 250].map((afterMs) => ({ afterMs })),
  { afterMs: 500, anyhow: true },
  ...[1_000, 2_000, 4_000, 8_000, 16_000].map((afterMs) => ({ afterMs })),
];
const anyhowMax = looks.findLastIndex(({ anyhow }) => anyhow);
/** Events about sandboxes that no worker knows lead to one relist, this much later. */
const unknownDelayMs = 100;

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
  const later = createLater(clock);
  const off = onAbort(signal, () => later.cancelAll());
  while (!signal.aborted) {
    try {
      for await (const event of runtime.events(signal)) {
        backoff.reset();
        if (event.type === 'unknown') {
          pods.wakeAll();
          relistSoon();
          continue;
        }
        if (!pods.wakeSandbox(event.sandboxId) && event.type !== 'deleted') relistSoon();
        if (event.type === 'stopped') lookAgain({ pods, later }, event, 0);
      }
    } catch (error) {
      if (signal.aborted) break;
      log.warn('The event stream of the container runtime broke off', { error: errorText(error) });
    }
    if (signal.aborted) break;
    await sleep(clock, backoff.nextMs(), signal).catch(() => {});
  }
  off();
}

function lookAgain(of: { readonly pods: PodManager; readonly later: Later }, event: RuntimeEvent, index: number): void {
  const look = looks[index];
  if (!look) return;
  of.later.after(look.afterMs, () => {
    if (look.anyhow || of.pods.seemsToRun(event)) of.pods.wakeSandbox(event.sandboxId);
    else if (index > anyhowMax) return;
    lookAgain(of, event, index + 1);
  });
}

interface Later {
  after(ms: number, run: () => void): void;
  cancelAll(): void;
}

/** Timers that are cancelled together. */
function createLater(clock: Clock): Later {
  const timers = new Set<Timer>();
  return {
    after(ms, run) {
      const timer = clock.after(ms, () => {
        timers.delete(timer);
        run();
      });
      timers.add(timer);
    },
    cancelAll() {
      for (const timer of timers) timer.cancel();
      timers.clear();
    },
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
      const atMs = clock.monotonicMs() + unknownDelayMs;
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
