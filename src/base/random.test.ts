// Seeded chance: fixed vectors, so that a seed that is written down replays for ever, on every machine.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { systemRandom } from './ports/random.ts';
import { fnv1a, formatUuid, SeededRandom } from './random.ts';

describe('SeededRandom', () => {
  test('gives the same numbers for the same seed, for ever', () => {
    const random = new SeededRandom(42);
    expect([random.u32(), random.u32(), random.u32(), random.u32()]).toEqual([551_831_576, 144_025_891, 322_543_647, 3_034_809_370]);
    expect(new SeededRandom(42).uuid()).toBe('18231f1a-2acf-4c67-8010-6c4d6bfc8510');
    expect([...new SeededRandom(7).bytes(4)]).toEqual([9, 101, 234, 71]);
    expect(new SeededRandom(42).child('net').u32()).toBe(2_638_916_448);
  });

  test('a child does not depend on what was drawn, nor disturb it', () => {
    const plain = new SeededRandom(1);
    const withChild = new SeededRandom(1);
    plain.u32();
    withChild.u32();
    const late = withChild.child('disk');
    late.u32();
    expect(withChild.u32()).toBe(plain.u32());
    expect(new SeededRandom(1).child('disk').u32()).not.toBe(new SeededRandom(1).child('net').u32());
    expect(new SeededRandom(1).child('disk').u32()).toBe(new SeededRandom(1).child('disk').u32());
  });

  test('stays within its bounds', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 2 ** 31 }), (seed, limit) => {
        const random = new SeededRandom(seed);
        for (let i = 0; i < 20; i++) {
          const below = random.below(limit);
          expect(Number.isInteger(below) && below >= 0 && below < limit).toBe(true);
          const fraction = random.fraction();
          expect(fraction >= 0 && fraction < 1).toBe(true);
        }
      }),
    );
    expect(() => new SeededRandom(1).below(0)).toThrow('positive integer');
  });

  test('spreads its draws evenly', () => {
    const random = new SeededRandom(3);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const bucket = random.below(10);
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});

describe('formatUuid', () => {
  test('sets version and variant', () => {
    expect(formatUuid(new Uint8Array(16))).toBe('00000000-0000-4000-8000-000000000000');
    expect(formatUuid(new Uint8Array(16).fill(255))).toBe('ffffffff-ffff-4fff-bfff-ffffffffffff');
    expect(() => formatUuid(new Uint8Array(15))).toThrow('16 bytes');
  });

  test('the machine’s own chance gives such UUIDs too, and never the same', () => {
    const uuids = Array.from({ length: 100 }, () => systemRandom.uuid());
    expect(new Set(uuids).size).toBe(100);
    for (const uuid of uuids) expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });
});

// The vectors of the hash's authors.
test.each([
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['foobar', 0xbf9cf968],
])('fnv1a(%j)', (text, hash) => expect(fnv1a(text)).toBe(hash));
