import { expect, test } from 'vitest';
import { silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { RuntimeError } from '../cri/runtime.ts';
import { createDiskUse } from './disk-use.ts';

const use = { mountpoint: '/images', usedBytes: 10, inodesUsed: 2 };
const space = { capacityBytes: 100, availableBytes: 40, inodes: 9, inodesFree: 3 };

function aDisk() {
  const clock = new VirtualClock({ settle: turn });
  let looks = 0;
  let down = false;
  const answer = async <T>(value: T): Promise<T> => {
    looks++;
    if (down) throw new RuntimeError('unavailable', 'it is down');
    return value;
  };
  const disk = createDiskUse({
    runtime: {
      listContainerStats: () =>
        answer([
          { id: 'a', writableLayer: use },
          { id: 'new', writableLayer: undefined },
        ]),
      imageFsInfo: () => answer(use),
    },
    fs: { space: async () => space },
    clock,
    log: silentLogger,
    signal: new AbortController().signal,
  });
  return {
    clock,
    disk,
    looks: () => looks,
    goDown: () => {
      down = true;
    },
  };
}

test('who asks at the same time shares a look; a later one looks anew', async () => {
  const { clock, disk, looks } = aDisk();
  const [first, second] = await Promise.all([disk.layers(), disk.layers()]);
  expect([...first]).toEqual([['a', use]]);
  expect(second).toBe(first);
  expect(looks()).toBe(1);
  await clock.advance(5001);
  await disk.layers();
  expect(looks()).toBe(2);
});

test('images have a file system of their own', async () => {
  expect(await aDisk().disk.images()).toEqual({ space, use });
});

test('a runtime that does not answer is one that knows nothing', async () => {
  const { disk, goDown } = aDisk();
  goDown();
  expect((await disk.layers()).size).toBe(0);
  expect(await disk.images()).toBeUndefined();
});
