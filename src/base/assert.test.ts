// Broken invariants are Bugs with words.
import { expect, test } from 'vitest';
import { assert, Bug, unreachable } from './assert.ts';

test('assert lets what is truthy through and throws a Bug otherwise', () => {
  assert(1, 'fine');
  expect(() => assert(0, 'revision went back')).toThrow(new Bug('revision went back'));
});

test('unreachable names what it did not expect', () => {
  expect(() => unreachable({ at: 'nowhere' } as never, 'state')).toThrow('state: unexpected {"at":"nowhere"}');
});
