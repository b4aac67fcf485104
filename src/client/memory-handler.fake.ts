// A small API server in memory for tests of this folder: keys, revisions, finalizers and watches, no rules of kinds.
import {
  alreadyExists,
  apiVersionOf,
  conflict,
  deepFreeze,
  expired,
  type KubeObject,
  modifiedMessage,
  notFound,
  type Persisted,
  type ResourceType,
} from '../api/mod.ts';
import { BoundedQueue } from '../base/mod.ts';
import type { ApiHandler } from './handler.ts';
import type { ApiRequest, ApiResponse, WatchEvent } from './transport.ts';

type Stored = Persisted<KubeObject & { readonly spec?: unknown; readonly status?: unknown }>;
interface Watcher {
  readonly accepts: (resource: string, object: Stored) => boolean;
  readonly queue: BoundedQueue<WatchEvent>;
}

export interface MemoryHandler extends ApiHandler {
  /** Every request that came, as `verb resource key`. */
  readonly requests: string[];
  /** Called before each request; what it throws is the answer. */
  before: (request: ApiRequest) => void | Promise<void>;
  /** Ends every watch without an error, as a server that restarts. */
  endWatches(): void;
  /** Ends every watch; resuming from before now fails with 410. */
  compact(): void;
  bookmark(): void;
  readonly watching: number;
}

