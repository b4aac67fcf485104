// The resources that definitions define, as they are served now: looked up by every request that no built-in kind answers.
import { isDeepStrictEqual } from 'node:util';
import {
  type ConvertObjects,
  type CustomKinds,
  customKindsOf,
  type GroupVersionResource,
  isConditionTrue,
  type KindDefinition,
  type KubeObject,
  type V1CustomResourceDefinition,
} from '../../api/mod.ts';
import { type DynamicResources, resourceKey } from '../registry/registry.ts';
import { createResource, prefixOf, type Resource } from '../registry/resource.ts';
import { type CachedResource, type CacheEntry, ReadEntry, type ResourceCache, type WatchCache } from '../watch-cache/mod.ts';
import { isEstablished } from './naming.ts';

interface Served {
  /** What the kinds were made of: while it says the same, so do they. */
  readonly definition: V1CustomResourceDefinition;
  readonly kinds: CustomKinds;
  readonly resource: Resource;
}

interface Tables {
  readonly kinds: readonly KindDefinition[];
  readonly resources: readonly Resource[];
  readonly byName: ReadonlyMap<string, { readonly kind: KindDefinition; readonly resource: Resource }>;
  /** By group and resource, in whatever version. */
  readonly stored: ReadonlyMap<string, Resource>;
}

const nameOf = (definition: KubeObject): string => definition.metadata?.name ?? '';
const isTerminating = ({ status }: V1CustomResourceDefinition): boolean => isConditionTrue(status?.conditions, 'Terminating');
const sameSpec = (a: V1CustomResourceDefinition, b: V1CustomResourceDefinition): boolean =>
  a.spec === b.spec || isDeepStrictEqual(a.spec, b.spec);
const sameNames = (a: V1CustomResourceDefinition, b: V1CustomResourceDefinition): boolean =>
  isTerminating(a) === isTerminating(b) && isDeepStrictEqual(a.status?.acceptedNames, b.status?.acceptedNames);

const inStoredVersion = (entry: CacheEntry, object: KubeObject): CacheEntry =>
  object === entry.object ? entry : new ReadEntry(entry, () => object);

const cachedOf = ({ stored, read }: CustomKinds): CachedResource => ({
  prefix: prefixOf(stored),
  namespaced: stored.namespaced,
  fields: stored.selectableFields,
  read,
});

/**
 * Follows the definitions in the cache: whoever asks is answered by how they stand at that moment. A resource is served when its definition
 * is established and its objects have been read.
 */
export class ServedResources implements DynamicResources {
  readonly #cache: WatchCache;
  readonly #definitions: ResourceCache;
  readonly #convert: ConvertObjects;
  readonly #byDefinition = new Map<string, Served>();
  #tables: Tables | undefined;
  /** The tables before: lists that say the same are the same lists, so that what is made of them stands. */
  #before: Pick<Tables, 'kinds' | 'resources'> = { kinds: [], resources: [] };
  #seen = -1;

  constructor(cache: WatchCache, definitions: ResourceCache, convert: ConvertObjects) {
    this.#cache = cache;
    this.#definitions = definitions;
    this.#convert = convert;
  }

  /** The same list until something changes. */
  get kinds(): readonly KindDefinition[] {
    return this.#current().kinds;
  }

  get resources(): readonly Resource[] {
    return this.#current().resources;
  }

  findKind(of: GroupVersionResource): KindDefinition | undefined {
    return this.#current().byName.get(resourceKey(of))?.kind;
  }

  find(of: GroupVersionResource): Resource | undefined {
    const found = this.#current().byName.get(resourceKey(of));
    return found?.kind.version === found?.resource.kind.version ? found?.resource : undefined;
  }

  /** A request under way may still have the kind as it was. */
  of(kind: KindDefinition): Resource | undefined {
    return this.#current().stored.get(`${kind.group}/${kind.resource}`);
  }

  /** The resource of a definition; also before it is established, once it is prepared. */
  resourceOf(definition: string): Resource | undefined {
    return this.#byDefinition.get(definition)?.resource;
  }

