// The bounded queue: order, the bound, and the three ways in which it ends.
import { describe, expect, test } from 'vitest';
import { BoundedQueue } from './bounded-queue.ts';
import { turn } from './ports/clock.ts';
import { Slices } from './slices.ts';
import { VirtualClock } from './virtual-clock.ts';

async function drain<T>(queue: BoundedQueue<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of queue) items.push(item);
  return items;
}

describe('BoundedQueue', () => {
  test('gives items in order to a consumer that waits, and to one that comes later', async () => {
    const queue = new BoundedQueue<number>(10);
    const waiting = drain(queue);
    for (let i = 0; i < 5; i++) {
      expect(queue.push(i)).toBe(true);
      await Promise.resolve();
    }
    queue.push(5);
    queue.close();
    expect(await waiting).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('refuses beyond its bound, and takes again once there is room', async () => {
    const queue = new BoundedQueue<number>(2);
    expect([queue.push(1), queue.push(2), queue.push(3)]).toEqual([true, true, false]);
    expect(queue.size).toBe(2);
    const iterator = queue[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toBe(1);
    expect(queue.push(4)).toBe(true);
    expect(queue.takeAll()).toEqual([2, 4]);
    expect(queue.size).toBe(0);
  });

  test('fail gives what is queued, then the error', async () => {
    const queue = new BoundedQueue<number>(5);
    queue.push(1);
    queue.fail(new Error('over'));
    expect(queue.push(2)).toBe(false);
    expect(queue.closed).toBe(true);
    const seen: number[] = [];
    const reading = (async () => {
      for await (const item of queue) seen.push(item);
    })();
    await expect(reading).rejects.toThrow('over');
    expect(seen).toEqual([1]);
    queue.close(); // The first end stands.
    await expect(queue.ready()).rejects.toThrow('over');
  });

  test('closes with a signal, also one that has fired', async () => {
    const stop = new AbortController();
    const queue = new BoundedQueue<number>(5);
    queue.closeOn(stop.signal);
    const waiting = drain(queue);
    stop.abort();
    expect(await waiting).toEqual([]);
    const late = new BoundedQueue<number>(5);
    late.closeOn(stop.signal);
    expect(late.closed).toBe(true);
  });

  test('with slices so many consumers go on in a turn, and those that wait meanwhile find all that has come, in order', async () => {
    let endTurn = () => {};
    const clock = new VirtualClock({ settle: turn });
    clock.yield = () =>
      new Promise((resolve) => {
        endTurn = resolve;
      });
    const slices = new Slices(clock, 2);
    const queues = Array.from({ length: 5 }, () => new BoundedQueue<number>(10, slices));
    const taken: number[][][] = queues.map(() => []);
    const read = async (queue: BoundedQueue<number>, into: number[][]) => {
      while (await queue.ready()) into.push(queue.takeAll());
    };
    const reading = Promise.all(queues.map((queue, at) => read(queue, taken[at] ?? [])));
    await turn();
    const next = async () => {
      endTurn();
      await turn();
    };
    for (const queue of queues) queue.push(1);
    await turn();
    expect(taken.map((batches) => batches.length)).toEqual([1, 1, 0, 0, 0]);
    for (const queue of queues) queue.push(2);
    await next();
    expect(taken).toEqual([[[1]], [[1]], [[1, 2]], [[1, 2]], []]);
    await next();
    expect(taken).toEqual([[[1], [2]], [[1]], [[1, 2]], [[1, 2]], [[1, 2]]]);
    for (const queue of queues) queue.close();
    for (let turns = 0; turns < 6; turns++) await next();
    await reading;
    expect(taken.map((batches) => batches.flat())).toEqual(queues.map(() => [1, 2]));
  });

  test('thousands of items through a small window stay in order', async () => {
    const queue = new BoundedQueue<number>(2000);
    const total = 20_000;
    const reading = drain(queue);
    for (let sent = 0; sent < total; ) {
      if (queue.push(sent)) sent++;
      else await Promise.resolve();
    }
    queue.close();
    expect(await reading).toEqual(Array.from({ length: total }, (_, i) => i));
  });
});
