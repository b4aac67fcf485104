// The cache against a model: after any history readers, indexes and handlers agree with what was written.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Persisted, V1ConfigMap } from '../api/mod.ts';
import { createCache } from './cache.ts';
import { cacheKeyOf } from './informer.ts';

type Op =
  | { readonly do: 'apply' | 'remove'; readonly name: string; readonly color: string; readonly uid: number }
  | { readonly do: 'replace'; readonly names: readonly string[]; readonly color: string };

let revision = 0;
const make = (name: string, color: string, uid: number): Persisted<V1ConfigMap> => ({
  metadata: {
    name,
    namespace: name < 'c' ? 'low' : 'high',
    uid: `${name}${uid}`,
    resourceVersion: String(++revision),
    creationTimestamp: 'x',
  },
  data: { color },
});

const name = fc.constantFrom('a', 'b', 'c', 'd');
const color = fc.constantFrom('red', 'blue', '');
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ do: fc.constantFrom('apply' as const, 'remove' as const), name, color, uid: fc.nat(1) }),
  fc.record({ do: fc.constant('replace' as const), names: fc.uniqueArray(name), color }),
);

test('agrees with a map, index by index and change by change', () => {
  fc.assert(
    fc.property(fc.array(op, { maxLength: 40 }), fc.nat(10), (ops, lateAt) => {
      const { reader, writer } = createCache<V1ConfigMap>({
        onHandlerError: (error) => {
          throw error;
        },
      });
      const model = new Map<string, Persisted<V1ConfigMap>>();
      const told = new Map<string, Persisted<V1ConfigMap>>();
      const listen = () =>
        reader.onChange(({ old, next }) => {
          const key = cacheKeyOf(next ?? old ?? {});
          // What a handler is told, the cache shows already.
          expect(reader.get(key)).toBe(next);
          expect(told.has(key)).toBe(old !== undefined);
          if (next) told.set(key, next);
          else told.delete(key);
        });
      if (lateAt > 5) listen();
      ops.forEach((one, i) => {
        if (i === lateAt && lateAt <= 5) {
          listen();
          reader.addIndex('color', (object) => (object.data?.color ? [object.data.color] : []));
        }
        if (one.do === 'replace') {
          const list = one.names.map((each) => make(each, one.color, 0));
          model.clear();
          for (const object of list) model.set(cacheKeyOf(object), object);
          writer.replaceAll(list);
        } else {
          const object = make(one.name, one.color, one.uid);
          if (one.do === 'apply') model.set(cacheKeyOf(object), object);
          else model.delete(cacheKeyOf(object));
          if (one.do === 'apply') writer.apply(object);
          else writer.remove(object);
        }
      });
      reader.addIndex('color', (object) => (object.data?.color ? [object.data.color] : []));
      const byName = (list: readonly Persisted<V1ConfigMap>[]) => list.map(cacheKeyOf).sort();
      const expected = [...model.values()];
      expect(byName(reader.list())).toEqual(byName(expected));
      for (const object of expected) expect(reader.get(cacheKeyOf(object))).toBe(object);
      for (const namespace of ['low', 'high']) {
        expect(byName(reader.list(namespace))).toEqual(byName(expected.filter((object) => object.metadata.namespace === namespace)));
      }
      for (const value of ['red', 'blue']) {
        expect(byName(reader.byIndex('color', value))).toEqual(byName(expected.filter((object) => object.data?.color === value)));
      }
      if (lateAt > 5) expect([...told.keys()].sort()).toEqual(byName(expected));
    }),
  );
});
