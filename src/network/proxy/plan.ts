// From what services ask for to the smallest change of the packet filter: element by element. Pure; keeps what has been planned so far.
import { type IpRange, isInRange, parseRange } from '../../api/mod.ts';
import { type Backend, backendKey } from './backends.ts';
import type { Frontend, FrontendTable, Protocol } from './model.ts';

/** Sets and maps of the table. Each frontend table has a map to verdicts (its own name), and one a protocol from frontend and slot to backend. */
export type SetName =
  | FrontendTable
  | `${FrontendTable}-${Protocol}`
  | 'unserved-addresses'
  | 'unserved-nodeports'
  | 'hairpin'
  | 'remote'
  | 'guarded'
  | 'admitted';

export interface Element {
  readonly set: SetName;
  readonly key: string;
  /** Empty in sets. */
  readonly value: string;
}

/** A chain that picks one of `size` backends of any frontend in the table. */
export interface Balancer {
  readonly table: FrontendTable;
  readonly protocol: Protocol;
  readonly size: number;
}

/** A chain that keeps clients at their backend. */
export interface Affinity {
  readonly name: string;
  readonly protocol: Protocol;
  readonly seconds: number;
  readonly backends: readonly Backend[];
}

/** One transaction. Applied in this order: balancers, affinities defined, elements removed, added, affinities removed. */
export interface Change {
  readonly balancers: readonly Balancer[];
  readonly defined: readonly { readonly affinity: Affinity; readonly before: Affinity | undefined }[];
  readonly removed: readonly Element[];
  readonly added: readonly Element[];
  readonly forgotten: readonly Affinity[];
  /** UDP backends that a frontend has no more. The kernel would send standing flows there as long as clients keep sending. */
  readonly left: readonly LeftBackend[];
}

export interface LeftBackend {
  readonly frontend: Pick<Frontend, 'table' | 'key'>;
  readonly backend: Backend;
}

export const balancerName = ({ table, protocol, size }: Balancer): string => `pick-${table}-${protocol}-${size}`;
export const refuseChain = 'refuse';

/** Keeps every other backend's place: of n backends, one that comes or goes moves at most one other. */
export function assignSlots(before: readonly Backend[], wanted: readonly Backend[]): readonly Backend[] {
  const left = new Map(wanted.map((backend) => [backendKey(backend), backend]));
  const slots = before.slice(0, wanted.length).map((backend) => {
    const key = backendKey(backend);
    const kept = left.get(key);
    if (kept) left.delete(key);
    return kept;
  });
  while (slots.length < wanted.length) slots.push(undefined);
  const fresh = left.values();
  return slots.map((slot) => slot ?? (fresh.next().value as Backend));
}

interface Held {
  readonly frontend: Frontend;
  readonly slots: readonly Backend[];
  readonly elements: readonly Element[];
}

interface Counted<T> {
  readonly value: T;
  readonly count: number;
}

/** The protocol is the map's: `10.96.0.10 . 53 . 2`. */
const slotKey = ({ key, protocol }: Frontend, slot: number): string => `${key.replace(`${protocol} . `, '')} . ${slot}`;
const idOf = ({ table, key }: Pick<Frontend, 'table' | 'key'>): string => `${table} ${key}`;
const elementId = ({ set, key }: Element): string => `${set} ${key}`;

/** What is wanted of one family, and what has been planned of it. After a transaction that failed, `everything` is the truth to write anew. */
export class Program {
  readonly #pods: IpRange | undefined;
  readonly #wanted = new Map<string, readonly Frontend[]>();
  /** Who asks for a frontend. The owner that sorts first gets it. */
  readonly #claims = new Map<string, Map<string, Frontend>>();
  readonly #held = new Map<string, Held>();
  readonly #elements = new Map<string, Counted<Element>>();
  readonly #affinities = new Map<string, Counted<Affinity>>();
  readonly #balancers = new Map<string, Balancer>();
  readonly #touched = new Set<string>();