export function createMemoryHandler(now: () => number = () => 0): MemoryHandler {
  const objects = new Map<string, Stored>();
  const watchers = new Set<Watcher>();
  const history: { revision: number; resource: string; event: WatchEvent<Stored> }[] = [];
  let revision = 100;
  let compacted = 0;
  const requests: string[] = [];

  const keyOf = (request: ApiRequest) => `${request.resource.resource}/${request.namespace ?? ''}/${request.name ?? ''}`;
  const subject = (request: ApiRequest) => ({ ...request.resource, name: request.name });

  function commit(type: WatchEvent['type'], resource: ResourceType, key: string, next: object): Stored {
    revision++;
    const from = next as Stored;
    const object = deepFreeze({ ...from, metadata: { ...from.metadata, resourceVersion: String(revision) } }) as Stored;
    if (type === 'DELETED') objects.delete(key);
    else objects.set(key, object);
    history.push({ revision, resource: resource.resource, event: { type, object } });
    for (const watcher of watchers) if (watcher.accepts(resource.resource, object)) watcher.queue.push({ type, object });
    return object;
  }

  function stored(request: ApiRequest): Stored {
    const object = objects.get(keyOf(request));
    if (!object) throw notFound(subject(request));
    return object;
  }

  function create(request: ApiRequest): Stored {
    const body = request.body as KubeObject;
    const name = body.metadata?.name ?? `${body.metadata?.generateName ?? ''}${(revision + 1).toString(36)}`;
    const key = keyOf({ ...request, name });
    if (objects.has(key)) throw alreadyExists({ ...request.resource, name });
    const creationTimestamp = new Date(now()).toISOString().replace(/\.\d+Z$/, 'Z');
    return commit('ADDED', request.resource, key, {
      apiVersion: apiVersionOf(request.resource),
      kind: request.resource.kind,
      ...body,
      metadata: { ...body.metadata, name, uid: `uid-${revision + 1}`, creationTimestamp, generation: 1 },
    });
  }

  function replace(request: ApiRequest, next: Stored): Stored {
    const old = stored(request);
    const sent = next.metadata.resourceVersion;
    if (sent !== undefined && sent !== old.metadata.resourceVersion) throw conflict(subject(request), modifiedMessage);
    const kept: object =
      request.subresource === 'status'
        ? { ...old, metadata: next.metadata, status: next.status }
        : { ...next, ...(old.status ? { status: old.status } : {}) };
    const gone = old.metadata.deletionTimestamp !== undefined && (next.metadata.finalizers ?? []).length === 0;
    return commit(gone ? 'DELETED' : 'MODIFIED', request.resource, keyOf(request), kept);
  }

  function remove(request: ApiRequest): Stored {
    const old = stored(request);
    const preconditions = (request.body as { preconditions?: { uid?: string } } | undefined)?.preconditions;
    if (preconditions?.uid !== undefined && preconditions.uid !== old.metadata.uid) throw conflict(subject(request), 'other uid');
    const policy = (request.body as { propagationPolicy?: string } | undefined)?.propagationPolicy;
    const added = policy === 'Foreground' ? ['foregroundDeletion'] : policy === 'Orphan' ? ['orphan'] : [];
    const finalizers = [...(old.metadata.finalizers ?? []), ...added];
    if (finalizers.length === 0) return commit('DELETED', request.resource, keyOf(request), old);
    const { deletionTimestamp = new Date(now()).toISOString(), deletionGracePeriodSeconds: standing } = old.metadata;
    const deletionGracePeriodSeconds = (request.body as { gracePeriodSeconds?: number } | undefined)?.gracePeriodSeconds ?? standing ?? 30;
    // Once more is nothing new.
    if (old.metadata.deletionTimestamp !== undefined && added.length === 0 && deletionGracePeriodSeconds === standing) return old;
    const metadata = { ...old.metadata, finalizers, deletionTimestamp, deletionGracePeriodSeconds };
    return commit('MODIFIED', request.resource, keyOf(request), { ...old, metadata });
  }

  const inScope = (request: ApiRequest) => (resource: string, object: Stored) =>
    resource === request.resource.resource && (request.namespace === undefined || object.metadata.namespace === request.namespace);

  const scoped = (request: ApiRequest): Stored[] => {
    const accepts = inScope(request);
    return [...objects].filter(([key, object]) => accepts(key.split('/', 1)[0] ?? '', object)).map(([, object]) => object);
  };

  function run(request: ApiRequest): object {
    switch (request.verb) {
      case 'get':
        return stored(request);
      case 'list':
        return { kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: String(revision) }, items: scoped(request) };
      case 'create':
        return create(request);
      case 'update':
        return replace(request, request.body as Stored);
      case 'patch':
        return replace(request, mergePatch(stored(request), request.body) as Stored);
      case 'delete':
        return remove(request);
      case 'deletecollection':
        for (const object of scoped(request)) {
          remove({ ...request, name: object.metadata.name, namespace: object.metadata.namespace });
        }
        return { kind: 'Status', status: 'Success' };
      default:
        throw new Error(`no ${request.verb} here`);
    }
  }

  function open(request: ApiRequest): Watcher {
    const from = Number(request.query?.resourceVersion ?? revision);
    if (from < compacted) throw expired();
    const watcher: Watcher = { accepts: inScope(request), queue: new BoundedQueue(10_000) };
    for (const entry of history) {
      if (entry.revision > from && watcher.accepts(entry.resource, entry.event.object)) watcher.queue.push(entry.event);
    }
    watchers.add(watcher);
    return watcher;
  }

  const handler: MemoryHandler = {
    requests,
    before: () => {},
    get watching() {
      return watchers.size;
    },
    async send(request): Promise<ApiResponse> {
      requests.push(`${request.verb} ${keyOf(request)}`);
      await handler.before(request);
      request.signal?.throwIfAborted();
      return { status: 200, object: deepFreeze(run(request)), warnings: [] };
    },
    async *watch(request) {
      requests.push(`watch ${keyOf(request)} from ${String(request.query?.resourceVersion)}`);
      await handler.before(request);
      const watcher = open(request);
      const off = request.signal ? watcher.queue.closeOn(request.signal) : () => {};
      try {
        yield* watcher.queue;
      } finally {
        off();
        watchers.delete(watcher);
      }
    },
    endWatches() {
      for (const watcher of watchers) watcher.queue.close();
    },
    compact() {
      compacted = ++revision;
      handler.endWatches();
    },
    bookmark() {
      const object: KubeObject = { metadata: { resourceVersion: String(++revision) } };
      for (const watcher of watchers) watcher.queue.push({ type: 'BOOKMARK', object });
    },
  };
  return handler;
}

/** RFC 7386. */
function mergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> = typeof target === 'object' && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}
