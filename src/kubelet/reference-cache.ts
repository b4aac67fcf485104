// Config maps, secrets and services as the node's pods refer to them: out of the process's informers, which may be a moment behind.
import { hasReason, type KubeObject, type ResourceType, type V1ConfigMap, type V1Secret } from '../api/mod.ts';
import type { Client, Informer, Informers } from '../client/mod.ts';
import { configMaps, secrets, services } from './api-resources.ts';
import type { References } from './container/env.ts';

/** Objects that were asked for because the cache did not have them yet; the oldest is forgotten when there are more. */
const fetchedMax = 500;

export interface ReferenceCache extends References {
  /** Resolves when the caches are filled. */
  readonly synced: Promise<unknown>;
  /** Asks the API for those of `keys` (`configmap/ns/name`, `secret/ns/name`) that no cache has: a pod may come before its config map. */
  load(keys: Iterable<string>, signal: AbortSignal): Promise<void>;
  /** Calls `handler` with the key of what has changed. Returns what removes it. */
  onChange(handler: (key: string) => void): () => void;
}

export function createReferenceCache({ informers, client }: { readonly informers: Informers; readonly client: Client }): ReferenceCache {
  const configMapCache = informers.of(configMaps);
  const secretCache = informers.of(secrets);
  const serviceCache = informers.of(services);
  const fetched = new Map<string, KubeObject>();

  function find<T extends KubeObject>(kind: string, cache: Informer<T>, key: string): T | undefined {
    return cache.get(key) ?? (fetched.get(`${kind}/${key}`) as T | undefined);
  }

  async function ask<T extends KubeObject>(type: ResourceType<T>, key: string, signal: AbortSignal): Promise<T | undefined> {
    const slash = key.indexOf('/');
    try {
      return await client.get(type, { namespace: key.slice(0, slash), name: key.slice(slash + 1) }, { signal });
    } catch (error) {
      if (hasReason(error, 'NotFound', 'Forbidden')) return undefined;
      throw error;
    }
  }

  return {
    synced: Promise.all([configMapCache.synced, secretCache.synced, serviceCache.synced]),
    configMap: (key) => find<V1ConfigMap>('configmap', configMapCache, key),
    secret: (key) => find<V1Secret>('secret', secretCache, key),
    services: { list: (namespace) => serviceCache.list(namespace), get: (key) => serviceCache.get(key) },
    async load(keys, signal) {
      for (const full of keys) {
        const slash = full.indexOf('/');
        const kind = full.slice(0, slash);
        const key = full.slice(slash + 1);
        const cached = kind === 'configmap' ? configMapCache.get(key) : secretCache.get(key);
        if (cached) continue;
        const found = kind === 'configmap' ? await ask(configMaps, key, signal) : await ask(secrets, key, signal);
        if (found) fetched.set(full, found);
        const oldest = fetched.keys().next().value;
        if (fetched.size > fetchedMax && oldest !== undefined) fetched.delete(oldest);
      }
    },
    onChange(handler) {
      const tell = (kind: string) => (change: { readonly old: KubeObject | undefined; readonly next: KubeObject | undefined }) => {
        const { namespace = '', name = '' } = (change.next ?? change.old)?.metadata ?? {};
        const key = `${kind}/${namespace}/${name}`;
        fetched.delete(key);
        handler(key);
      };
      const offs = [configMapCache.onChange(tell('configmap')), secretCache.onChange(tell('secret'))];
      return () => {
        for (const off of offs) off();
      };
    },
  };
}
