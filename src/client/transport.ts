// How a client reaches the API server: the one seam between components and the API.
import type { KubeObject, ResourceType } from '../api/mod.ts';

export type PatchType =
  | 'application/json-patch+json'
  | 'application/merge-patch+json'
  | 'application/strategic-merge-patch+json'
  | 'application/apply-patch+yaml';

/** One call on a resource. Paths are built from it by the HTTP transport; the in-process one hands it over as it is. */
export interface ApiRequest {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';
  readonly resource: ResourceType;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
  /** Query parameters by their names in the API: `labelSelector`, `resourceVersion`, `dryRun`, ... */
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The object (create, update), the DeleteOptions (delete), or the patch. Never changed by the transport. */
  readonly body?: unknown;
  /** With verb `patch`. */
  readonly patchType?: PatchType;
  readonly signal?: AbortSignal | undefined;
}

export interface ApiResponse {
  readonly status: number;
  /** Frozen when it comes from the in-process transport: treat it as frozen always. */
  readonly object: unknown;
  readonly warnings: readonly string[];
}

export interface WatchEvent<T extends KubeObject = KubeObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

/**
 * Both implementations (`in-process.ts`, `http.ts`) pass `transport.suite.ts`, and no component can tell which it has.
 * Errors of the API are thrown as StatusError; a transport's own trouble as {@link TransportError}.
 */
export interface Transport {
  /** Any verb but `watch`. */
  send(request: ApiRequest): Promise<ApiResponse>;
  /** Ends without error when the server ends the watch or the signal fires; an ERROR event is thrown as StatusError. */
  watch(request: ApiRequest): AsyncIterable<WatchEvent>;
  close(): Promise<void>;
}

/** The server could not be reached, or broke off. The request may or may not have been carried out. */
export class TransportError extends Error {
  override readonly name = 'TransportError';
}
