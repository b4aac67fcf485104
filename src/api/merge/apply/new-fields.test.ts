// The shortcut for new objects: a set is found right exactly where comparing makes an equal one.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deepFreeze, type KubeObject } from '../../meta/object.ts';
import { schemaOf } from '../../schema/load.ts';
import { difference, equalSets, type FieldSet, noFields, recursiveDifference, setOf } from './field-set.ts';
import { neverOwned, updateManagedFields } from './managed-fields.ts';
import { isNewFields } from './new-fields.ts';
import { type StructShape, shapeOf } from './shape.ts';
import { compareFields } from './value-fields.ts';

const status = setOf(['f:status']);

const shapeNamed = (type: string): StructShape => {
  const shape = shapeOf(schemaOf(type));
  if (shape.at !== 'struct') throw new Error(`${type} is no struct`);
  return shape;
};

/** The long way. */
const made = (object: KubeObject, shape: StructShape, ignored: FieldSet): FieldSet =>
  difference(recursiveDifference(compareFields(undefined, object, shape).changed, ignored), neverOwned);

const word = fc.constantFrom('a', 'b', 'constructor', '__proto__');
const some = { requiredKeys: [] };
const texts = fc.oneof(fc.dictionary(word, word), fc.constant(null));
/** Also lists with an item twice, with null, and with nothing. */
const metadata = fc.record(
  { name: word, uid: word, labels: texts, annotations: texts, finalizers: fc.array(fc.oneof(word, fc.constant(null)), { maxLength: 2 }) },
  some,
);
const container = fc.record(
  {
    name: word,
    image: fc.constantFrom('a', '', null),
    env: fc.array(fc.record({ name: word, value: word }, some), { maxLength: 2 }),
    ports: fc.array(fc.record({ containerPort: fc.constantFrom(80, 443), protocol: fc.constantFrom('TCP', 'UDP') }, some), {
      maxLength: 2,
    }),
    resources: fc.record({ limits: texts }, some),
    securityContext: fc.record({ runAsUser: fc.nat(2) }, some),
  },
  some,
);
const pods = fc.record(
  {
    metadata,
    spec: fc.record({ containers: fc.array(container, { maxLength: 2 }), hostname: word, nodeSelector: texts }, some),
    status: fc.record({ phase: word }, some),
  },
  some,
);
const deployments = fc.record(
  {
    metadata,
    spec: fc.record(
      {
        replicas: fc.constantFrom(0, 1, null),
        selector: fc.record({ matchLabels: texts }, some),
        strategy: fc.record({ type: word }, some),
        template: fc.record({ metadata, spec: fc.record({ containers: fc.array(container, { maxLength: 1 }) }, some) }, some),
      },
      some,
    ),
  },
  some,
);

/** True where an element stands for two items, or for null: such a set is always made. */
const hasDoubles = (value: unknown): boolean => {
  if (typeof value !== 'object' || value === null) return false;
  if (!Array.isArray(value)) return Object.values(value).some(hasDoubles);
  const keys = value.map((item) =>
    JSON.stringify(item?.name ?? (item?.containerPort === undefined ? item : [item.containerPort, item.protocol ?? 'TCP'])),
  );
  return new Set(keys).size < keys.length || value.includes(null) || value.some(hasDoubles);
};

describe.each([
  ['V1Pod', pods],
  ['V1Deployment', deployments],
] as const)('isNewFields() of %s', (type, objects: fc.Arbitrary<object>) => {
  const shape = shapeNamed(type);
  test.each([
    ['with its status', noFields],
    ['without its status', status],
  ])('agrees with comparing, %s', (_, ignored) => {
    let [right, doubled] = [0, 0];
    fc.assert(
      fc.property(objects, objects, (a, b) => {
        const [one, other] = [made(a, shape, ignored), made(b, shape, ignored)];
        const isRight = (set: FieldSet, object: object) => isNewFields(set, { object, shape, except: neverOwned, ignored });
        // Never is a wrong one found right.
        if (isRight(one, b)) expect(equalSets(one, other)).toBe(true);
        if (hasDoubles(b)) doubled++;
        else expect([isRight(other, b), isRight(one, b)]).toEqual([true, equalSets(one, other)]);
        if (equalSets(one, other)) right++;
      }),
      { numRuns: 1000 },
    );
    expect(right * doubled).toBeGreaterThan(0);
  });
});

test('objects with the same fields hold the very same set, whoever made them and in whatever order', () => {
  const schema = schemaOf('V1ConfigMap');
  const fieldsOf = (data: object, manager: string) => {
    const object: KubeObject = deepFreeze({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data } as KubeObject);
    return updateManagedFields(object, undefined, { manager, apiVersion: 'v1', nowTime: '2026-11-20T08:00:00Z', schema });
  };
  const first = fieldsOf({ one: '1', two: '2' }, 'me')?.[0];
  expect(first).toEqual({
    manager: 'me',
    operation: 'Update',
    apiVersion: 'v1',
    time: '2026-11-20T08:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1: { 'f:data': { '.': {}, 'f:one': {}, 'f:two': {} } },
  });
  for (let n = 0; n < 10; n++) fieldsOf({ [`other-${n}`]: '' }, 'me');
  expect(fieldsOf({ two: 'x', one: 'y' }, 'you')?.[0]?.fieldsV1).toBe(first?.fieldsV1);
  expect(fieldsOf({ two: 'x', one: 'y' }, 'you')?.[0]?.fieldsV1).toBe(first?.fieldsV1);
});
