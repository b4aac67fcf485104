// The typed client: the only way that components reach the API.
import type { KubeList, KubeObject, Persisted, ResourceType } from '../api/mod.ts';
import type { ApiRequest, PatchType, WatchEvent } from './transport.ts';

export interface ObjectKey {
  /** Absent for cluster-scoped resources. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly subresource?: string | undefined;
  /** Further query parameters: `dryRun`, `fieldManager`, ... */
  readonly query?: ApiRequest['query'];
}

export interface ListOptions extends CallOptions {
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  readonly limit?: number | undefined;
  readonly continue?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
}

export interface DeleteOptions extends CallOptions {
  readonly gracePeriodSeconds?: number | undefined;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground' | undefined;
  readonly preconditions?: { readonly uid?: string | undefined; readonly resourceVersion?: string | undefined } | undefined;
}

/**
 * Calls that fail throw StatusError (the server's answer) or TransportError (no answer). Objects that come back are
 * frozen and may be shared. Every call has a deadline (default 30 s; watches excepted).
 */
export interface Client {
  get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: CallOptions): Promise<Persisted<T>>;
  list<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions): Promise<KubeList<Persisted<T>>>;
  /** The namespace and name are the object's own. */
  create<T extends KubeObject>(type: ResourceType<T>, object: T, options?: CallOptions): Promise<Persisted<T>>;
  update<T extends KubeObject>(type: ResourceType<T>, object: T, options?: CallOptions): Promise<Persisted<T>>;
  updateStatus<T extends KubeObject>(type: ResourceType<T>, object: T, options?: CallOptions): Promise<Persisted<T>>;
  patch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    patchType: PatchType,
    patch: unknown,
    options?: CallOptions,
  ): Promise<Persisted<T>>;
  /** Gives undefined when it was not there. */
  delete<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options?: DeleteOptions): Promise<unknown>;
  deleteCollection<T extends KubeObject>(type: ResourceType<T>, options?: ListOptions & DeleteOptions): Promise<unknown>;
  watch<T extends KubeObject>(
    type: ResourceType<T>,
    options?: ListOptions & {
      readonly allowWatchBookmarks?: boolean;
      readonly timeoutSeconds?: number;
      readonly sendInitialEvents?: boolean;
    },
  ): AsyncIterable<WatchEvent<Persisted<T>>>;
  /** Any other call, such as POST on a subresource whose body is of another kind (pods/binding, pods/eviction). */
  call(request: ApiRequest): Promise<unknown>;
}
