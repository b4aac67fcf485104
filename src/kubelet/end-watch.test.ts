// Ends that the runtime tells before it shows them: who is looked at, how often, and when the pod is woken.
import { expect, test } from 'vitest';
import { silentLogger, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { type Container, type ContainerStatus, RuntimeError, type SandboxStatus } from './cri/runtime.ts';
import { createEndWatch, type EndWatchOptions } from './end-watch.ts';

interface Case {
  /** When the runtime shows the end of each, in milliseconds after it told it; undefined: it knows it no more. */
  readonly shownMs: readonly (number | undefined)[];
  readonly sandbox?: boolean;
  readonly down?: boolean;
}

/** All end at 0. Gives when each was shown to the owner, and the number of calls, within a minute. */
async function watch({ shownMs, sandbox, down }: Case) {
  const clock = new VirtualClock({ settle: turn });
  const controller = new AbortController();
  const { signal } = controller;
  const beganMs = clock.monotonicMs();
  const ms = () => clock.monotonicMs() - beganMs;
  const calls = { status: 0, list: 0 };
  const shown: number[] = [];
  const isLive = (id: string) => {
    if (down) throw new RuntimeError('unavailable', 'down');
    const atMs = shownMs[Number(id)];
    if (atMs === undefined) throw new RuntimeError('notFound', id);
    return ms() < atMs;
  };
  const runtime = {
    async containerStatus(id: string) {
      calls.status++;
      return { state: isLive(id) ? 'running' : 'exited' } as ContainerStatus;
    },
    async sandboxStatus(id: string) {
      calls.status++;
      return { state: isLive(id) ? 'ready' : 'notReady' } as SandboxStatus;
    },
    listSandboxes: async () => [],
    async listContainers() {
      calls.list++;
      return shownMs.map((_, i) => ({ id: String(i), state: isLive(String(i)) ? 'running' : 'exited' }) as Container);
    },
  } satisfies EndWatchOptions['runtime'];
  const onShown: EndWatchOptions['onShown'] = ({ sandboxId, containerId }) => {
    shown[Number(containerId ?? sandboxId)] = ms();
  };
  const ends = createEndWatch({ runtime, clock, log: silentLogger, signal, onShown });
  const running = ends.run();
  shownMs.forEach((_, i) => {
    ends.add(sandbox ? { sandboxId: String(i), containerId: undefined } : { sandboxId: 's', containerId: String(i) });
  });
  await clock.advance(60_000);
  controller.abort();
  await running;
  return { shown, calls };
}

test('an end that is shown at once takes one look', async () => {
  expect(await watch({ shownMs: [0] })).toEqual({ shown: [0], calls: { status: 1, list: 0 } });
});

test.each([
  [30, 5, 8],
  [63, 8, 14],
  [120, 15, 19],
  [1500, 190, 42],
  [11_000, 1400, 60],
])('an end that is shown after %i ms is seen at most %i ms later, with at most %i looks', async (shownMs, lateMs, looks) => {
  const { shown, calls } = await watch({ shownMs: [shownMs] });
  expect((shown[0] ?? Number.POSITIVE_INFINITY) - shownMs).toBeGreaterThanOrEqual(0);
  expect((shown[0] ?? Number.POSITIVE_INFINITY) - shownMs).toBeLessThanOrEqual(lateMs);
  expect(calls.status).toBeLessThanOrEqual(looks);
});

test('a sandbox is looked at as a sandbox', async () => {
  expect((await watch({ shownMs: [20], sandbox: true })).shown).toEqual([20]);
});

test('what the runtime no longer knows has ended', async () => {
  expect((await watch({ shownMs: [undefined] })).shown).toEqual([0]);
});

test('many that end together are looked at by one listing', async () => {
  const { shown, calls } = await watch({ shownMs: Array.from({ length: 100 }, () => 63) });
  expect(shown).toHaveLength(100);
  expect(calls.status).toBe(0);
  expect(calls.list).toBeLessThanOrEqual(14);
});

test.each([1, 20])('%i that are never shown as ended are left to the relist, and cost few looks', async (count) => {
  const { shown, calls } = await watch({ shownMs: Array.from({ length: count }, () => Number.POSITIVE_INFINITY) });
  expect(shown).toEqual([]);
  expect(calls.status + calls.list).toBeLessThan(80);
});

test.each([1, 20])('a runtime that is away is not asked more often (%i ends)', async (count) => {
  const { shown, calls } = await watch({ shownMs: Array.from({ length: count }, () => 0), down: true });
  expect(shown).toEqual([]);
  expect(calls.status + calls.list).toBeLessThan(80);
});
