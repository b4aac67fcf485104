// The cache of foreign answers.
import { expect, test } from 'vitest';
import { VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { createCache } from './forwarder.ts';
import { type DnsRecord, encodeAnswer, encodeQuestion, parseQuery, readAnswer, recordTypes } from './wire.ts';

function answerWith(answers: readonly DnsRecord[], authority: readonly DnsRecord[] = [], code = 0): Buffer {
  const asked = encodeQuestion(1, 'example.com', recordTypes.A);
  const parsed = parseQuery(asked);
  if (parsed.is !== 'query') throw new Error('no query');
  return encodeAnswer(
    asked,
    parsed.query,
    { code, authoritative: false, recursionAvailable: true, answers, authority, additional: [] },
    512,
  );
}

const address = (ttlSeconds: number): DnsRecord => ({ name: 'example.com', ttlSeconds, data: { type: 'A', address: '203.0.113.1' } });
const soa = (minimumSeconds: number): DnsRecord => ({
  name: 'com',
  ttlSeconds: 900,
  data: { type: 'SOA', primary: 'a', mailbox: 'b', serial: 1, minimumSeconds },
});

test('answers are kept as long as their shortest record, and grow older in the cache', async () => {
  const clock = new VirtualClock({ settle: turn });
  const cache = createCache(clock);
  cache.put('k', answerWith([address(20), address(10)]));
  await clock.advance(4_000);
  expect(readAnswer(cache.get('k') ?? Buffer.alloc(0))?.ttlSeconds).toBe(6);
  await clock.advance(6_000);
  expect(cache.get('k')).toBeUndefined();
});

test('that there is nothing is kept as long as its zone says; failures never', async () => {
  const clock = new VirtualClock({ settle: turn });
  const cache = createCache(clock);
  cache.put('nothing', answerWith([], [soa(5)], 3));
  cache.put('unsaid', answerWith([], [], 3));
  cache.put('failed', answerWith([], [soa(5)], 2));
  expect([cache.get('nothing') !== undefined, cache.get('unsaid'), cache.get('failed')]).toEqual([true, undefined, undefined]);
  await clock.advance(5_000);
  expect(cache.get('nothing')).toBeUndefined();
});

test('nothing is kept for longer than half a minute, and no more than fits', async () => {
  const clock = new VirtualClock({ settle: turn });
  const cache = createCache(clock);
  cache.put('k', answerWith([address(86_400)]));
  await clock.advance(29_999);
  expect(cache.get('k')).toBeDefined();
  await clock.advance(1);
  expect(cache.get('k')).toBeUndefined();
  for (let i = 0; i < 10_001; i++) cache.put(`k${i}`, answerWith([address(60)]));
  expect([cache.get('k0'), cache.get('k10000') !== undefined]).toEqual([undefined, true]);
});
