import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NodeRanges } from './plan.ts';

describe('NodeRanges', () => {
  test('parts are given in order, and none when all are in use', () => {
    const ranges = new NodeRanges('10.42.0.0/22');
    expect(Array.from({ length: 5 }, () => ranges.allocate())).toEqual([
      '10.42.0.0/24',
      '10.42.1.0/24',
      '10.42.2.0/24',
      '10.42.3.0/24',
      undefined,
    ]);
  });

  test('what has come free is the last to be given again, but to whom asks for it', () => {
    const ranges = new NodeRanges('10.42.0.0/22');
    ranges.allocate();
    ranges.release('10.42.0.0/24');
    expect(ranges.allocate()).toBe('10.42.1.0/24');
    expect(ranges.allocate('10.42.0.0/24')).toBe('10.42.0.0/24');
    expect(ranges.allocate('10.42.0.0/24')).toBe('10.42.2.0/24');
  });

  test.each([
    ['a part', '10.42.0.0/24', '10.42.1.0/24'],
    ['a piece of a part', '10.42.0.128/25', '10.42.1.0/24'],
    ['several parts', '10.42.0.0/23', '10.42.2.0/24'],
    ['everything', '10.0.0.0/8', undefined],
    ['a range elsewhere', '10.41.255.0/24', '10.42.0.0/24'],
    ['the range after', '10.42.4.0/24', '10.42.0.0/24'],
    ['an IPv6 range', 'fd00::/64', '10.42.0.0/24'],
    ['no range at all', 'nonsense', '10.42.0.0/24'],
  ])('%s that a node has already (%s) is passed over', (_what, cidr, expected) => {
    const ranges = new NodeRanges('10.42.0.0/22');
    ranges.occupy(cidr);
    expect(ranges.allocate()).toBe(expected);
  });

  test('parts of an IPv6 range are /64', () => {
    const ranges = new NodeRanges('fd00:42::/63');
    ranges.occupy('10.42.0.0/24');
    expect([ranges.allocate(), ranges.allocate(), ranges.allocate()]).toEqual(['fd00:42::/64', 'fd00:42:0:1::/64', undefined]);
    ranges.release('fd00:42:0:1::/64');
    expect([ranges.isFree('fd00:42:0:1::5/128'), ranges.isFree('fd00:42::/64'), ranges.allocate()]).toEqual([
      true,
      false,
      'fd00:42:0:1::/64',
    ]);
    expect(new NodeRanges('fd00:42::/112').allocate()).toBe('fd00:42::/112');
  });

  test('a range as small as a part is one part', () => {
    const ranges = new NodeRanges('10.9.3.0/24');
    expect([ranges.allocate(), ranges.allocate()]).toEqual(['10.9.3.0/24', undefined]);
  });

  test('no part is given twice, whatever is taken and released', () => {
    const step = fc.oneof(fc.constant('take' as const), fc.nat(15));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
        const ranges = new NodeRanges('10.0.0.0/21');
        const held: string[] = [];
        for (const one of steps) {
          if (one === 'take') {
            const cidr = ranges.allocate();
            expect(cidr === undefined).toBe(held.length === 8);
            if (cidr === undefined) continue;
            expect(held).not.toContain(cidr);
            held.push(cidr);
          } else {
            const [cidr] = held.splice(one % Math.max(1, held.length), 1);
            if (cidr !== undefined) ranges.release(cidr);
          }
        }
      }),
    );
  });
});
