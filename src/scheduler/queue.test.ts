import { beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { createNodeResourcesFit } from './plugins/node-resources-fit.ts';
import { schedulingGates } from './plugins/scheduling-gates.ts';
import { SchedulingQueue } from './queue.ts';
import { makeNode, makePod } from './testing.fake.ts';

let clock: VirtualClock;
let queue: SchedulingQueue;
beforeEach(() => {
  clock = new VirtualClock({ settle: turn });
  queue = new SchedulingQueue({ clock, plugins: [schedulingGates, createNodeResourcesFit()], onReady: () => {} });
});
const popName = () => queue.pop()?.pod.metadata?.name;
const fit = new Set(['NodeResourcesFit']);

describe('SchedulingQueue', () => {
  test('pods come by priority, then by arrival, each once', () => {
    for (const [name, priority] of [
      ['a', 0],
      ['b', 10],
      ['c', 0],
    ] as const)
      queue.set(makePod(name, { priority }));
    queue.set(makePod('a', { priority: 0 }));
    expect([popName(), popName(), popName(), popName()]).toEqual(['b', 'a', 'c', undefined]);
  });

  test('a pod that no node fits waits for an event that helps, and for its back-off', async () => {
    queue.set(makePod('a', { cpu: '2' }));
    const pod = queue.pop()?.pod ?? makePod('x');
    queue.failed(pod, fit);
    queue.happened({ is: 'nodeAdded', node: makeNode('small', { cpu: '1' }) });
    await clock.advance(60_000);
    expect(popName()).toBeUndefined();
    queue.happened({ is: 'nodeAdded', node: makeNode('big', { cpu: '8' }) });
    expect(popName()).toBe('a');
  });

  test('an event right after the failure waits out the first second', async () => {
    queue.set(makePod('a'));
    queue.failed(queue.pop()?.pod ?? makePod('x'), fit);
    queue.happened({ is: 'podGone', pod: makePod('gone') });
    await clock.advance(999);
    expect(popName()).toBeUndefined();
    await clock.advance(1);
    expect(popName()).toBe('a');
  });

  test('a pod for which others are told to go is not tried before all of them have been told', async () => {
    queue.set(makePod('a'));
    const pod = queue.pop()?.pod ?? makePod('x');
    queue.failed(pod, fit);
    queue.hold(pod);
    queue.happened({ is: 'podGone', pod: makePod('gone') });
    await clock.advance(5_000);
    expect(popName()).toBeUndefined();
    queue.release(pod);
    expect(popName()).toBe('a');
    queue.failed(pod, fit);
    queue.hold(pod);
    queue.release(pod);
    await clock.advance(5_000);
    expect(popName()).toBeUndefined();
    queue.happened({ is: 'podGone', pod: makePod('gone') });
    expect(popName()).toBe('a');
  });

  test('the back-off doubles up to ten seconds', async () => {
    queue.set(makePod('a'));
    for (const waitMs of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
      queue.retryLater(queue.pop()?.pod ?? makePod('x'));
      await clock.advance(waitMs - 1);
      expect(queue.pop()).toBeUndefined();
      await clock.advance(1);
    }
    expect(popName()).toBe('a');
  });

  test('without any event a pod is tried again after five minutes', async () => {
    queue.set(makePod('a'));
    queue.failed(queue.pop()?.pod ?? makePod('x'), fit);
    await clock.advance(5 * 60_000);
    expect(popName()).toBe('a');
  });

  test('a gated pod waits for its gates alone', async () => {
    queue.set(makePod('a', { schedulingGates: [{ name: 'g' }] }));
    queue.happened({ is: 'nodeAdded', node: makeNode('n') });
    expect(popName()).toBeUndefined();
    const open = makePod('a');
    queue.set({ ...open, metadata: { ...open.metadata, generation: 2 } });
    await clock.advance(1_000);
    expect(popName()).toBe('a');
  });

  test('a deleted pod is not given out, and no timer is left', () => {
    queue.set(makePod('a'));
    queue.set(makePod('b'));
    queue.delete(makePod('a'));
    queue.failed(queue.pop()?.pod ?? makePod('x'), fit);
    queue.close();
    expect([queue.size, popName(), clock.timers]).toEqual([0, undefined, 0]);
  });
});
