import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bool, bytes, field, int32, int64, message, ProtobufError, repeated, string, stringMap, uint64 } from './mod.ts';

const inner = message({ name: field(1, string), attempt: field(2, int32) });
const outer = message({
  text: field(1, string),
  flag: field(2, bool),
  small: field(3, int32),
  large: field(4, int64),
  unsigned: field(16, uint64),
  data: field(6, bytes),
  one: field(7, inner),
  many: repeated(8, inner),
  words: repeated(9, string),
  numbers: repeated(10, int64),
  map: stringMap(11),
});

const hex = (text: string) => Buffer.from(text.replace(/ /g, ''), 'hex');

describe('protobuf', () => {
  // Bytes as in the examples of the encoding's own description.
  test.each([
    ['a varint of two bytes', message({ a: field(1, int32) }), { a: 150 }, '08 96 01'],
    ['a string', message({ b: field(2, string) }), { b: 'testing' }, '12 07 74 65 73 74 69 6e 67'],
    ['a message in a message', message({ c: field(3, message({ a: field(1, int32) })) }), { c: { a: 150 } }, '1a 03 08 96 01'],
    ['a negative number in ten bytes', message({ a: field(1, int64) }), { a: -2 }, '08 fe ff ff ff ff ff ff ff ff 01'],
    ['zero values as nothing', outer, { text: '', flag: false, small: 0, large: 0n, many: [], map: {} }, ''],
    ['an empty message as present', outer, { one: {} }, '3a 00'],
    ['a map as a repeated message', message({ m: stringMap(7) }), { m: { a: 'b' } }, '3a 06 0a 01 61 12 01 62'],
  ])('writes %s', (_, kind, value, expected) => {
    expect(kind.encode(value as never).toString('hex')).toBe(expected.replace(/ /g, ''));
  });

  test('reads absent fields as zero values', () => {
    expect(outer.decode(new Uint8Array(0))).toEqual({
      text: '',
      flag: false,
      small: 0,
      large: 0n,
      unsigned: 0n,
      data: new Uint8Array(0),
      one: undefined,
      many: [],
      words: [],
      numbers: [],
      map: {},
    });
  });

  test('passes over fields that it does not know, of every wire type', () => {
    const known = message({ a: field(5, int32) });
    expect(known.decode(hex('08 01  11 0102030405060708  1a 02 aabb  25 01020304  28 07'))).toEqual({ a: 7 });
  });

  test('reads packed numbers as unpacked ones', () => {
    const numbers = message({ n: repeated(1, int64) });
    expect(numbers.decode(hex('0a 03 03 8e 02')).n).toEqual([3n, 270n]);
    expect(numbers.decode(hex('08 03 08 8e 02')).n).toEqual([3n, 270n]);
  });

  test('a map entry named __proto__ is an ordinary one', () => {
    const { map } = outer.decode(outer.encode({ map: Object.fromEntries([['__proto__', 'x']]) }));
    expect(Object.entries(map)).toEqual([['__proto__', 'x']]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test.each([
    ['a value beyond the end', '12 07 74'],
    ['a tag without a value', '08'],
    ['a varint without an end', '08 ff ff ff ff ff ff ff ff ff ff ff 01'],
    ['a group', '0b'],
  ])('refuses %s', (_, input) => {
    expect(() => outer.decode(hex(input))).toThrow(ProtobufError);
  });

  test('what is written is read back', () => {
    const int64s = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const inners = fc.record({ name: fc.string(), attempt: fc.integer() });
    const values = fc.record({
      text: fc.string({ unit: 'binary' }),
      flag: fc.boolean(),
      small: fc.integer(),
      large: int64s,
      unsigned: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      data: fc.uint8Array(),
      one: fc.option(inners, { nil: undefined }),
      many: fc.array(inners),
      words: fc.array(fc.string({ unit: 'binary' })),
      numbers: fc.array(int64s),
      map: fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), { noNullPrototype: true }),
    });
    fc.assert(
      fc.property(values, (value) => {
        expect(outer.decode(outer.encode(value))).toEqual(value);
      }),
    );
  });

  test('any bytes are read or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
        try {
          outer.decode(input);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtobufError);
        }
      }),
    );
  });
});