  /** `podCidr`: this node's pods, who may reach themselves, and from whom answers come back by themselves. */
  constructor(podCidr: string) {
    this.#pods = parseRange(podCidr);
  }

  /** Replaces everything that `owner` (a service's key) asks for. */
  want(owner: string, frontends: readonly Frontend[]): void {
    for (const frontend of this.#wanted.get(owner) ?? []) {
      this.#claims.get(idOf(frontend))?.delete(owner);
      this.#touched.add(idOf(frontend));
    }
    for (const frontend of frontends) {
      const id = idOf(frontend);
      const claims = this.#claims.get(id) ?? new Map<string, Frontend>();
      claims.set(owner, frontend);
      this.#claims.set(id, claims);
      this.#touched.add(id);
    }
    if (frontends.length > 0) this.#wanted.set(owner, frontends);
    else this.#wanted.delete(owner);
  }

  /** What leads from the last plan to what is wanted now; undefined when nothing does. */
  plan(): Change | undefined {
    const elementsBefore = new Map<string, Element | undefined>();
    const affinitiesBefore = new Map<string, Affinity | undefined>();
    const balancers: Balancer[] = [];
    const left: LeftBackend[] = [];
    for (const id of this.#touched) {
      const held = this.#held.get(id);
      const frontend = this.#winner(id);
      const next = frontend ? this.#hold(frontend, held) : undefined;
      if (frontend && frontend.backends.length > 0 && !frontend.affinity) balancers.push(...this.#balancer(frontend));
      for (const one of next?.elements ?? []) count(this.#elements, elementId(one), one, 1, elementsBefore);
      for (const one of held?.elements ?? []) count(this.#elements, elementId(one), one, -1, elementsBefore);
      const [affinity, gone] = [next && affinityOf(next.frontend), held && affinityOf(held.frontend)];
      if (affinity) count(this.#affinities, affinity.name, affinity, 1, affinitiesBefore);
      if (gone) count(this.#affinities, gone.name, gone, -1, affinitiesBefore);
      left.push(...leftBackends(held, next));
      if (next) this.#held.set(id, next);
      else this.#held.delete(id);
    }
    this.#touched.clear();
    const change = this.#difference(elementsBefore, affinitiesBefore);
    return change && { ...change, balancers, left };
  }

  /** All that is wanted, as a change of an empty table. Forgets which balancers were made for sizes that nobody has any more. */
  everything(): Change {
    this.plan();
    this.#balancers.clear();
    for (const { frontend } of this.#held.values()) {
      if (frontend.backends.length > 0 && !frontend.affinity) this.#balancer(frontend);
    }
    return this.standing();
  }

  /** What the table holds when every plan so far has been carried out, as a change of an empty one. */
  standing(): Change {
    return {
      balancers: [...this.#balancers.values()],
      defined: [...values(this.#affinities)].map((affinity) => ({ affinity, before: undefined })),
      removed: [],
      added: [...values(this.#elements)],
      forgotten: [],
      left: [],
    };
  }

  #winner(id: string): Frontend | undefined {
    const claims = this.#claims.get(id);
    if (!claims || claims.size === 0) {
      this.#claims.delete(id);
      return undefined;
    }
    const [first = ''] = claims.size === 1 ? claims.keys() : [...claims.keys()].sort();
    return claims.get(first);
  }

  #hold(frontend: Frontend, held: Held | undefined): Held {
    const slots = assignSlots(held?.slots ?? [], frontend.backends);
    return { frontend, slots, elements: elementsOf(frontend, slots, this.#pods) };
  }

  #balancer({ table, protocol, backends }: Frontend): readonly Balancer[] {
    const balancer = { table, protocol, size: backends.length };
    const name = balancerName(balancer);
    if (this.#balancers.has(name)) return [];
    this.#balancers.set(name, balancer);
    return [balancer];
  }

  #difference(
    elementsBefore: ReadonlyMap<string, Element | undefined>,
    affinitiesBefore: ReadonlyMap<string, Affinity | undefined>,
  ): Omit<Change, 'balancers' | 'left'> | undefined {
    const removed: Element[] = [];
    const added: Element[] = [];
    for (const [id, before] of elementsBefore) {
      const after = this.#elements.get(id)?.value;
      if (before?.value === after?.value) continue;
      if (before) removed.push(before);
      if (after) added.push(after);
    }
    const defined: { affinity: Affinity; before: Affinity | undefined }[] = [];
    const forgotten: Affinity[] = [];
    for (const [name, before] of affinitiesBefore) {
      const affinity = this.#affinities.get(name)?.value;
      if (affinity && !(before && sameAffinity(before, affinity))) defined.push({ affinity, before });
      if (!affinity && before) forgotten.push(before);
    }
    const isEmpty = removed.length + added.length + defined.length + forgotten.length === 0;
    return isEmpty ? undefined : { defined, removed, added, forgotten };
  }
}

function* values<T>(counted: ReadonlyMap<string, Counted<T>>): Iterable<T> {
  for (const { value } of counted.values()) yield value;
}

/** Several frontends may have an element in common: it stays until the last has gone. */
function count<T>(all: Map<string, Counted<T>>, id: string, value: T, by: 1 | -1, before: Map<string, T | undefined>): void {
  const known = all.get(id);
  if (!before.has(id)) before.set(id, known?.value);
  const next = (known?.count ?? 0) + by;
  if (next === 0) all.delete(id);
  else all.set(id, { value: by === 1 || !known ? value : known.value, count: next });
}

function sameAffinity(a: Affinity, b: Affinity): boolean {
  return a.seconds === b.seconds && a.protocol === b.protocol && a.backends.map(backendKey).join() === b.backends.map(backendKey).join();
}

function affinityOf({ affinity, backends, protocol }: Frontend): Affinity | undefined {
  return affinity && backends.length > 0 ? { ...affinity, protocol, backends } : undefined;
}

function leftBackends(before: Held | undefined, after: Held | undefined): readonly LeftBackend[] {
  if (before?.frontend.protocol !== 'udp') return [];
  const kept = new Set((after?.slots ?? []).map(backendKey));
  return before.slots.filter((backend) => !kept.has(backendKey(backend))).map((backend) => ({ frontend: before.frontend, backend }));
}

function elementsOf(frontend: Frontend, slots: readonly Backend[], pods: IpRange | undefined): readonly Element[] {
  const { table, key, protocol, sources = [] } = frontend;
  const guards: readonly Element[] =
    sources.length === 0
      ? []
      : [{ set: 'guarded', key, value: '' }, ...sources.map((s): Element => ({ set: 'admitted', key: `${key} . ${s}`, value: '' }))];
  if (slots.length === 0) return [...guards, ...unserved(frontend)];
  const verdict = `goto ${frontend.affinity?.name ?? balancerName({ table, protocol, size: slots.length })}`;
  const ways = slots.map(({ address, port }): Element => {
    const isPod = pods !== undefined && isInRange(address, pods);
    return isPod
      ? { set: 'hairpin', key: `${address} . ${address}`, value: '' }
      : { set: 'remote', key: `${address} . ${protocol} . ${port}`, value: '' };
  });
  const backends = frontend.affinity
    ? []
    : slots.map((backend, slot): Element => ({ set: `${table}-${protocol}`, key: slotKey(frontend, slot), value: backendKey(backend) }));
  return [...guards, { set: table, key, value: verdict }, ...backends, ...ways];
}

/** Who is inside and finds nothing in its own tables is answered by the general ones. */
function unserved({ table, key, otherwise }: Frontend): readonly Element[] {
  if (table === 'inside-addresses' || table === 'inside-nodeports') return [];
  return [{ set: `unserved-${table}`, key, value: otherwise === 'refuse' ? `goto ${refuseChain}` : 'drop' }];
}
