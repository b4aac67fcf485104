// For tests of the loops that keep tables: caches that the test fills, and what nft lists of the test's own packet filter.
import type { KubeObject, Persisted } from '../../api/mod.ts';
import { type ChangeHandler, cacheKeyOf, type Informer } from '../../client/mod.ts';
import type { PacketFilter } from './trace.fake.ts';

/** A cache that the test fills. */
export function fakeInformer<T extends KubeObject>(): Informer<T> & { set(object: T): void; remove(key: string): void } {
  const objects = new Map<string, Persisted<T>>();
  const handlers = new Set<ChangeHandler<T>>();
  let serviceOf: (object: Persisted<T>) => readonly string[] = () => [];
  const change = (key: string, next: Persisted<T> | undefined) => {
    const old = objects.get(key);
    if (next) objects.set(key, next);
    else objects.delete(key);
    for (const handler of handlers) handler({ old, next });
  };
  return {
    type: { group: '', version: 'v1', kind: '', resource: '', namespaced: true },
    synced: Promise.resolve(),
    hasSynced: true,
    get: (key) => objects.get(key),
    list: () => [...objects.values()],
    byIndex: (_, value) => [...objects.values()].filter((object) => serviceOf(object).includes(value)),
    addIndex: (_, valuesOf) => {
      serviceOf = valuesOf;
    },
    onChange(handler) {
      handlers.add(handler);
      for (const next of objects.values()) handler({ old: undefined, next });
      return () => handlers.delete(handler);
    },
    set: (object) => change(cacheKeyOf(object), object as Persisted<T>),
    remove: (key) => change(key, undefined),
  };
}

/** As nft lists it. */
export function listing(filter: PacketFilter): string {
  const concat = (text: string) =>
    text.includes(' . ') ? { concat: text.split(' . ').map((part) => (/^\d+$/.test(part) ? Number(part) : part)) } : text;
  const value = (text: string) =>
    text === 'drop' ? { drop: null } : text.startsWith('goto ') ? { goto: { target: text.slice(5) } } : concat(text);
  const sets = [...filter.sets].map(([name, elements]) => {
    const isMap = [...elements.values()].some((one) => one !== '');
    const elem = [...elements].map(([key, one]) => (isMap ? [concat(key), value(one)] : concat(key)));
    return isMap ? { map: { name, elem } } : { set: { name, elem } };
  });
  const chains = [...filter.chains].flatMap(([name, rules]) => [{ chain: { name } }, ...rules.map(() => ({ rule: { chain: name } }))]);
  return JSON.stringify({ nftables: [...sets, ...chains] });
}
