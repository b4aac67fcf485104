// Whatever is sent, the answer is an object of the schema or a 400.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StatusError } from '../meta/status.ts';
import { schemaOf } from '../schema/mod.ts';
import { decodeJson, type FieldValidation } from './decode.ts';
import { encodeObject } from './encode.ts';
import { decodeYaml } from './yaml.ts';

const types = fc
  .constantFrom('V1Pod', 'V1Deployment', 'V1Service', 'V1Secret', 'V1Lease', 'V1CustomResourceDefinition', 'V1DeleteOptions')
  .map(schemaOf);
const validations = fc.constantFrom<FieldValidation>('Strict', 'Warn', 'Ignore');

/** Field names that exist, with values that need not fit, some levels deep. */
const fieldNames = fc.constantFrom(
  'metadata',
  'spec',
  'template',
  'containers',
  'name',
  'labels',
  'data',
  'ports',
  'replicas',
  'kind',
  'apiVersion',
  'env',
  '__proto__',
  'constructor',
  'creationTimestamp',
  'resources',
  'limits',
  'schema',
  'items',
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    fc.constantFrom(null, true, 0, -1, 1.5, 2 ** 40, '', 'x', '2026-11-20T08:00:00Z', '1Gi', 'YWJj'),
    fc.array(tie('tree'), { maxLength: 3 }),
    fc.dictionary(fieldNames, tie('tree'), { maxKeys: 5 }),
  ),
}));

/** The object, or undefined when the answer was a 400. */
function answered(run: () => { readonly object: object }): object | undefined {
  try {
    return run().object;
  } catch (error) {
    if (error instanceof StatusError && error.code === 400 && error.reason === 'BadRequest') return undefined;
    throw error;
  }
}

test('trees that do not fit', () => {
  fc.assert(
    fc.property(tree, types, validations, (value, schema, fieldValidation) => {
      const object = answered(() => decodeJson(JSON.stringify(value), schema, { fieldValidation }));
      if (!object) return;
      expect(Object.keys(object).filter((name) => !schema.fields.has(name))).toEqual([]);
      expect(Object.getPrototypeOf(object)).toBe(Object.prototype);
      // What came out is canonical: it passes the strictest decoder unchanged.
      const again = decodeJson(encodeObject(object), schema, { fieldValidation: 'Strict' });
      expect(again.object).toEqual(object);
    }),
    { numRuns: 3000 },
  );
});

test('YAML of the same trees gives the same', () => {
  fc.assert(
    fc.property(tree, types, (value, schema) => {
      const text = JSON.stringify(value);
      // 1.5 for an integer is worded alike; YAML knows no other difference here.
      expect(answered(() => decodeYaml(text, schema))).toEqual(answered(() => decodeJson(text, schema)));
    }),
    { numRuns: 500 },
  );
});

test('bytes of any kind', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), types, (bytes, schema) => {
      answered(() => decodeJson(bytes, schema, { fieldValidation: 'Strict' }));
    }),
    { numRuns: 2000 },
  );
});

test('bodies that are cut off', () => {
  const body = Buffer.from(
    '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"ä","labels":{"a":"\\u00e4"}},"spec":{"containers":[{"name":"c"}]}}',
  );
  for (let length = 0; length < body.length; length++) {
    expect(answered(() => decodeJson(body.subarray(0, length), schemaOf('V1Pod')))).toBeUndefined();
  }
  expect(answered(() => decodeJson(body, schemaOf('V1Pod')))).toBeDefined();
});
