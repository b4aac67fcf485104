// A small API server for tests of the kubelet: objects in maps, informers over them, status patches, graceful deletion of pods.
import {
  conflict,
  deepFreeze,
  type KubeObject,
  notFound,
  type Persisted,
  type ResourceType,
  type V1Pod,
  type V1PodCondition,
} from '../../api/mod.ts';
import type { ChangeHandler, Client, Informer, Informers } from '../../client/mod.ts';

type Stored = Persisted<KubeObject & { readonly spec?: unknown; readonly status?: Record<string, unknown> }>;

export interface FakeApi {
  readonly client: Client;
  readonly informers: Informers;
  put<T extends KubeObject>(resource: string, object: T): Persisted<T>;
  /** As DELETE of a pod: marks it; a grace of 0 removes it at once. */
  deletePod(name: string, graceSeconds: number): void;
  remove(resource: string, key: string): void;
  pod(name: string): Persisted<V1Pod> | undefined;
  readonly events: { readonly object: string; readonly type: string; readonly reason: string; readonly message: string }[];
  readonly recorder: { record(object: { name?: string | undefined }, type: 'Normal' | 'Warning', reason: string, message: string): void };
  /** Every status patch that came. */
  readonly statusWrites: number;
  /** Called before each write; what it throws is the answer. */
  before: () => void;
}

