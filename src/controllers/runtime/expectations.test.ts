// Expectations hold a controller back until its cache shows what it did, and no longer than five minutes.
import { expect, test } from 'vitest';
import { VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { createExpectations } from './expectations.ts';

const setup = () => {
  const clock = new VirtualClock({ settle: turn });
  return { clock, expectations: createExpectations(clock) };
};

test('are met when everything has been seen, in any order', () => {
  const { expectations } = setup();
  expect(expectations.met('a')).toBe(true);
  expectations.expectCreations('a', 2);
  expectations.expectDeletions('a', ['x', 'y']);
  expectations.deletionObserved('a', 'y');
  expectations.creationObserved('a');
  expectations.deletionObserved('a', 'x');
  expect(expectations.met('a')).toBe(false);
  expectations.creationObserved('a');
  expect(expectations.met('a')).toBe(true);
});

test('count a deletion once, and not one that nobody expected', () => {
  const { expectations } = setup();
  expectations.expectDeletions('a', ['x', 'y']);
  for (const dependent of ['x', 'x', 'z']) expectations.deletionObserved('a', dependent);
  expect(expectations.met('a')).toBe(false);
  expectations.deletionObserved('b', 'y');
  expect(expectations.met('a')).toBe(false);
});

test('of nothing are met at once', () => {
  const { expectations } = setup();
  expectations.expectCreations('a', 0);
  expectations.expectDeletions('a', []);
  expect(expectations.met('a')).toBe(true);
});

test('are given up after five minutes, and forgotten with their owner', async () => {
  const { clock, expectations } = setup();
  expectations.expectCreations('a', 1);
  expectations.expectCreations('b', 1);
  expectations.forget('b');
  expect(expectations.met('b')).toBe(true);
  await clock.advance(299_999);
  expect(expectations.met('a')).toBe(false);
  await clock.advance(1);
  expect(expectations.met('a')).toBe(true);
});
