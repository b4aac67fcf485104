// Each checker finds the class of bug it is for, and nothing in a sound history.
import { describe, expect, test } from 'vitest';
import { type Attempt, brokenPromises, checkers, type History, type Told } from './history.ts';

const event = (revision: number, key: string, value: string, type: 'ADDED' | 'MODIFIED' | 'DELETED' = 'ADDED'): Told => ({
  is: 'event',
  type,
  key,
  revision,
  value,
});
const attempt = (revision: number, over: Partial<Attempt> = {}): Attempt => ({
  client: 'w1',
  key: 'a',
  do: 'update',
  value: `v${revision}`,
  ifRevision: undefined,
  startMs: revision * 10,
  endMs: revision * 10 + 5,
  outcome: { is: 'done', revision },
  ...over,
});

const told = [event(1, 'a', 'v1'), event(2, 'a', 'v2', 'MODIFIED'), event(3, 'b', 'v3'), event(4, 'b', 'v3', 'DELETED')];
const sound: History = {
  attempts: [
    attempt(1, { do: 'create' }),
    attempt(2, { ifRevision: 1 }),
    attempt(3, { key: 'b', do: 'create' }),
    attempt(4, { key: 'b', do: 'delete', value: '', ifRevision: 3 }),
    attempt(5, { value: 'lost', outcome: { is: 'unknown' } }),
    attempt(6, { value: 'stale', outcome: { is: 'refused' } }),
  ],
  reads: [
    { client: 'r', key: 'a', startMs: 22, revision: 1 },
    { client: 'r', key: 'a', startMs: 30, revision: 2 },
    { client: 'r', key: 'b', startMs: 100, revision: undefined },
  ],
  watched: [
    { watcher: 'x', told: [...told, { is: 'bookmark', revision: 7 }] },
    { watcher: 'y', told },
  ],
  standing: new Map([['a', { revision: 2, value: 'v2' }]]),
};

const withTold = (...own: Told[]): History => ({ ...sound, watched: [{ watcher: 'x', told: own }, sound.watched[1] as never] });
const [first, second, third, fourth] = told as [Told, Told, Told, Told];

test('a sound history breaks no promise', () => {
  expect(brokenPromises(sound)).toEqual([]);
});

describe('what is found', () => {
  test.each<[keyof typeof checkers, string, History]>([
    ['ordered', 'x was told 2 after 3', withTold(first, third, second, fourth)],
    ['unique', 'x was told 2 twice', withTold(first, second, second, third, fourth)],
    ['reliable', 'x was not told MODIFIED a=v2 at 2', withTold(first, third, fourth)],
    [
      'reliable',
      'x was told ADDED b=other at 3, another ADDED b=v3 at 3',
      {
        ...withTold(first, second, event(3, 'b', 'other'), fourth),
        watched: [sound.watched[1] as never, { watcher: 'x', told: [first, second, event(3, 'b', 'other'), fourth] }],
      },
    ],
    ['reliable', 'nobody was told the update of a by w1, acknowledged at 9', { ...sound, attempts: [attempt(9)] }],
    [
      'bookmarkTrue',
      'x was told ADDED b=v3 at 3 after a bookmark at 3',
      withTold(first, second, { is: 'bookmark', revision: 3 }, third, fourth),
    ],
    ['wholeLives', 'x was told ADDED a=v2 at 2 of a key that was there', withTold(first, event(2, 'a', 'v2'), third, fourth)],
    ['wholeLives', 'x knows a as v2 at 2; it stands as v9 at 9', { ...sound, standing: new Map([['a', { revision: 9, value: 'v9' }]]) }],
    [
      'linearizable',
      'the update of a by w1 asked for 5 and was acknowledged at 2, which follows on 1',
      { ...sound, attempts: [attempt(2, { ifRevision: 5 })] },
    ],
    [
      'linearizable',
      'the create of a by w1 began after 2 was acknowledged, and came before it, at 1',
      { ...sound, attempts: [attempt(2), attempt(1, { do: 'create', startMs: 90, endMs: 95 })] },
    ],
    [
      'atMostOnce',
      'the update of a=v2 by w1, refused, happened 1 times',
      { ...sound, attempts: [attempt(2, { outcome: { is: 'refused' } })] },
    ],
    ['freshReads', 'r read a at 1 after 2 was acknowledged', { ...sound, reads: [{ client: 'r', key: 'a', startMs: 30, revision: 1 }] }],
  ])('%s: %s', (promise, problem, history) => {
    expect(checkers[promise](history)).toContain(problem);
  });
});
