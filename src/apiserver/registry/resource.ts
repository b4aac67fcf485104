// A served resource: its kind, its cache, its keys, and how errors name it.
import { type KindDefinition, type KubeObject, qualifiedResource, type Subject } from '../../api/mod.ts';
import { type CachedResource, type CacheEntry, keyOf, type ResourceCache, storePrefix } from '../watch-cache/mod.ts';
import type { ServerHooks } from './hooks.ts';

export interface Resource {
  readonly kind: KindDefinition;
  /** Every kind that serves its objects: `kind` first, then those that convert. */
  readonly versions: readonly KindDefinition[];
  readonly cache: ResourceCache;
  readonly hooks: ServerHooks;
  /** `pods`, `deployments.apps`. */
  readonly qualified: string;
  keyOf(namespace: string | undefined, name: string): string;
  get(namespace: string | undefined, name: string): CacheEntry | undefined;
  /** An entry in the form that is stored now, where it may still be in an older one that another process converts. Absent: it never is. */
  readonly current?: ((entry: CacheEntry) => Promise<CacheEntry>) | undefined;
  /** What an error about one object, or about the resource, is about. */
  subject(name?: string): Subject;
}

/** `/registry/core/pods/`, `/registry/apps/deployments/`. */
export const prefixOf = (kind: Pick<KindDefinition, 'group' | 'resource'>): string =>
  `${storePrefix}${kind.group === '' ? 'core' : kind.group}/${kind.resource}/`;

export const cachedResourceOf = (kind: KindDefinition): CachedResource => ({
  prefix: prefixOf(kind),
  namespaced: kind.namespaced,
  fields: kind.selectableFields,
  // Events are many, and few are read.
  textOnly: kind.expires,
});

export interface ResourceParts {
  readonly kind: KindDefinition;
  readonly cache: ResourceCache;
  readonly hooks?: ServerHooks | undefined;
  /** Those that show its objects in another version. */
  readonly converted?: readonly KindDefinition[];
  readonly current?: Resource['current'];
}

export function createResource({ kind, cache, hooks = {}, converted = [], current }: ResourceParts): Resource {
  return {
    kind,
    versions: [kind, ...converted],
    cache,
    hooks,
    current,
    qualified: qualifiedResource(kind),
    keyOf: (namespace, name) => keyOf(cache.resource, namespace, name),
    get: (namespace, name) => cache.get(keyOf(cache.resource, namespace, name)),
    subject: (name) => ({ group: kind.group, resource: kind.resource, name }),
  };
}

/** The name and namespace of a stored object. */
export const nameOf = (object: KubeObject): string => object.metadata?.name ?? '';
export const namespaceOf = (object: KubeObject): string | undefined => object.metadata?.namespace;