  /** Takes in what has changed, and ends the watches of what is gone. */
  sync(): void {
    const definitions = this.#definitions;
    if (definitions.lastChange === this.#seen) return;
    const changed = this.#seen < definitions.ring.floor ? undefined : definitions.ring.after(this.#seen);
    this.#seen = definitions.lastChange;
    this.#tables = undefined;
    if (changed === undefined) return this.#syncAll();
    for (const { next, previous } of changed) {
      if (next) this.#update(next.object as V1CustomResourceDefinition);
      else if (previous) this.#forget(nameOf(previous.object));
    }
  }

  /** Reads the objects of a definition, so that it can be served as soon as it is established. */
  async prepare(definition: V1CustomResourceDefinition): Promise<void> {
    this.sync();
    const name = nameOf(definition);
    if (this.#byDefinition.has(name)) return;
    const kinds = customKindsOf(definition, this.#convert);
    this.#serve(definition, kinds, await this.#cache.add(cachedOf(kinds)));
    // It may have changed, or gone, while its objects were read.
    const standing = this.#standing(name);
    if (standing) this.#update(standing);
    else this.#forget(name);
  }

  #standing(name: string): V1CustomResourceDefinition | undefined {
    return this.#definitions.get(`${this.#definitions.resource.prefix}${name}`)?.object as V1CustomResourceDefinition | undefined;
  }

  #syncAll(): void {
    const standing = this.#definitions.page({}).entries.map((entry) => entry.object as V1CustomResourceDefinition);
    const names = new Set(standing.map(nameOf));
    for (const name of [...this.#byDefinition.keys()]) if (!names.has(name)) this.#forget(name);
    for (const definition of standing) this.#update(definition);
  }

  #serve(definition: V1CustomResourceDefinition, kinds: CustomKinds, objects: ResourceCache): void {
    const converted = kinds.served.filter((kind) => kind !== kinds.stored);
    const { stored: kind, current } = kinds;
    const settle = current && (async (entry: CacheEntry) => inStoredVersion(entry, await current(entry.object)));
    const resource = createResource({ kind, cache: objects, converted, current: settle });
    this.#byDefinition.set(nameOf(definition), { definition, kinds, resource });
    this.#tables = undefined;
  }

  #forget(name: string): void {
    const served = this.#byDefinition.get(name);
    if (!served) return;
    this.#byDefinition.delete(name);
    this.#cache.remove(prefixOf(served.kinds.stored));
    this.#tables = undefined;
  }

  /** Of a definition that has changed since it was last looked at. */
  #update(definition: V1CustomResourceDefinition): void {
    const served = this.#byDefinition.get(nameOf(definition));
    if (!served) return;
    if (served.definition.metadata?.uid !== definition.metadata?.uid) return this.#forget(nameOf(definition));
    const same = sameSpec(served.definition, definition);
    if (same && sameNames(served.definition, definition)) return;
    const kinds = customKindsOf(definition, this.#convert);
    this.#serve(definition, kinds, same ? served.resource.cache : this.#cache.redefine(cachedOf(kinds)));
  }

  #current(): Tables {
    this.sync();
    this.#tables ??= this.#makeTables();
    return this.#tables;
  }

  #makeTables(): Tables {
    const byName = new Map<string, { readonly kind: KindDefinition; readonly resource: Resource }>();
    const stored = new Map<string, Resource>();
    for (const [name, { kinds, resource }] of this.#byDefinition) {
      const definition = this.#standing(name);
      if (!definition || !isEstablished(definition)) continue;
      stored.set(`${kinds.stored.group}/${kinds.stored.resource}`, resource);
      for (const kind of kinds.served) byName.set(resourceKey(kind), { kind, resource });
    }
    const kinds = unlessSame(
      [...byName.values()].map(({ kind }) => kind),
      this.#before.kinds,
    );
    const resources = unlessSame([...stored.values()], this.#before.resources);
    this.#before = { kinds, resources };
    return { kinds, resources, byName, stored };
  }
}

/** The list as it was where nothing in it is another. */
const unlessSame = <T>(next: readonly T[], before: readonly T[]): readonly T[] =>
  next.length === before.length && next.every((one, at) => one === before[at]) ? before : next;
