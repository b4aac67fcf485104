import { describe, expect, test } from 'vitest';
import type { FieldSchema, ObjectSchema, ValueSchema } from '../schema/schema.ts';
import { StrategicMergeError, strategicMerge } from './strategic.ts';

const value = (kind: ValueSchema['kind'], more: Partial<ValueSchema> = {}): ValueSchema => ({
  kind,
  object: undefined,
  element: undefined,
  format: undefined,
  goType: '',
  mapType: undefined,
  ...more,
});
const field = (name: string, of: ValueSchema, more: Partial<FieldSchema> = {}): [string, FieldSchema] => [
  name,
  {
    ...of,
    name,
    required: false,
    listType: undefined,
    listMapKeys: [],
    patchStrategy: [],
    patchMergeKey: undefined,
    default: undefined,
    ...more,
  },
];
const object = (...fields: [string, FieldSchema][]): ObjectSchema => ({
  typeName: '',
  definition: '',
  goName: '',
  goPackage: '',
  mapType: undefined,
  fields: new Map(fields),
  required: [],
  groupVersionKind: undefined,
});
const of = (schema: ObjectSchema) => value('object', { object: schema });
const text = value('string');
const listOf = (element: ValueSchema) => value('array', { element });

const port = object(field('containerPort', value('integer')), field('protocol', text), field('name', text));
const container = object(
  field('name', text),
  field('image', text),
  field('args', listOf(text)),
  field('ports', listOf(of(port)), { patchStrategy: ['merge'], patchMergeKey: 'containerPort' }),
);
const schema = object(
  field('labels', value('map', { element: text })),
  field('finalizers', listOf(text), { patchStrategy: ['merge'] }),
  field('containers', listOf(of(container)), { patchStrategy: ['merge'], patchMergeKey: 'name' }),
  field('strategy', of(object(field('type', text), field('rollingUpdate', value('any')))), { patchStrategy: ['retainKeys'] }),
  field('whole', of(object(field('a', text), field('b', text))), { patchStrategy: ['replace'] }),
);

const abc = [
  { name: 'a', image: '1' },
  { name: 'b', image: '1' },
  { name: 'c', image: '1' },
];

