// Structural schemas as tables: what is pruned, defaulted, refused, and what rules say.
import { describe, expect, test } from 'vitest';
import {
  embeddedErrors,
  findValues,
  type JsonSchema,
  listTypeErrors,
  parseJsonPath,
  prune,
  ruleErrors,
  ruleProblems,
  schemaErrors,
  withDefaults,
} from './mod.ts';

const of = (spec: JsonSchema): JsonSchema => ({ type: 'object', properties: { spec } });
const object = (spec: unknown) => ({ apiVersion: 'e/v1', kind: 'E', metadata: { name: 'a' }, spec });
const text: JsonSchema = { type: 'string' };
const named = (more: JsonSchema = {}): JsonSchema => ({ type: 'object', properties: { a: text, ...more.properties }, ...more });

describe('pruning', () => {
  test.each<[string, JsonSchema, unknown, unknown, string[]]>([
    ['drops what is not known', named(), { a: '1', b: 2 }, { a: '1' }, ['spec.b']],
    ['drops it in lists', { type: 'array', items: named() }, [{ b: 1 }], [{}], ['spec[0].b']],
    [
      'keeps the values of maps',
      { type: 'object', additionalProperties: named() },
      { x: { a: '1', b: 1 } },
      { x: { a: '1' } },
      ['spec.x.b'],
    ],
    ['keeps all where it is to', named({ 'x-kubernetes-preserve-unknown-fields': true }), { b: { c: 1 } }, { b: { c: 1 } }, []],
    [
      'prunes below what keeps all',
      named({ 'x-kubernetes-preserve-unknown-fields': true, properties: { n: named() } }),
      { n: { z: 1 }, y: 1 },
      { n: {}, y: 1 },
      ['spec.n.z'],
    ],
    ['keeps who an embedded object is', named({ 'x-kubernetes-embedded-resource': true }), { kind: 'K', z: 1 }, { kind: 'K' }, ['spec.z']],
    ['knows no inherited names', named(), { constructor: 1 }, {}, ['spec.constructor']],
  ])('%s', (_name, schema, spec, kept, unknown) => {
    const found: string[] = [];
    expect(prune(object(spec), of(schema), found)).toEqual(object(kept));
    expect(found).toEqual(unknown);
  });

  test('gives the very same object where nothing goes', () => {
    const whole = object({ a: '1' });
    expect(prune(whole, of(named()))).toBe(whole);
  });
});

describe('defaulting', () => {
  const withDefault = (value: unknown, more: JsonSchema = {}): JsonSchema => ({
    type: 'object',
    properties: { a: { ...text, default: value, ...more } },
  });
  test.each<[string, JsonSchema, unknown, unknown]>([
    ['fills what is absent', withDefault('x'), {}, { a: 'x' }],
    ['leaves what is there', withDefault('x'), { a: 'y' }, { a: 'y' }],
    ['replaces a null that may not be', withDefault('x'), { a: null }, { a: 'x' }],
    ['leaves a null that may be', withDefault('x', { nullable: true }), { a: null }, { a: null }],
    ['drops a null without a default', named(), { a: null }, {}],
    ['fills items', { type: 'array', items: withDefault('x') }, [{}, { a: 'y' }], [{ a: 'x' }, { a: 'y' }]],
    ['fills in what it has filled', { type: 'object', properties: { n: { ...withDefault('x'), default: {} } } }, {}, { n: { a: 'x' } }],
  ])('%s', (_name, schema, spec, made) => {
    expect(withDefaults(object(spec), of(schema))).toEqual(object(made));
  });
});

