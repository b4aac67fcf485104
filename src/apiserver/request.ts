// One request on a resource, as the verbs see it: established by the HTTP edge from method, path and query, or handed over in process.

import type { KindDefinition, KubeObject, V1Status } from '../api/mod.ts';
import type { Clock, Logger, Random, Slices } from '../base/mod.ts';
import type { ApiRequest, UserInfo } from '../client/mod.ts';

/** Request-scoped collaborators and facts. */
export interface RequestContext {
  readonly user: UserInfo;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Fires at the deadline, or when the client has gone. */
  readonly signal: AbortSignal;
  /** The field manager's default: the User-Agent up to the first `/`. */
  readonly userAgent: string;
  /** Collects texts for `Warning` headers, each once: a write that is tried again warns again. */
  readonly warn: (text: string) => void;
  /** Collects what the audit log is to tell of the request. */
  readonly annotate?: ((key: string, value: string) => void) | undefined;
  /** Shares out turns of the event loop among the caller's watches and others. Absent: a watch goes on at once. */
  readonly slices?: Slices | undefined;
}

/**
 * A resource request. `body` is either the bytes received with their media type (the verb decodes them strictly as
 * `fieldValidation` asks), or an object of the in-process transport (shared: copied before it becomes a draft).
 */
export interface ResourceRequest extends Omit<ApiRequest, 'body' | 'signal' | 'resource'> {
  readonly kind: KindDefinition;
  readonly body?: RequestBody | undefined;
}

export type RequestBody =
  | { readonly as: 'bytes'; readonly bytes: Uint8Array; readonly mediaType: string }
  | { readonly as: 'object'; readonly object: unknown };

/**
 * An object with its JSON, serialized once, when it was written. `bytes` is the object's whole JSON text in UTF-8,
 * `resourceVersion` included, and is shared: never change it.
 */
export interface Encoded<T extends KubeObject = KubeObject> {
  readonly object: T;
  readonly bytes: Uint8Array;
  /** What the kind's columns read, where that is not `object`: the stored form of an object shown in another version. */
  readonly stored?: KubeObject | undefined;
}

/** One event of a watch. Every watcher of the same event shares the same `Encoded`. */
export type WatchFrame =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly entry: Encoded }
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string; readonly initialEventsEnd?: boolean }
  | { readonly type: 'ERROR'; readonly status: V1Status };

/** What a verb gives: objects with their bytes, so that the edge sends bytes and the in-process transport objects. */
export type Result =
  | { readonly as: 'object'; readonly code: number; readonly kind: KindDefinition; readonly entry: Encoded }
  | {
      readonly as: 'list';
      readonly kind: KindDefinition;
      readonly entries: readonly Encoded[];
      readonly resourceVersion: string;
      readonly continue?: string | undefined;
      readonly remainingItemCount?: number | undefined;
    }
  | { readonly as: 'watch'; readonly kind: KindDefinition; readonly frames: AsyncIterable<readonly WatchFrame[]> }
  /** Anything that is not the resource's own object: a Status, a Scale, the answer of a review. */
  | { readonly as: 'other'; readonly code: number; readonly object: object };
