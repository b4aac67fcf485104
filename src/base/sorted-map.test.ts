// The sorted map against a plain map that is sorted anew each time.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SortedMap } from './sorted-map.ts';

const keys = (map: SortedMap<number>, from = '', to?: string): string[] => {
  const found: string[] = [];
  map.visit(from, to, (key) => {
    found.push(key);
    return true;
  });
  return found;
};

describe('SortedMap', () => {
  test('behaves as a sorted plain map', () => {
    const word = fc.stringMatching(/^[a-c]{1,3}$/);
    const op = fc.record({ do: fc.constantFrom('set', 'set', 'delete'), key: word });
    fc.assert(
      fc.property(fc.array(op, { maxLength: 80 }), word, fc.option(word, { nil: undefined }), (ops, from, to) => {
        const map = new SortedMap<number>();
        const model = new Map<string, number>();
        for (const [i, { do: what, key }] of ops.entries()) {
          if (what === 'set') {
            map.set(key, i);
            model.set(key, i);
          } else expect(map.delete(key)).toBe(model.delete(key));
        }
        const sorted = [...model.keys()].sort();
        const within = sorted.filter((key) => key >= from && (to === undefined || key < to));
        expect(map.size).toBe(model.size);
        expect(keys(map)).toEqual(sorted);
        expect(keys(map, from, to)).toEqual(within);
        expect(map.count(from, to)).toBe(within.length);
        for (const key of [...sorted, from]) expect(map.get(key)).toBe(model.get(key));
      }),
    );
  });

  test('stays right over many chunks, in any order of insertion and removal', () => {
    const map = new SortedMap<number>();
    const all = Array.from({ length: 5000 }, (_, i) => String((i * 2_654_435_761) % 2 ** 32).padStart(10, '0'));
    for (const [i, key] of all.entries()) map.set(key, i);
    const sorted = [...all].sort();
    expect(keys(map)).toEqual(sorted);
    expect(map.count(sorted[1000] ?? '', sorted[4000])).toBe(3000);
    for (const key of all.slice(0, 4000)) expect(map.delete(key)).toBe(true);
    expect(keys(map)).toEqual(all.slice(4000).sort());
    expect(map.count('', undefined)).toBe(1000);
  });

  test('a visit ends when it is told to', () => {
    const map = new SortedMap<number>();
    for (let i = 0; i < 2000; i++) map.set(String(i).padStart(4, '0'), i);
    let visited = 0;
    map.visit('0500', undefined, () => ++visited < 700);
    expect(visited).toBe(700);
  });
});
