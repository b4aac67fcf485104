// Ranges of pods: apart from each other, the same after a restart, free again with the pod's files.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemFiles as fs } from '../../base/ports/fs.ts';
import { createUserRanges } from './user-ranges.ts';

let podsDirectory = '';
beforeEach(async () => {
  podsDirectory = await mkdtemp(join(tmpdir(), 'minke-users-'));
});
afterEach(() => rm(podsDirectory, { recursive: true }));

const length = 65_536;

test('each pod has its own, also when they ask at once, and after a restart', async () => {
  const rangeOf = createUserRanges({ fs, podsDirectory });
  const given = await Promise.all(['a', 'b', 'c', 'a'].map(rangeOf));
  expect(given.map(({ hostId }) => hostId / length)).toEqual([1, 2, 3, 1]);
  expect(given[0]).toEqual({ hostId: length, length });
  const restarted = createUserRanges({ fs, podsDirectory });
  expect([await restarted('d'), await restarted('b')].map(({ hostId }) => hostId / length)).toEqual([4, 2]);
});

test("a pod's range is another's when its files are gone; none left is an error, and the next pod is not held up by it", async () => {
  const rangeOf = createUserRanges({ fs, podsDirectory, rangesMax: 2 });
  await rangeOf('a');
  await rangeOf('b');
  await expect(rangeOf('c')).rejects.toThrow('no range of user ids is left for the pod: 2 pods have one each');
  await fs.remove(join(podsDirectory, 'a'));
  expect(await rangeOf('c')).toEqual({ hostId: length, length });
});

test('a file that was not written whole is no choice', async () => {
  await fs.mkdir(join(podsDirectory, 'a'));
  await fs.write(join(podsDirectory, 'a/user-range'), '655');
  expect(await createUserRanges({ fs, podsDirectory })('a')).toEqual({ hostId: length, length });
});