describe('validation', () => {
  const errors = (schema: JsonSchema, spec: unknown, old?: unknown) =>
    schemaErrors(object(spec), of(schema), old === undefined ? undefined : object(old)).map((error) => error.text);
  test.each<[string, JsonSchema, unknown, string[]]>([
    ['a type', text, 7, ['spec: Invalid value: "integer": spec in body must be of type string: "integer"']],
    [
      'a whole number for an integer',
      { type: 'integer' },
      2.5,
      ['spec: Invalid value: "number": spec in body must be of type integer: "number"'],
    ],
    ['2.0 is an integer', { type: 'integer' }, 2.0, []],
    ['null', text, null, ['spec: Invalid value: "null": spec in body must be of type string: "null"']],
    ['a null that may be', { ...text, nullable: true }, null, []],
    ['required', { type: 'object', required: ['a'] }, {}, ['spec.a: Required value']],
    ['enum', { ...text, enum: ['x', 'y'] }, 'z', ['spec: Unsupported value: "z": supported values: "x", "y"']],
    ['minLength', { ...text, minLength: 2 }, 'é', ['spec: Invalid value: "é": spec in body should be at least 2 chars long']],
    ['maxLength', { ...text, maxLength: 1 }, 'ab', ['spec: Too long: may not be more than 1 bytes']],
    ['pattern', { ...text, pattern: '^a+$' }, 'b', ['spec: Invalid value: "b": spec in body should match \'^a+$\'']],
    ['maximum', { type: 'number', maximum: 1 }, 2, ['spec: Invalid value: 2: spec in body should be less than or equal to 1']],
    [
      'exclusive minimum',
      { type: 'number', minimum: 1, exclusiveMinimum: true },
      1,
      ['spec: Invalid value: 1: spec in body should be greater than 1'],
    ],
    ['multipleOf', { type: 'number', multipleOf: 0.1 }, 0.25, ['spec: Invalid value: 0.25: spec in body should be a multiple of 0.1']],
    ['maxItems', { type: 'array', maxItems: 1, items: text }, ['a', 'b'], ['spec: Too many: 2: must have at most 1 items']],
    [
      'items',
      { type: 'array', items: text },
      [1],
      ['spec[0]: Invalid value: "integer": spec[0] in body must be of type string: "integer"'],
    ],
    ['int-or-string', { 'x-kubernetes-int-or-string': true }, '8', []],
    [
      'no int-or-string',
      { 'x-kubernetes-int-or-string': true },
      true,
      ['spec: Invalid value: "boolean": spec in body must be of type integer,string: "boolean"'],
    ],
    ['format', { ...text, format: 'ipv4' }, '1.2.3', ['spec: Invalid value: "1.2.3": spec in body must be of type ipv4: "1.2.3"']],
    ['an unknown format says nothing', { ...text, format: 'whatever' }, '1.2.3', []],
    ['not', { ...text, not: { enum: ['x'] } }, 'x', ['spec: Invalid value: "x": spec in body must not validate the schema (not)']],
    [
      'oneOf',
      { ...text, oneOf: [{ minLength: 1 }, { maxLength: 3 }] },
      'ab',
      ['spec: Invalid value: "ab": spec in body must validate one and only one schema (oneOf). Found 2 valid alternatives'],
    ],
  ])('%s', (_name, schema, spec, messages) => {
    expect(errors(schema, spec)).toEqual(messages);
  });

  test('lets be what has not changed', () => {
    const strict: JsonSchema = { type: 'object', properties: { a: { ...text, maxLength: 1 }, b: { ...text, maxLength: 1 } } };
    expect(errors(strict, { a: 'long', b: 'x' }, { a: 'long' })).toEqual([]);
    expect(errors(strict, { a: 'longer', b: 'x' }, { a: 'long' })).toHaveLength(1);
  });

  test('finds what stands twice in sets and maps, and embedded objects that say not what they are', () => {
    const set: JsonSchema = { type: 'array', 'x-kubernetes-list-type': 'set', items: text };
    expect(listTypeErrors(object(['a', 'b', 'a']), of(set)).map((error) => error.text)).toEqual(['spec[2]: Duplicate value: "a"']);
    const map: JsonSchema = { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['a'], items: named() };
    expect(listTypeErrors(object([{ a: '1' }, { a: '1' }]), of(map)).map((error) => error.text)).toEqual([
      'spec[1]: Duplicate value: {"a":"1"}',
    ]);
    const embedded = named({ 'x-kubernetes-embedded-resource': true });
    expect(embeddedErrors(object({ kind: 'K' }), of(embedded)).map((error) => error.text)).toEqual([
      'spec.apiVersion: Required value: must not be empty',
    ]);
    const whole = { kind: 'A_B', apiVersion: 'a/b/c', metadata: { name: 'a', namespace: 'A', labels: { a: '-' }, finalizers: ['-'] } };
    expect(embeddedErrors(object(whole), of(embedded)).map((error) => error.field)).toEqual([
      'spec.apiVersion',
      'spec.kind',
      'spec.metadata.namespace',
      'spec.metadata.labels',
      'spec.metadata.finalizers',
    ]);
    expect(embeddedErrors(object({ kind: 'Pod', apiVersion: 'v1', metadata: { generateName: 'a-' } }), of(embedded))).toEqual([]);
  });
});

