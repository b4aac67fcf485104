import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  difference,
  equalSets,
  type FieldSet,
  hasPath,
  intersection,
  isEmptySet,
  leavesOf,
  membersOf,
  noFields,
  parseFieldSet,
  recursiveDifference,
  setOf,
  union,
} from './field-set.ts';
import { compareElements, elementText, keyElement, pathText, valueElement } from './path-element.ts';

const paths = fc.array(
  fc.array(fc.constantFrom('f:a', 'f:b', 'f:c', 'k:{"name":"x"}', 'k:{"name":"y","port":80}', 'v:"s"', 'v:3', 'i:10', 'i:9'), {
    minLength: 1,
    maxLength: 4,
  }),
  { maxLength: 8 },
);
const sets = paths.map((list) => setOf(...list));
const keys = (set: FieldSet) => membersOf(set).map((path) => path.join('/'));
const sortedKeys = (set: FieldSet) => keys(set).sort();

describe('laws', () => {
  test('a set is the set of its members', () => {
    fc.assert(
      fc.property(paths, (list) => {
        expect(sortedKeys(setOf(...list))).toEqual([...new Set(list.map((path) => path.join('/')))].sort());
      }),
    );
  });

  test('what is written reads back the same, in the same order', () => {
    fc.assert(
      fc.property(sets, (set) => {
        const text = JSON.stringify(set);
        expect(JSON.stringify(parseFieldSet(JSON.parse(text)))).toBe(text);
      }),
    );
  });

  test('union, difference and intersection are those of the members', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        const [inA, inB] = [new Set(keys(a)), new Set(keys(b))];
        expect(sortedKeys(union(a, b))).toEqual([...new Set([...inA, ...inB])].sort());
        expect(sortedKeys(difference(a, b))).toEqual([...inA].filter((key) => !inB.has(key)).sort());
        expect(sortedKeys(intersection(a, b))).toEqual([...inA].filter((key) => inB.has(key)).sort());
        const below = (key: string) => [...inB].some((other) => key === other || key.startsWith(`${other}/`));
        expect(sortedKeys(recursiveDifference(a, b))).toEqual([...inA].filter((key) => !below(key)).sort());
      }),
    );
  });

  test('the order of making does not show', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        expect(JSON.stringify(union(a, b))).toBe(JSON.stringify(union(b, a)));
        expect(equalSets(union(a, b), union(b, a))).toBe(true);
        expect(equalSets(a, b)).toBe(JSON.stringify(a) === JSON.stringify(b));
      }),
    );
  });

  test('what changes nothing gives the same value back', () => {
    fc.assert(
      fc.property(sets, sets, (a, b) => {
        const both = union(a, b);
        expect(union(both, a)).toBe(both);
        expect(difference(a, difference(b, a))).toBe(a);
        expect(isEmptySet(difference(a, both))).toBe(true);
      }),
    );
  });

  test('membership and leaves', () => {
    fc.assert(
      fc.property(sets, paths, (set, list) => {
        const members = new Set(keys(set));
        for (const path of list) expect(hasPath(set, path)).toBe(members.has(path.join('/')));
        const leaves = [...members].filter((key) => ![...members].some((other) => other.startsWith(`${key}/`)));
        expect(sortedKeys(leavesOf(set))).toEqual(leaves.sort());
      }),
    );
  });

  test('elements have one order', () => {
    const elements = fc.oneof(
      fc.string().map((name) => `f:${name}`),
      fc.jsonValue().map(valueElement),
      fc.record({ name: fc.oneof(fc.string(), fc.integer()) }).map((item) => keyElement(item, ['name'], [undefined]) ?? ''),
      fc.nat().map((index) => `i:${index}`),
    );
    fc.assert(
      fc.property(elements, elements, elements, (a, b, c) => {
        expect(Math.sign(compareElements(a, b))).toBe(-Math.sign(compareElements(b, a)) + 0);
        if (compareElements(a, b) <= 0 && compareElements(b, c) <= 0) expect(compareElements(a, c)).toBeLessThanOrEqual(0);
      }),
    );
  });
});

