// The heap against sorting.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Heap } from './heap.ts';

test('gives what was pushed in order, however pushes and pops are mixed', () => {
  const op = fc.oneof(fc.integer({ min: -50, max: 50 }), fc.constant('pop' as const));
  fc.assert(
    fc.property(fc.array(op, { maxLength: 200 }), (ops) => {
      const heap = new Heap<number>((a, b) => a < b);
      let model: number[] = [];
      for (const op of ops) {
        if (op === 'pop') {
          expect(heap.peek()).toBe(model[0]);
          expect(heap.pop()).toBe(model[0]);
          model = model.slice(1);
        } else {
          heap.push(op);
          model = [...model, op].sort((a, b) => a - b);
        }
        expect(heap.size).toBe(model.length);
      }
      expect(Array.from(model, () => heap.pop())).toEqual(model);
      expect(heap.pop()).toBeUndefined();
    }),
  );
});

test('ties are broken by the order given', () => {
  const heap = new Heap<{ at: number; n: number }>((a, b) => a.at < b.at || (a.at === b.at && a.n < b.n));
  for (let n = 0; n < 20; n++) heap.push({ at: n % 2, n });
  const order = Array.from({ length: 20 }, () => heap.pop()?.n);
  expect(order).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
});