describe('strategicMerge()', () => {
  test.each([
    {
      what: 'maps merge, null removes',
      doc: { labels: { a: '1', b: '2' } },
      patch: { labels: { a: null, c: '3' } },
      want: { labels: { b: '2', c: '3' } },
    },
    { what: 'null removes a whole field', doc: { labels: { a: '1' } }, patch: { labels: null }, want: {} },
    {
      what: 'items merge by key',
      doc: { containers: abc },
      patch: { containers: [{ name: 'b', image: '2' }] },
      want: { containers: [abc[0], { name: 'b', image: '2' }, abc[2]] },
    },
    {
      what: 'a new item comes first, as upstream documents',
      doc: { containers: [abc[0]] },
      patch: { containers: [{ name: 'z' }] },
      want: { containers: [{ name: 'z' }, abc[0]] },
    },
    {
      what: 'an item is deleted',
      doc: { containers: abc },
      patch: { containers: [{ name: 'b', $patch: 'delete' }] },
      want: { containers: [abc[0], abc[2]] },
    },
    {
      what: 'the deletion of what is not there',
      doc: {},
      patch: { containers: [{ name: 'b', $patch: 'delete' }] },
      want: { containers: [] },
    },
    {
      what: 'a list is replaced',
      doc: { containers: abc },
      patch: { containers: [{ name: 'z' }, { $patch: 'replace' }] },
      want: { containers: [{ name: 'z' }] },
    },
    {
      what: 'lists in items merge too',
      doc: { containers: [{ name: 'a', ports: [{ containerPort: 80 }] }] },
      patch: { containers: [{ name: 'a', ports: [{ containerPort: 81 }] }] },
      want: { containers: [{ name: 'a', ports: [{ containerPort: 81 }, { containerPort: 80 }] }] },
    },
    {
      what: 'lists without a strategy are replaced',
      doc: { containers: [{ name: 'a', args: ['1', '2'] }] },
      patch: { containers: [{ name: 'a', args: ['3'] }] },
      want: { containers: [{ name: 'a', args: ['3'] }] },
    },
    {
      what: 'scalars merge without doubles',
      doc: { finalizers: ['x', 'y'] },
      patch: { finalizers: ['y', 'z'] },
      want: { finalizers: ['x', 'y', 'z'] },
    },
    {
      what: 'scalars are deleted',
      doc: { finalizers: ['x', 'y'] },
      patch: { '$deleteFromPrimitiveList/finalizers': ['x'] },
      want: { finalizers: ['y'] },
    },
    {
      what: 'scalars are deleted and added',
      doc: { finalizers: ['x', 'y'] },
      patch: { '$deleteFromPrimitiveList/finalizers': ['x'], finalizers: ['z'] },
      want: { finalizers: ['z', 'y'] },
    },
    {
      what: 'a map is replaced by directive',
      doc: { labels: { a: '1' } },
      patch: { labels: { $patch: 'replace', b: '2' } },
      want: { labels: { b: '2' } },
    },
    { what: 'a map is emptied by directive', doc: { labels: { a: '1' } }, patch: { labels: { $patch: 'delete' } }, want: { labels: {} } },
    {
      what: 'a map is replaced by strategy',
      doc: { whole: { a: '1', b: '2' } },
      patch: { whole: { a: '3' } },
      want: { whole: { a: '3' } },
    },
    {
      what: 'retainKeys drops the others',
      doc: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
      patch: { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
      want: { strategy: { type: 'Recreate' } },
    },
    {
      what: 'the order of items',
      doc: { containers: abc },
      patch: { '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }] },
      want: { containers: [abc[1], abc[2], abc[0]] },
    },
    {
      what: 'the order with a new item',
      doc: { containers: abc },
      patch: { '$setElementOrder/containers': [{ name: 'a' }, { name: 'x' }, { name: 'b' }, { name: 'c' }], containers: [{ name: 'x' }] },
      want: { containers: [abc[0], { name: 'x' }, abc[1], abc[2]] },
    },
    {
      what: 'the order of scalars',
      doc: { finalizers: ['a', 'b'] },
      patch: { '$setElementOrder/finalizers': ['b', 'a'] },
      want: { finalizers: ['b', 'a'] },
    },
    { what: 'unknown fields merge as maps', doc: { x: { a: 1 } }, patch: { x: { b: 2 } }, want: { x: { a: 1, b: 2 } } },
  ])('$what', ({ doc, patch, want }) => {
    expect(strategicMerge(doc, patch, schema)).toEqual(want);
  });

  test.each([
    { what: 'an unknown directive', patch: { labels: { $patch: 'explode' } }, says: 'unknown patch type: "explode" in map' },
    { what: 'an item without its key', patch: { containers: [{ image: 'x' }] }, says: 'does not contain declared merge key: name' },
    { what: 'a scalar among items', patch: { containers: ['x'] }, says: 'expected a list of objects with the merge key "name"' },
    {
      what: 'a key that retainKeys does not name',
      patch: { strategy: { $retainKeys: ['type'], rollingUpdate: {} } },
      says: 'doesn\'t contain all fields present in the patch: "rollingUpdate"',
    },
    {
      what: 'an order that contradicts the list',
      patch: { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [{ name: 'a' }, { name: 'b' }] },
      says: "doesn't match $setElementOrder/containers list",
    },
    { what: 'a list instead of an object', patch: [], says: 'a strategic merge patch is an object' },
  ])('$what is refused', ({ patch, says }) => {
    expect(() => strategicMerge({ labels: {}, containers: abc }, patch, schema)).toThrow(StrategicMergeError);
    expect(() => strategicMerge({ labels: {}, containers: abc }, patch, schema)).toThrow(says);
  });

  test('neither the document nor the patch is changed', () => {
    const doc = Object.freeze({ containers: Object.freeze(abc.map((item) => Object.freeze(item))) });
    const before = JSON.stringify(doc);
    strategicMerge(doc, Object.freeze({ containers: Object.freeze([Object.freeze({ name: 'a', image: '9' })]) }), schema);
    expect(JSON.stringify(doc)).toBe(before);
  });
});