describe('order', () => {
  test.each([
    [
      ['v:1', 'k:{"a":1}', 'i:0', 'f:z', 'f:a'],
      ['f:a', 'f:z', 'k:{"a":1}', 'v:1', 'i:0'],
    ],
    [
      ['i:10', 'i:9'],
      ['i:9', 'i:10'],
    ],
    [
      ['k:{"port":443}', 'k:{"port":80}', 'k:{"port":"a"}'],
      ['k:{"port":80}', 'k:{"port":443}', 'k:{"port":"a"}'],
    ],
    [
      ['k:{"name":"ab"}', 'k:{"name":"a"}', 'k:{"name":"a!"}'],
      ['k:{"name":"a"}', 'k:{"name":"a!"}', 'k:{"name":"ab"}'],
    ],
    [
      ['k:{"a":1,"b":2}', 'k:{"a":1}'],
      ['k:{"a":1}', 'k:{"a":1,"b":2}'],
    ],
    [
      ['v:null', 'v:{}', 'v:[]', 'v:true', 'v:"x"', 'v:0.5'],
      ['v:0.5', 'v:"x"', 'v:true', 'v:[]', 'v:{}', 'v:null'],
    ],
  ])('%j', (given, expected) => {
    expect([...given].sort(compareElements)).toEqual(expected);
  });
});

describe('what others write', () => {
  test.each([
    ['{"f:a":{"k:{\\"port\\": 80, \\"name\\":\\"x\\"}":{}}}', '{"f:a":{"k:{\\"name\\":\\"x\\",\\"port\\":80}":{}}}'],
    ['{"f:b":{},"f:a":{}}', '{"f:a":{},"f:b":{}}'],
    ['{"f:a":{"f:b":{},".":{}}}', '{"f:a":{".":{},"f:b":{}}}'],
    ['{"f:a":{".":{}}}', '{"f:a":{}}'],
    ['{"f:a":{"z:new":{}}}', '{}'],
    ['{".":{}}', '{}'],
    ['{"f:a":{"k:{\\"n\\":1}":{"f:x":{}},"k:{ \\"n\\":1}":{"f:y":{}}}}', '{"f:a":{"k:{\\"n\\":1}":{"f:x":{},"f:y":{}}}}'],
  ])('%s is read as %s', (text, expected) => {
    expect(JSON.stringify(parseFieldSet(JSON.parse(text)))).toBe(expected);
  });

  test.each([
    ['{"a":{}}'],
    ['{"":{}}'],
    ['{"nonsense":{}}'],
    ['{"k:x":{}}'],
    ['{"k:{}":{}}'],
    ['{"k:[1]":{}}'],
    ['{"i:x":{}}'],
    ['{"f:a":1}'],
    ['[]'],
    ['{"f:a":null}'],
  ])('%s is refused', (text) => {
    expect(() => parseFieldSet(JSON.parse(text))).toThrow(SyntaxError);
  });

  test('no more depth than a stack bears', () => {
    let deep: unknown = {};
    for (let i = 0; i < 100_000; i++) deep = { 'f:a': deep };
    expect(() => parseFieldSet(deep)).toThrow('at most 200 levels deep');
  });
});

test('paths as messages show them', () => {
  const path = ['f:spec', 'k:{"containerPort":80,"protocol":"TCP"}', 'v:"x/y"', 'i:3', 'f:a.b/c'];
  expect(pathText(path)).toBe('.spec[containerPort=80,protocol="TCP"][="x/y"][3].a.b/c');
  expect(elementText('f:image')).toBe('.image');
});

test('keys of items: sorted, with defaults; nothing for items without', () => {
  expect(keyElement({ protocol: 'UDP', containerPort: 80 }, ['containerPort', 'protocol'], [undefined, 'TCP'])).toBe(
    'k:{"containerPort":80,"protocol":"UDP"}',
  );
  expect(keyElement({ containerPort: 80 }, ['containerPort', 'protocol'], [undefined, 'TCP'])).toBe(
    'k:{"containerPort":80,"protocol":"TCP"}',
  );
  expect(keyElement({}, ['name'], [undefined])).toBeUndefined();
  expect(keyElement('x', ['name'], [undefined])).toBeUndefined();
  expect(union(noFields, noFields)).toBe(noFields);
});
