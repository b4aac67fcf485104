// Config maps and secrets for a node that may read those of its own pods alone, each by its name: one watch for each that a pod of
// the node refers to, for as long as one does. Source: https://kubernetes.io/docs/reference/access-authn-authz/node/
import { hasReason, type KubeObject, type ResourceType, type V1ConfigMap, type V1Secret } from '../api/mod.ts';
import { type Clock, childController, type Logger, type Random, StoppedError } from '../base/mod.ts';
import { type Client, createInformers, type Informer, type Informers } from '../client/mod.ts';
import { configMaps, pods, secrets, services } from './api-resources.ts';
import { referencesOf } from './pod/references.ts';
import type { ReferenceCache } from './reference-cache.ts';

export interface OwnReferencesOptions {
  /** Of this node's pods, and of services. */
  readonly informers: Informers;
  /** Acts as the node. */
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

interface Followed {
  readonly informer: Informer<KubeObject>;
  /** Asked for before the watch had it. */
  fetched: KubeObject | undefined;
  /** Uids of pods. */
  readonly users: Set<string>;
  stop(): void;
}

function follow(options: OwnReferencesOptions, full: string, onChange: () => void): Followed {
  const { controller, unlink } = childController(options.signal);
  const { type, namespace, name } = partsOf(full);
  const client = only(options.client, namespace, name);
  const own = createInformers({ ...options, random: options.random.child(full), client, signal: controller.signal });
  const one: Followed = {
    informer: own.of(type),
    fetched: undefined,
    users: new Set(),
    stop() {
      controller.abort(new StoppedError(`watch of ${full}`));
      unlink();
    },
  };
  one.informer.onChange(() => {
    one.fetched = undefined;
    onChange();
  });
  return one;
}

export function createOwnReferences(options: OwnReferencesOptions): ReferenceCache {
  const { informers, client } = options;
  const podCache = informers.of(pods);
  const serviceCache = informers.of(services);
  const followed = new Map<string, Followed>();
  const handlers = new Set<(key: string) => void>();

  const start = (full: string): Followed => {
    const one = follow(options, full, () => {
      for (const handler of handlers) handler(full);
    });
    followed.set(full, one);
    return one;
  };

  podCache.onChange(({ old, next }) => {
    const before = old ? referencesOf(old) : [];
    const after = next ? referencesOf(next) : new Set<string>();
    for (const full of after) (followed.get(full) ?? start(full)).users.add(next?.metadata.uid ?? '');
    for (const full of before) {
      const one = followed.get(full);
      if (!one || (after.has(full) && old?.metadata.uid === next?.metadata.uid)) continue;
      one.users.delete(old?.metadata.uid ?? '');
      if (one.users.size > 0) continue;
      followed.delete(full);
      one.stop();
    }
  });

  const find = (full: string, key: string): KubeObject | undefined => {
    const one = followed.get(full);
    return one?.informer.get(key) ?? one?.fetched;
  };
  return {
    synced: Promise.all([serviceCache.synced, podCache.synced]),
    configMap: (key) => find(`configmap/${key}`, key) as V1ConfigMap | undefined,
    secret: (key) => find(`secret/${key}`, key) as V1Secret | undefined,
    services: { list: (namespace) => serviceCache.list(namespace), get: (key) => serviceCache.get(key) },
    async load(keys, signal) {
      for (const full of keys) {
        const { type, namespace, name } = partsOf(full);
        const one = followed.get(full);
        if (!one || one.informer.get(`${namespace}/${name}`)) continue;
        try {
          one.fetched = await client.get(type, { namespace, name }, { signal });
        } catch (error) {
          if (!hasReason(error, 'NotFound', 'Forbidden')) throw error;
        }
      }
    },
    onChange(handler) {
      handlers.add(handler);
      return () => handlers.delete(handler);
    },
  };
}

function partsOf(full: string): { readonly type: ResourceType<KubeObject>; readonly namespace: string; readonly name: string } {
  const [kind, namespace = '', name = ''] = full.split('/');
  return { type: (kind === 'configmap' ? configMaps : secrets) as ResourceType<KubeObject>, namespace, name };
}

/** Lists and watches one object. */
const only = (client: Client, namespace: string, name: string): Client => ({
  ...client,
  list: (type, options) => client.list(type, { ...options, namespace, fieldSelector: `metadata.name=${name}` }),
  watch: (type, options) => client.watch(type, { ...options, namespace, fieldSelector: `metadata.name=${name}` }),
});
