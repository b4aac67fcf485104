import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergePatch } from './json-merge.ts';
import { equal, jsonPatch, PatchError } from './json-patch.ts';

describe('jsonPatch()', () => {
  test.each([
    { what: 'add a key', doc: { a: 1 }, patch: [{ op: 'add', path: '/b', value: 2 }], want: { a: 1, b: 2 } },
    { what: 'add in a list', doc: [1, 3], patch: [{ op: 'add', path: '/1', value: 2 }], want: [1, 2, 3] },
    { what: 'add at the end of a list', doc: { l: [1] }, patch: [{ op: 'add', path: '/l/-', value: 2 }], want: { l: [1, 2] } },
    { what: 'add null', doc: {}, patch: [{ op: 'add', path: '/a', value: null }], want: { a: null } },
    { what: 'remove', doc: { a: { b: 1, c: 2 } }, patch: [{ op: 'remove', path: '/a/b' }], want: { a: { c: 2 } } },
    { what: 'remove from a list', doc: [1, 2, 3], patch: [{ op: 'remove', path: '/1' }], want: [1, 3] },
    { what: 'replace', doc: { a: 1 }, patch: [{ op: 'replace', path: '/a', value: 2 }], want: { a: 2 } },
    { what: 'replace a missing key', doc: {}, patch: [{ op: 'replace', path: '/a', value: 2 }], want: { a: 2 } },
    { what: 'replace the whole', doc: { a: 1 }, patch: [{ op: 'replace', path: '', value: [] }], want: [] },
    { what: 'move', doc: { a: 1 }, patch: [{ op: 'move', from: '/a', path: '/b' }], want: { b: 1 } },
    { what: 'copy', doc: { a: [1] }, patch: [{ op: 'copy', from: '/a/0', path: '/b' }], want: { a: [1], b: 1 } },
    {
      what: 'test that holds',
      doc: { a: { x: 1, y: [2] } },
      patch: [{ op: 'test', path: '/a', value: { y: [2], x: 1 } }],
      want: { a: { x: 1, y: [2] } },
    },
    { what: 'test of what is missing against null', doc: {}, patch: [{ op: 'test', path: '/a', value: null }], want: {} },
    {
      what: 'escaped names',
      doc: { 'a/b': { 'c~d': 1 } },
      patch: [{ op: 'replace', path: '/a~1b/c~0d', value: 2 }],
      want: { 'a/b': { 'c~d': 2 } },
    },
    {
      what: 'the key __proto__ is a key',
      doc: {},
      patch: [{ op: 'add', path: '/__proto__', value: { x: 1 } }],
      want: JSON.parse('{"__proto__":{"x":1}}'),
    },
  ])('$what', ({ doc, patch, want }) => {
    expect(jsonPatch(doc, patch)).toEqual(want);
  });

  test.each([
    { what: 'not a list', patch: {}, problem: 'malformed' },
    { what: 'an unknown op', patch: [{ op: 'swap', path: '/a' }], problem: 'malformed' },
    { what: 'too many operations', patch: Array(10_001).fill({ op: 'test', path: '', value: 1 }), problem: 'tooLarge' },
    { what: 'remove of what is missing', patch: [{ op: 'remove', path: '/x' }], problem: 'inapplicable' },
    { what: 'a path through a scalar', patch: [{ op: 'add', path: '/a/b/c', value: 1 }], problem: 'inapplicable' },
    { what: 'a list index with a leading zero', patch: [{ op: 'remove', path: '/l/00' }], problem: 'inapplicable' },
    { what: 'a list index past the end', patch: [{ op: 'add', path: '/l/9', value: 1 }], problem: 'inapplicable' },
    { what: 'a test that fails', patch: [{ op: 'test', path: '/a', value: 2 }], problem: 'inapplicable' },
    { what: 'a pointer without a slash', patch: [{ op: 'add', path: 'a', value: 2 }], problem: 'inapplicable' },
  ])('$what is refused', ({ patch, problem }) => {
    const doc = Object.freeze({ a: 1, l: Object.freeze([1]) });
    try {
      jsonPatch(doc, patch);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(PatchError);
      expect((error as PatchError).problem).toBe(problem);
    }
  });

  test('what is not touched is shared', () => {
    const doc = { a: { deep: [1] }, b: 1 };
    expect((jsonPatch(doc, [{ op: 'replace', path: '/b', value: 2 }]) as typeof doc).a).toBe(doc.a);
  });
});

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<unknown>;

describe('mergePatch()', () => {
  // The examples of RFC 7386, appendix A.
  test.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('%j with %j gives %j', (doc, patch, want) => {
    expect(mergePatch(doc, patch)).toEqual(want);
  });

  test('a patch applied twice changes nothing more', () => {
    fc.assert(fc.property(json, json, (doc, patch) => equal(mergePatch(mergePatch(doc, patch), patch), mergePatch(doc, patch))));
  });

  test('patches compose: one after the other is one patch merged from both', () => {
    const objects = fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.oneof(json, fc.constant(null)));
    fc.assert(
      fc.property(objects, objects, objects, (doc, first, second) => {
        const bothKeys = new Set([...Object.keys(first), ...Object.keys(second)]);
        const flat = [...bothKeys].every((key) => [first[key], second[key]].every((value) => typeof value !== 'object' || value === null));
        if (!flat) return true;
        return equal(mergePatch(mergePatch(doc, first), second), mergePatch(doc, { ...first, ...second }));
      }),
    );
  });
});