describe('rules', () => {
  const size = (rule: object): JsonSchema => ({
    type: 'object',
    properties: { min: { type: 'integer' }, max: { type: 'integer' } },
    'x-kubernetes-validations': [{ rule: 'self.min <= self.max', ...rule }],
  });
  const errors = (schema: JsonSchema, spec: unknown, old?: unknown) =>
    ruleErrors(object(spec), of(schema), old === undefined ? undefined : object(old)).map((error) => error.text);
  test.each<[string, JsonSchema, unknown, unknown, string[]]>([
    ['that hold say nothing', size({}), { min: 1, max: 2 }, undefined, []],
    ['name themselves', size({}), { min: 3, max: 2 }, undefined, ['spec: Invalid value: "object": failed rule: self.min <= self.max']],
    ['have a message', size({ message: 'no' }), { min: 3, max: 2 }, undefined, ['spec: Invalid value: "object": no']],
    [
      'make a message',
      size({ messageExpression: '"min " + string(self.min)' }),
      { min: 3, max: 2 },
      undefined,
      ['spec: Invalid value: "object": min 3'],
    ],
    [
      'have a reason and a place',
      size({ message: 'no', reason: 'FieldValueForbidden', fieldPath: '.min' }),
      { min: 3, max: 2 },
      undefined,
      ['spec.min: Forbidden: no'],
    ],
    [
      'tell of errors',
      size({}),
      { min: 3 },
      undefined,
      ['spec: Invalid value: "object": no such key: max evaluating rule: self.min <= self.max'],
    ],
    ['let be what has not changed', size({}), { min: 3, max: 2 }, { min: 3, max: 2 }, []],
    [
      'compare with what stood',
      size({ rule: 'self.min >= oldSelf.min' }),
      { min: 1, max: 2 },
      { min: 2, max: 2 },
      ['spec: Invalid value: "object": failed rule: self.min >= oldSelf.min'],
    ],
    ['do not compare with nothing', size({ rule: 'self.min >= oldSelf.min' }), { min: 1, max: 2 }, undefined, []],
    [
      'may ask whether something stood',
      size({ rule: 'oldSelf.hasValue() || self.min == 1', optionalOldSelf: true }),
      { min: 2, max: 2 },
      undefined,
      ['spec: Invalid value: "object": failed rule: oldSelf.hasValue() || self.min == 1'],
    ],
  ])('%s', (_name, schema, spec, old, messages) => {
    expect(errors(schema, spec, old)).toEqual(messages);
  });

  test('of the root have no field', () => {
    const schema: JsonSchema = { type: 'object', 'x-kubernetes-validations': [{ rule: 'self.metadata.name == "b"' }] };
    expect(ruleErrors(object({}), schema).map((error) => error.field)).toEqual(['<nil>']);
  });

  test('are judged with the definition: they compile, and do not cost too much', () => {
    const wrong = of({ ...text, 'x-kubernetes-validations': [{ rule: 'self.size() > ' }] });
    expect(ruleProblems(wrong, 'schema')[0]).toMatchObject({ field: 'schema.properties[spec].x-kubernetes-validations[0].rule' });
    const dear = of({
      type: 'array',
      items: { ...text, 'x-kubernetes-validations': [{ rule: "self.contains('x') && self.matches('a.*b')" }] },
    });
    expect(ruleProblems(dear, 'schema').some((error) => error.message.includes('estimated rule cost'))).toBe(true);
    expect(ruleProblems(of(size({})), 'schema')).toEqual([]);
    // As upstream: nobody knows how long a converted number is.
    const told = { rule: 'self.n >= 0', messageExpression: "'got ' + string(self.n)" };
    const telling = of({ type: 'object', properties: { n: { type: 'integer' } }, 'x-kubernetes-validations': [told] });
    const at = 'schema.properties[spec].x-kubernetes-validations[0]';
    expect(ruleProblems(telling, 'schema').map(({ field, message }) => `${field}: ${message.replace(/ \(.*/, '')}`)).toEqual([
      `${at}.messageExpression: Forbidden: estimated messageExpression cost exceeds budget by factor of more than 100x`,
      `${at}.messageExpression: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
      `${at}.rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema`,
      'schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of more than 100x',
    ]);
  });
});

describe('a path', () => {
  const root = { spec: { items: [{ name: 'a', on: true }, { name: 'b' }], 'a.b': 1 } };
  test.each<[string, unknown[]]>([
    ['.spec.items[0].name', ['a']],
    ['.spec.items[-1].name', ['b']],
    ['.spec.items[*].name', ['a', 'b']],
    ['{.spec.items[?(@.name=="b")].name}', ['b']],
    ['.spec.a\\.b', [1]],
    [".spec['a.b']", [1]],
    ['.spec.none.name', []],
  ])('%s', (path, values) => {
    expect(findValues(root, parseJsonPath(path))).toEqual(values);
  });
});
