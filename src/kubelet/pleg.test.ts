// The runtime's events: which pod is woken by which, and when everything is looked at.
import { expect, test } from 'vitest';
import { SeededRandom, silentLogger, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import type { ContainerRuntime, ContainerStatus, RuntimeEvent } from './cri/runtime.ts';
import { followEvents } from './pleg.ts';
import type { PodManager } from './pod-manager.ts';

/**
 * Of a container that is shown as ended `shownMs` after the event. Sandbox `s` is known, and `new` is so 50 ms later. Gives what was done when
 * within a minute.
 */
async function follow(event: Partial<RuntimeEvent>, shownMs = 0): Promise<string[]> {
  const clock = new VirtualClock({ settle: turn });
  const controller = new AbortController();
  const done: string[] = [];
  const beganMs = clock.monotonicMs();
  const ms = () => clock.monotonicMs() - beganMs;
  const pods = {
    wakeSandbox: (id: string) => {
      done.push(`wake ${id} ${ms()}`);
      return id === 's';
    },
    knowsSandbox: (id) => id === 'new' && ms() >= 50,
    wakeAll: () => void done.push('wake all'),
  } as Partial<PodManager> as PodManager;
  const runtime = {
    async *events(signal: AbortSignal) {
      yield { sandboxId: 's', containerId: 'c', type: 'stopped', ...event } satisfies RuntimeEvent;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    },
    containerStatus: async () => ({ state: ms() < shownMs ? 'running' : 'exited' }) as ContainerStatus,
  } as Partial<ContainerRuntime> as ContainerRuntime;
  const random = new SeededRandom(1);
  const { signal } = controller;
  const relistSoon = () => void done.push('relist');
  const ended = followEvents({ runtime, pods, clock, random, log: silentLogger, signal, relistSoon });
  await clock.advance(60_000);
  controller.abort();
  await ended;
  return done;
}

test.each<[string, Partial<RuntimeEvent>, number, string[]]>([
  ['a start wakes its pod at once', { type: 'started' }, 0, ['wake s 0']],
  ['memory that ran out wakes its pod at once', { type: 'oom' }, 0, ['wake s 0']],
  ['an end that is shown wakes its pod once', {}, 0, ['wake s 0']],
  ['an end wakes its pod when the runtime shows it', {}, 30, ['wake s 30']],
  ['a start in a pod that nobody knows leads to a relist', { type: 'started', sandboxId: 'x' }, 0, ['wake x 0', 'relist']],
  ['an end in a pod that nobody knows leads to a relist', { sandboxId: 'x' }, 0, ['wake x 0', 'relist']],
  ['a sandbox that its pod is about to see leads to nothing', { type: 'created', sandboxId: 'new' }, 0, ['wake new 0']],
  ['a deletion in a pod that nobody knows leads to nothing', { type: 'deleted', sandboxId: 'x' }, 0, ['wake x 0']],
  ['after a gap everything is looked at', { type: 'unknown' }, 0, ['wake all', 'relist']],
])('%s', async (_, event, shownMs, done) => {
  expect(await follow(event, shownMs)).toEqual(done);
});
