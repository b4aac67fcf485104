// What an address to listen on means to those who connect.
import { expect, test } from 'vitest';
import { joinUrlOf, reachableAt, urlOf } from './bind-address.ts';

test.each<[string, readonly string[], string]>([
  ['192.0.2.7', ['198.51.100.1'], 'https://192.0.2.7:6443'],
  ['0.0.0.0', ['198.51.100.1', 'fd00::1'], 'https://198.51.100.1:6443'],
  ['::', ['fd00::1', '198.51.100.1'], 'https://198.51.100.1:6443'],
  ['::', ['fd00::1'], 'https://[fd00::1]:6443'],
  ['127.0.0.1', ['198.51.100.1'], 'https://127.0.0.1:6443'],
  // A machine without a network: nobody joins it.
  ['0.0.0.0', [], 'https://127.0.0.1:6443'],
])('a server on %s of a machine with %j is joined at %s', (bindAddress, own, expected) => {
  expect(joinUrlOf(bindAddress, 6443, own)).toBe(expected);
});

test('programs of the machine itself go by loopback where the server is everywhere', () => {
  expect([urlOf('0.0.0.0', 1), urlOf('192.0.2.7', 1)]).toEqual(['https://127.0.0.1:1', 'https://192.0.2.7:1']);
  expect(reachableAt('192.0.2.7', ['198.51.100.1', '192.0.2.7'])).toEqual(['192.0.2.7', '198.51.100.1']);
});
