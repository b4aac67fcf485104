import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deepFreeze, type KubeObject } from '../../meta/object.ts';
import { schemaOf } from '../../schema/load.ts';
import { applyPatch } from './apply.ts';
import { storedEntries } from './entries.ts';
import { difference, isEmptySet, membersOf, parseFieldSet, union } from './field-set.ts';
import { updateManagedFields } from './managed-fields.ts';
import { mergeValues } from './merge-values.ts';
import { shapeOf } from './shape.ts';
import { appliedFields, compareFields, withNamedFields } from './value-fields.ts';
import { equalValues, isHollow, type JsonMap } from './values.ts';

const schema = schemaOf('V1Pod');
const shape = shapeOf(schema);
const word = fc.constantFrom('a', 'b', 'c');
const optional = { requiredKeys: [] };

const byKey = <T>(items: fc.Arbitrary<T>, key: (item: T) => unknown) => fc.uniqueArray(items, { selector: key, maxLength: 3 });
const containers = byKey(
  fc.record(
    {
      name: word,
      image: word,
      tty: fc.constant(true),
      command: fc.array(word, { minLength: 1, maxLength: 2 }),
      env: byKey(fc.record({ name: word, value: word }), (env) => env.name),
      ports: byKey(fc.record({ containerPort: fc.constantFrom(80, 443), name: word }), (port) => port.containerPort),
    },
    { requiredKeys: ['name'] },
  ),
  (container) => container.name,
);
const pods: fc.Arbitrary<JsonMap> = fc
  .record(
    {
      labels: fc.dictionary(word, word),
      finalizers: fc.uniqueArray(word, { minLength: 1, maxLength: 3 }),
      spec: fc.record(
        {
          containers,
          hostname: word,
          nodeSelector: fc.dictionary(word, word),
          securityContext: fc.record({ runAsUser: fc.nat(3) }, optional),
        },
        optional,
      ),
    },
    optional,
  )
  .map(({ labels, finalizers, ...rest }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', ...(labels ? { labels } : {}), ...(finalizers ? { finalizers } : {}) },
    ...rest,
  }));

const request = { apiVersion: 'v1', nowTime: '2026-11-20T08:00:00Z', schema };

function apply(live: KubeObject | undefined, manager: string, applied: JsonMap, nowTime = request.nowTime): KubeObject {
  const outcome = applyPatch({ ...request, nowTime, live, applied, manager, force: true });
  if (outcome.at === 'conflict') throw new Error('forced, and yet in conflict');
  return deepFreeze(outcome.object as KubeObject);
}

function update(old: KubeObject | undefined, manager: string, pod: JsonMap): KubeObject {
  // A Pod has a spec whatever is sent: it cannot go, and nobody loses it.
  const next: JsonMap = { ...pod, spec: pod.spec ?? {} };
  const managedFields = updateManagedFields(next as KubeObject, old, { ...request, manager });
  return deepFreeze({ ...next, metadata: { ...(next.metadata as JsonMap), ...(managedFields ? { managedFields } : {}) } } as KubeObject);
}

type Step = { readonly by: string; readonly does: 'apply' | 'update'; readonly pod: JsonMap };
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({ by: fc.constantFrom('x', 'y', 'z'), does: fc.constantFrom('apply', 'update'), pod: pods }),
  { maxLength: 5 },
);
const written = (list: readonly Step[]) =>
  list.reduce<KubeObject | undefined>(
    (live, { by, does, pod }) => (does === 'apply' ? apply(live, by, pod) : update(live, by, pod)),
    undefined,
  );

test('applying one’s own unchanged manifest changes nothing', () => {
  fc.assert(
    fc.property(steps, pods, (list, pod) => {
      const once = apply(written(list), 'me', pod);
      expect(apply(once, 'me', pod, '2027-01-01T00:00:00Z')).toEqual(once);
    }),
  );
});

test('what is applied by force is there', () => {
  fc.assert(
    fc.property(steps, pods, (list, pod) => {
      const object = apply(written(list), 'me', pod);
      expect(equalValues(mergeValues(object, pod, shape), object)).toBe(true);
    }),
  );
});

/** Without lists and maps that hold nothing: nobody owns an empty list, so nobody can take it away. */
function solid(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(solid);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([key, inner]): [string, unknown] => [key, solid(inner)]);
  return Object.fromEntries(fields.filter(([, inner]) => !isHollow(inner)));
}

test('an object with one applier is what they applied last', () => {
  fc.assert(
    fc.property(fc.array(pods, { minLength: 1, maxLength: 4 }), (list) => {
      const object = list.reduce<KubeObject | undefined>((live, pod) => apply(live, 'me', pod), undefined);
      const { managedFields: _, ...metadata } = object?.metadata ?? {};
      const { changed, removed } = compareFields(solid(list.at(-1)), solid({ ...object, metadata }), shape);
      expect([membersOf(changed), membersOf(removed)]).toEqual([[], []]);
    }),
  );
});

test('nobody owns what is not there, entries are canonical, and no owner has two', () => {
  fc.assert(
    fc.property(steps, (list) => {
      const object = written(list);
      const { managedFields, ...metadata } = object?.metadata ?? {};
      const entries = storedEntries(managedFields) ?? [];
      const all = compareFields(undefined, { ...object, metadata }, shape).changed;
      const present = withNamedFields(union(all, appliedFields({ ...object, metadata }, shape)), shape);
      for (const { fields } of entries) {
        expect(membersOf(difference(fields, present))).toEqual([]);
        expect(JSON.stringify(parseFieldSet(fields))).toBe(JSON.stringify(fields));
        expect(isEmptySet(fields)).toBe(false);
      }
      expect(new Set(entries.map(({ manager, operation }) => `${manager} ${operation}`)).size).toBe(entries.length);
    }),
  );
});

test('a comparison is empty exactly for equal objects, and its sides mirror', () => {
  fc.assert(
    fc.property(pods, pods, (a, b) => {
      const [there, back] = [compareFields(a, b, shape), compareFields(b, a, shape)];
      const isEmpty = isEmptySet(there.changed) && isEmptySet(there.removed);
      if (equalValues(a, b)) expect(isEmpty).toBe(true);
      expect(isEmptySet(back.changed) && isEmptySet(back.removed)).toBe(isEmpty);
      // What goes on the way there comes on the way back.
      expect(membersOf(difference(there.removed, back.changed))).toEqual([]);
      expect(compareFields(a, structuredClone(a), shape)).toEqual({ changed: {}, removed: {} });
    }),
  );
});

test('an update by anybody keeps every other owner of what it does not touch', () => {
  fc.assert(
    fc.property(steps, pods, (list, pod) => {
      const old = written(list);
      const next = update(old, 'somebody', pod);
      const { managedFields: before, ...oldMeta } = old?.metadata ?? {};
      const { managedFields: after, ...nextMeta } = next.metadata ?? {};
      const { changed, removed } = compareFields(old && { ...old, metadata: oldMeta }, { ...next, metadata: nextMeta }, shape);
      for (const entry of storedEntries(before) ?? []) {
        const kept = (storedEntries(after) ?? []).find((other) => other.manager === entry.manager && other.operation === entry.operation);
        const expected = difference(difference(entry.fields, changed), removed);
        expect(membersOf(kept?.fields ?? {})).toEqual(membersOf(expected));
      }
    }),
  );
});
