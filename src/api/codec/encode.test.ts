import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { V1Pod } from '../generated/types.gen.ts';
import type { KubeObject } from '../meta/object.ts';
import { schemaOf } from '../schema/mod.ts';
import type { ObjectSchema, ValueSchema } from '../schema/schema.ts';
import { decodeJson } from './decode.ts';
import { decodeStored, encodeForStore, encodeObject, spliceRevision, withRevision } from './encode.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/** Values of a schema in their canonical form, a few levels deep. */
function arbitrary(schema: ValueSchema, depth: number): fc.Arbitrary<unknown> {
  switch (schema.kind) {
    case 'object':
      return arbitraryObject(schema.object as ObjectSchema, depth);
    case 'array':
      return fc.array(arbitrary(schema.element as ValueSchema, depth - 1), { minLength: 1, maxLength: 2 });
    case 'map':
      return fc.dictionary(fc.string({ minLength: 1 }), arbitrary(schema.element as ValueSchema, depth - 1), { minKeys: 1, maxKeys: 3 });
    case 'integer':
      return schema.format === 'int32'
        ? fc.integer()
        : fc.oneof(fc.maxSafeInteger(), fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n));
    case 'int-or-string':
      return fc.oneof(fc.integer(), fc.string());
    case 'number':
      return fc.constantFrom(0.5, 1, -3.25);
    case 'boolean':
      return fc.boolean();
    case 'quantity':
      return fc.constantFrom('1', '500m', '1Gi', '64Mi', '0', '1500m');
    case 'time':
      return fc.constantFrom('2026-11-20T08:00:00Z', '1999-12-31T23:59:59Z');
    case 'micro-time':
      return fc.constantFrom('2026-11-20T08:00:00.123456Z', '2026-11-20T08:00:00.000000Z');
    case 'bytes':
      return fc.base64String();
    case 'any':
      return fc.constantFrom({ a: [1, null, 'x'] }, { 'f:metadata': { 'f:labels': {} } });
    case 'string':
      return fc.string({ unit: 'grapheme' });
  }
}

function arbitraryObject(schema: ObjectSchema, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const fields = [...schema.fields.values()].filter((f) => depth > 0 || !['object', 'array', 'map'].includes(f.kind));
  const chosen = fc.subarray(fields, { maxLength: Math.min(6, fields.length) });
  return chosen.chain((some) => fc.record(Object.fromEntries(some.map((f) => [f.name, arbitrary(f, depth - 1)]))));
}

const objects = fc
  .constantFrom('V1Pod', 'V1Deployment', 'V1Service', 'V1Lease', 'V1Secret', 'V1ConfigMap', 'CoreV1Event')
  .chain((typeName) => {
    const schema = schemaOf(typeName);
    const of = schema.groupVersionKind;
    return fc.tuple(arbitraryObject(schema, 3), arbitraryObject(schemaOf('V1ObjectMeta'), 2)).map(([object, metadata]) => ({
      schema,
      object: { ...object, metadata, kind: of?.kind, apiVersion: of?.group ? `${of.group}/${of.version}` : of?.version } as KubeObject,
    }));
  });

describe('laws', () => {
  test('what is encoded decodes to the same, strictly and without warnings', () => {
    fc.assert(
      fc.property(objects, ({ schema, object }) => {
        const encoded = encodeObject(object);
        const { object: decoded, warnings } = decodeJson(encoded, schema, { fieldValidation: 'Strict' });
        expect(warnings).toEqual([]);
        expect(decoded).toEqual(object);
        expect(encodeObject(decoded)).toBe(encoded);
      }),
      { numRuns: 300 },
    );
  });

  test('splicing gives the bytes that encoding with the revision gives', () => {
    fc.assert(
      fc.property(objects, fc.integer({ min: 1 }), ({ object }, revision) => {
        const stored = encodeForStore(object);
        expect((JSON.parse(text(stored)) as KubeObject).metadata).not.toHaveProperty('resourceVersion');
        const whole = withRevision(object, revision);
        expect(text(spliceRevision(stored, revision)).trimEnd()).toBe(encodeObject(whole));
        expect(decodeStored(stored, revision)).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });
});

describe('examples', () => {
  const pod: V1Pod = {
    metadata: { name: 'a', resourceVersion: '3', labels: { x: 'ü' } },
    spec: { containers: [] },
    apiVersion: 'v1',
    kind: 'Pod',
  };

  test('the order is kind, apiVersion, metadata, the rest', () => {
    expect(encodeObject(pod)).toBe(
      '{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"3","name":"a","labels":{"x":"ü"}},"spec":{"containers":[]}}',
    );
    expect(text(encodeForStore(pod))).toBe(
      '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","labels":{"x":"ü"}},"spec":{"containers":[]}}',
    );
    expect(text(spliceRevision(encodeForStore({ ...pod, metadata: {} }), 7))).toContain('"metadata":{"resourceVersion":"7"},"spec"');
  });

  test('a stored object comes back frozen', () => {
    const object = decodeStored<V1Pod>(encodeForStore(pod), 12);
    expect(object.metadata?.resourceVersion).toBe('12');
    expect(Object.isFrozen(object.metadata?.labels)).toBe(true);
    expect(pod.metadata?.resourceVersion).toBe('3');
  });

  test('objects whose managers own the same fields hold them once', () => {
    const fieldsV1 = { 'f:spec': { 'f:containers': { 'k:{"name":"app"}': { '.': {}, 'f:image': {} } } } };
    const owned = (name: string): V1Pod => ({
      ...pod,
      metadata: { name, managedFields: [{ manager: name, operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1 }] },
    });
    const [a, b] = ['a', 'b'].map((name) => decodeStored<V1Pod>(encodeForStore(owned(name)), 1));
    expect(a?.metadata?.managedFields?.[0]?.fieldsV1).toEqual(fieldsV1);
    expect(a?.metadata?.managedFields?.[0]?.fieldsV1).toBe(b?.metadata?.managedFields?.[0]?.fieldsV1);
  });

  test('integers beyond 2^53 come back exact, and the stored bytes say so', () => {
    const big = { ...pod, spec: { containers: [], activeDeadlineSeconds: 9007199254740993n as unknown as number } };
    const stored = encodeForStore(big);
    expect(text(stored)).toMatch(/"activeDeadlineSeconds":9007199254740993\}\}\n$/);
    expect(decodeStored<V1Pod>(stored, 1).spec).toEqual(big.spec);
  });

  test('storing without metadata is a bug', () => {
    expect(() => encodeForStore({ kind: 'Pod', apiVersion: 'v1' })).toThrow('without metadata');
  });
});
