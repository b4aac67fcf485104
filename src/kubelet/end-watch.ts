// Containers whose end the runtime has told, and its own listing not yet shown: looked at by themselves until it does.
import { type Clock, errorText, type Logger } from '../base/mod.ts';
import { type ContainerRuntime, RuntimeError, type RuntimeEvent } from './cri/runtime.ts';
import { createLatch } from './pod/latch.ts';

/**
 * containerd's CRI plugin hears of an end by the same event as we do, waits up to ten seconds for the last output and deletes
 * the task (40 to 80 ms) before it shows it. Looks are so far apart that an end is seen late by an eighth of what the runtime took.
 */
const pauseMinMs = 5;
const pausePart = 8;
/** What has not been shown by then is left to the relist. */
const giveUpMs = 30_000;
/** More than these that are due together are looked at by one listing of everything. */
const singlyMax = 8;
const lookMs = 10_000;

export type End = Pick<RuntimeEvent, 'sandboxId' | 'containerId'>;

export interface EndWatchOptions {
  readonly runtime: Pick<ContainerRuntime, 'containerStatus' | 'sandboxStatus' | 'listContainers' | 'listSandboxes'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** The runtime shows the end. */
  readonly onShown: (end: End) => void;
}

export interface EndWatch {
  /** The runtime has told it. */
  add(end: End): void;
  /** Looks until the signal fires. */
  run(): Promise<void>;
}

interface Waiting {
  readonly end: End;
  readonly sinceMs: number;
  dueMs: number;
}

export function createEndWatch(options: EndWatchOptions): EndWatch {
  const { clock, log, signal, onShown } = options;
  const waiting = new Map<string, Waiting>();
  const latch = createLatch(clock, signal);
  const pass = async () => {
    const startedMs = clock.monotonicMs();
    const due = [...waiting.values()].filter(({ dueMs }) => dueMs <= startedMs);
    const shown = await (due.length > singlyMax ? listed : singly)(options, due).catch((error: unknown) => {
      if (!signal.aborted) log.debug('Cannot look at containers that have ended', { error: errorText(error) });
      return new Set<Waiting>();
    });
    const nowMs = clock.monotonicMs();
    for (const one of due) {
      one.dueMs = nowMs + Math.max(pauseMinMs, Math.ceil((nowMs - one.sinceMs) / pausePart));
      const isShown = shown.has(one);
      if (isShown || nowMs - one.sinceMs > giveUpMs) waiting.delete(idOf(one.end));
      if (isShown) onShown(one.end);
    }
  };
  return {
    add(end) {
      const nowMs = clock.monotonicMs();
      waiting.set(idOf(end), { end, sinceMs: nowMs, dueMs: nowMs });
      latch.wake();
    },
    async run() {
      while (!signal.aborted) {
        const leftMs = Math.min(...[...waiting.values()].map(({ dueMs }) => dueMs)) - clock.monotonicMs();
        if (leftMs > 0) await latch.wait(Number.isFinite(leftMs) ? clock.nowMs() + Math.ceil(leftMs) : undefined);
        if (!signal.aborted) await pass();
      }
    },
  };
}

const idOf = ({ sandboxId, containerId }: End): string => containerId ?? sandboxId;

/** Those that the runtime shows as ended, or does not know any more. */
async function singly({ runtime, signal }: EndWatchOptions, due: readonly Waiting[]): Promise<ReadonlySet<Waiting>> {
  const call = { signal, deadlineMs: lookMs };
  const looks = due.map(async (one) => {
    const { sandboxId, containerId } = one.end;
    try {
      const isLive =
        containerId === undefined
          ? (await runtime.sandboxStatus(sandboxId, call)).state === 'ready'
          : (await runtime.containerStatus(containerId, call)).state !== 'exited';
      return isLive ? [] : [one];
    } catch (error) {
      return error instanceof RuntimeError && error.code === 'notFound' ? [one] : [];
    }
  });
  return new Set((await Promise.all(looks)).flat());
}

async function listed({ runtime, signal }: EndWatchOptions, due: readonly Waiting[]): Promise<ReadonlySet<Waiting>> {
  const call = { signal, deadlineMs: lookMs };
  const [sandboxes, containers] = await Promise.all([runtime.listSandboxes({}, call), runtime.listContainers({}, call)]);
  const live = new Set([
    ...sandboxes.filter(({ state }) => state === 'ready').map(({ id }) => id),
    ...containers.filter(({ state }) => state !== 'exited').map(({ id }) => id),
  ]);
  return new Set(due.filter(({ end }) => !live.has(idOf(end))));
}