export function createFakeApi(nowMs: () => number): FakeApi {
  const resources = new Map<string, Map<string, Stored>>();
  const handlers = new Map<string, Set<ChangeHandler<KubeObject>>>();
  let revision = 1;
  let statusWrites = 0;
  const events: { object: string; type: string; reason: string; message: string }[] = [];
  const of = (resource: string) => resources.get(resource) ?? resources.set(resource, new Map()).get(resource) ?? new Map<string, Stored>();
  const keyOf = (key: { namespace?: string | undefined; name: string }) => (key.namespace ? `${key.namespace}/${key.name}` : key.name);
  const time = () => `${new Date(nowMs()).toISOString().slice(0, 19)}Z`;

  function commit(resource: string, key: string, next: Stored | undefined): Stored | undefined {
    const old = of(resource).get(key);
    const stored = next && (deepFreeze({ ...next, metadata: { ...next.metadata, resourceVersion: String(++revision) } }) as Stored);
    if (stored) of(resource).set(key, stored);
    else of(resource).delete(key);
    for (const handler of handlers.get(resource) ?? []) handler({ old, next: stored });
    return stored;
  }

  function put<T extends KubeObject>(resource: string, object: T): Persisted<T> {
    const { name = '', namespace } = object.metadata ?? {};
    const metadata = { uid: `uid-${name}-${revision}`, creationTimestamp: time(), generation: 1, ...object.metadata };
    return commit(resource, keyOf({ namespace, name }), { ...object, metadata } as unknown as Stored) as unknown as Persisted<T>;
  }

  function patchStatus(resource: string, key: string, patch: { metadata?: { uid?: string }; status?: Record<string, unknown> }): Stored {
    const old = of(resource).get(key);
    if (!old) throw notFound({ group: '', resource, name: key });
    if (patch.metadata?.uid !== undefined && patch.metadata.uid !== old.metadata.uid) {
      throw conflict({ group: '', resource, name: key }, 'other uid');
    }
    statusWrites++;
    const status: Record<string, unknown> = { ...old.status };
    for (const [field, value] of Object.entries(patch.status ?? {})) {
      if (value === null) delete status[field];
      else if (field === 'conditions') status[field] = mergeConditions(status[field], value);
      else if (field === 'podIPs' || field === 'hostIPs' || field === 'addresses')
        status[field] = (value as { $patch?: string }[]).filter((one) => !one.$patch);
      else status[field] = value;
    }
    return commit(resource, key, { ...old, status }) as Stored;
  }

  function deletePod(name: string, graceSeconds: number): void {
    const key = `default/${name}`;
    const pod = of('pods').get(key);
    if (!pod) return;
    if (graceSeconds === 0) {
      commit('pods', key, { ...pod, metadata: { ...pod.metadata, deletionTimestamp: time(), deletionGracePeriodSeconds: 0 } });
      commit('pods', key, undefined);
      return;
    }
    const grace = Math.min(graceSeconds, pod.metadata.deletionGracePeriodSeconds ?? graceSeconds);
    const metadata = { ...pod.metadata, deletionTimestamp: pod.metadata.deletionTimestamp ?? time(), deletionGracePeriodSeconds: grace };
    commit('pods', key, { ...pod, metadata });
  }

  function informer<T extends KubeObject>(type: ResourceType<T>): Informer<T> {
    const { resource } = type;
    const all = () => [...of(resource).values()] as unknown as Persisted<T>[];
    const indexes = new Map<string, (object: Persisted<T>) => readonly string[]>();
    return {
      type,
      synced: Promise.resolve(),
      hasSynced: true,
      get: (key) => of(resource).get(key) as unknown as Persisted<T> | undefined,
      list: (namespace) => all().filter((one) => namespace === undefined || one.metadata.namespace === namespace),
      byIndex: (index, value) => all().filter((one) => indexes.get(index)?.(one).includes(value)),
      addIndex: (index, valuesOf) => void indexes.set(index, valuesOf),
      onChange(handler) {
        const set = handlers.get(resource) ?? new Set<ChangeHandler<KubeObject>>();
        handlers.set(resource, set);
        set.add(handler as unknown as ChangeHandler<KubeObject>);
        for (const one of all()) handler({ old: undefined, next: one });
        return () => void set.delete(handler as unknown as ChangeHandler<KubeObject>);
      },
    };
  }

  const api: FakeApi = {
    put,
    deletePod,
    remove: (resource, key) => void commit(resource, key, undefined),
    pod: (name) => of('pods').get(`default/${name}`) as unknown as Persisted<V1Pod> | undefined,
    events,
    recorder: { record: (object, type, reason, message) => void events.push({ object: object.name ?? '', type, reason, message }) },
    get statusWrites() {
      return statusWrites;
    },
    before: () => {},
    informers: { of: informer, synced: async () => {}, release: () => {} },
    client: {
      async get(type, key) {
        const found = of(type.resource).get(keyOf(key));
        if (!found) throw notFound({ group: type.group, resource: type.resource, name: key.name });
        return found as never;
      },
      async create(type, object) {
        api.before();
        return put(type.resource, object);
      },
      async update(type, object) {
        api.before();
        return put(type.resource, object);
      },
      async patch(type, key, _patchType, patch) {
        api.before();
        return patchStatus(type.resource, keyOf(key), patch as never) as never;
      },
      async delete(type, key, options) {
        api.before();
        const found = of(type.resource).get(keyOf(key));
        if (!found) throw notFound({ group: type.group, resource: type.resource, name: key.name });
        if (options?.preconditions?.uid !== undefined && options.preconditions.uid !== found.metadata.uid) {
          throw conflict({ group: '', resource: type.resource, name: key.name }, 'other uid');
        }
        commit(type.resource, keyOf(key), undefined);
        return found;
      },
    } as Partial<Client> as Client,
  };
  return api;
}

function mergeConditions(old: unknown, patch: unknown): V1PodCondition[] {
  const merged = new Map(((old ?? []) as V1PodCondition[]).map((one) => [one.type, one as unknown as Record<string, unknown>]));
  for (const one of patch as V1PodCondition[]) {
    if ('$patch' in one) {
      merged.delete(one.type);
      continue;
    }
    const next: Record<string, unknown> = { ...merged.get(one.type), ...one };
    for (const key of Object.keys(next)) if (next[key] === null) delete next[key];
    merged.set(one.type, next);
  }
  return [...merged.values()] as unknown as V1PodCondition[];
}
