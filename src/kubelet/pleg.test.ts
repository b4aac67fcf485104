// The runtime's events: who looks again, and for how long, while the runtime's own listing lags behind what it has told.
import { expect, test } from 'vitest';
import { SeededRandom, silentLogger, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import type { ContainerRuntime, RuntimeEvent } from './cri/runtime.ts';
import { followEvents } from './pleg.ts';
import type { PodManager } from './pod-manager.ts';

/** One container tells its end at 0 and is listed as ended `listedMs` later. Gives when its pod is looked at within a minute. */
async function looks(listedMs: number): Promise<number[]> {
  const clock = new VirtualClock({ settle: turn });
  const controller = new AbortController();
  const at: number[] = [];
  const beganMs = clock.monotonicMs();
  const ms = () => clock.monotonicMs() - beganMs;
  let seenMs = 0;
  const pods = {
    wakeSandbox: () => {
      at.push(ms());
      seenMs = ms();
      return true;
    },
    seemsToRun: () => seenMs < listedMs,
  } as Partial<PodManager> as PodManager;
  const runtime = {
    async *events(signal: AbortSignal) {
      yield { sandboxId: 's', containerId: 'c', type: 'stopped' } satisfies RuntimeEvent;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    },
  } as Partial<ContainerRuntime> as ContainerRuntime;
  const random = new SeededRandom(1);
  const { signal } = controller;
  const ended = followEvents({ runtime, pods, clock, random, log: silentLogger, signal, relistSoon: () => {} });
  await clock.advance(60_000);
  controller.abort();
  await ended;
  return at;
}

test('an end that is listed at once is looked at a few times', async () => {
  expect(await looks(0)).toEqual([0, 20, 150, 1000]);
});

test.each([30, 60, 90, 120])('an end that is listed %i ms late, as most are, is seen within 40 ms', async (listedMs) => {
  const seen = (await looks(listedMs)).find((ms) => ms >= listedMs);
  expect((seen ?? Number.POSITIVE_INFINITY) - listedMs).toBeLessThanOrEqual(40);
});

test.each([1500, 6000, 11_000])('an end that is listed %i ms late is seen soon after', async (listedMs) => {
  const seen = (await looks(listedMs)).find((ms) => ms >= listedMs);
  expect(seen).toBeDefined();
  expect((seen ?? 0) - listedMs).toBeLessThanOrEqual(listedMs);
});

test('a container that seems to run for ever is left to the relist', async () => {
  const all = await looks(Number.POSITIVE_INFINITY);
  expect(all.length).toBeLessThan(16);
  expect(all.at(-1)).toBeLessThan(45_000);
});
