// What a kind is: everything that is special about it, in one value. Shared code asks this value, never "which kind?".
import type { V1JSONSchemaProps } from './generated/types.gen.ts';
import type { FieldError } from './meta/field-error.ts';
import type { Draft, GroupVersionKind, KubeObject } from './meta/object.ts';
import type { ObjectSchema } from './schema/schema.ts';

/** How a resource is reached. The type parameter is the object's type, for typed clients. */
export interface ResourceType<T extends KubeObject = KubeObject> {
  /** `""` for the core group. */
  readonly group: string;
  readonly version: string;
  /** `Pod` */
  readonly kind: string;
  /** The plural name in paths: `pods`. */
  readonly resource: string;
  readonly namespaced: boolean;
  /** Carries the type; there is never a value. */
  readonly object?: T;
}

export interface Column<T extends KubeObject = KubeObject> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown, 1 only with `-o wide`. Default 0. */
  readonly priority?: number;
  /** A `date` that is printed as the timestamp itself, and called a date. */
  readonly verbatim?: boolean;
  /** The cell. Ages are given as the timestamp and printed relative to `nowMs` by the table. */
  readonly cell: (object: T, nowMs: number) => string | number | boolean | null;
}

/** What a write may know besides the object. Pure data: nothing here does I/O. */
export interface WriteContext {
  readonly nowMs: number;
  /** RFC 3339 in seconds: `nowMs` as Kubernetes writes times. */
  readonly nowTime: string;
  /** Who asks, for kinds that record it (CertificateSigningRequests). */
  readonly user?: RequesterView | undefined;
}

/** The authenticated user, as objects record one. */
export interface RequesterView {
  readonly name: string;
  readonly uid?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

export interface DeleteOptionsView {
  readonly gracePeriodSeconds?: number | undefined;
}

/** Rules for one endpoint that writes (the object itself, or a subresource such as `status`). */
export interface UpdateRules<T extends KubeObject> {
  /** Resets in `draft` whatever this endpoint may not change, from `old`. Runs before validation. */
  readonly prepare?: (draft: Draft<T>, old: T, context: WriteContext) => void;
  /** `next` is what would be stored; `old` what stands. */
  readonly validate?: (next: T, old: T) => readonly FieldError[];
}

/** The Scale subresource (autoscaling/v1 Scale) of a kind that has replicas. */
export interface ScaleRules<T extends KubeObject> {
  readonly read: (object: T) => { specReplicas: number; statusReplicas: number; selector: string };
  readonly write: (draft: Draft<T>, replicas: number) => void;
  /** The fields that an applied scale stands for. Default: `{ spec: { replicas } }`. */
  readonly applied?: (replicas: number) => object;
}

/**
 * How a second version of a resource, or a second group for the same objects, is served: as another view of what `kind` stores.
 * There is one stored form, under the path of `kind`, with one revision and one watch.
 *
 * A write decodes and defaults the body as the served kind, calls `toStorage`, then goes on as a write of `kind`: its `setDefaults`, `prepareCreate`,
 * `update.prepare` and validation, unless a check below stands in for it. A read gives `fromStorage` of the stored object. The served kind's `columns` and
 * `selectableFields` read the stored object, so that a table or a selector needs no conversion.
 */
export interface StorageConversion<T extends KubeObject, S extends KubeObject> {
  readonly kind: KindDefinition<S>;
  /** The stored form of a decoded, defaulted object. `metadata` may be shared with the draft; the draft is not used again. */
  readonly toStorage: (draft: Draft<T>) => Draft<S>;
  /** The served form of a stored, frozen object. It may share parts with it. */
  readonly fromStorage: (object: S) => T;
  /**
   * Where another process converts: to be awaited before the two functions are called, which then give what it answered. Throws StatusError.
   * Absent: the two can do it by themselves.
   */
  readonly ahead?: {
    /** Before `fromStorage` of these. */
    readonly shown: (objects: readonly S[]) => Promise<void>;
    /** Before `toStorage` of this. */
    readonly stored: (draft: Draft<T>) => Promise<void>;
    /** What has been found out of `from` holds of `to`, which has become its equal. */
    readonly moved: (from: S, to: S) => void;
  };
  /** Where this version is judged otherwise than the stored kind. They replace its `validateCreate` and `update.validate`. */
  readonly validateCreate?: (object: S) => readonly FieldError[];
  readonly validateUpdate?: (next: S, old: S) => readonly FieldError[];
}

/** What stands in for the generated schema, above all on kinds that users define. */
export interface CustomShape {
  readonly groupVersionKind: GroupVersionKind;
  /** The kind, as errors of the decoder name it. */
  readonly goName: string;
  /** `CronTabList` */
  readonly listKind: string;
  /** As the definition has it. */
  readonly schema: V1JSONSchemaProps;
  /** How server-side apply sees an object; undefined where nothing says which fields there are. */
  readonly fields: ObjectSchema | undefined;
  /** A parsed body, the caller's own, in the form of the kind: metadata conforms, unknown fields are gone. Throws FieldDecodeError. */
  readonly conform: (tree: Record<string, unknown>) => {
    readonly value: Record<string, unknown>;
    readonly unknownFields: readonly string[];
  };
}

/**
 * Everything that is special about one kind. Functions are pure. `draft` is private to the write: they may change it in
 * place. Objects without `draft` are frozen.
 *
 * Order of a create: decode, `setDefaults`, mutating admission, generic metadata, `prepareCreate`, `validateCreate`,
 * validating admission, store. Of an update: decode, `setDefaults`, generic metadata from the old object,
 * `update.prepare`, `update.validate`, store.
 */
export interface KindDefinition<T extends KubeObject = KubeObject> extends ResourceType<T> {
  /** The name of the object's type in the generated schema: `V1Pod`. Empty on kinds that users define. */
  readonly schema: string;
  /** Kinds that users define have it, and those of which the generated schema knows nothing. */
  readonly custom?: CustomShape;
  readonly singular: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Default: create, delete, deletecollection, get, list, patch, update, watch. */
  readonly verbs?: readonly string[];
  /** True when `metadata.generation` follows the spec (everything but metadata and status). */
  readonly hasGeneration: boolean;
  /** Objects go away some time after they were last written: `--event-ttl`. Default false. */
  readonly expires?: boolean;
  /** How a name must look. Default `dnsSubdomain`. */
  readonly nameRule?: 'dnsSubdomain' | 'dnsLabel' | 'dns1035Label' | 'pathSegment';
  readonly columns: readonly Column<T>[];
  /** Field selectors besides metadata.name and metadata.namespace: `{ 'spec.nodeName': (pod) => pod.spec.nodeName ?? '' }`. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
  readonly setDefaults?: (draft: Draft<T>) => void;
  readonly prepareCreate?: (draft: Draft<T>, context: WriteContext) => void;
  readonly validateCreate?: (object: T) => readonly FieldError[];
  readonly update?: UpdateRules<T>;
  /** Present when there is a `status` subresource. The generic code has already put back everything but `status` and metadata that status writers may change. */
  readonly status?: UpdateRules<T>;
  readonly scale?: ScaleRules<T>;
  /** Further subresources that are written as the whole object, such as a pod's `resize` and `ephemeralcontainers`. */
  readonly subresources?: Readonly<Record<string, UpdateRules<T>>>;
  /** The text of the `Warning` header of every request, on kinds that are to be used no more. */
  readonly deprecation?: string;
  /** Texts for `Warning` headers on create and update. */
  readonly warnings?: (object: T, old: T | undefined) => readonly string[];
  /**
   * The grace period, in seconds, that a delete of this object gets; 0 means at once. Only kinds whose deletion is
   * graceful (pods) have it. Default: deleted at once unless finalizers hold it.
   */
  readonly gracePeriodSeconds?: (object: T, options: DeleteOptionsView) => number;
  /** Without a propagationPolicy: `background` (default) or `orphan`. */
  readonly defaultPropagation?: 'background' | 'orphan';
  /** DELETE answers with the object and not with a Status. */
  readonly deleteReturnsObject?: boolean;
  /** PUT of an object that does not exist creates it (leases, endpoints, events, services). Default: 404. */
  readonly createsOnUpdate?: boolean;
  /** PUT must name the resourceVersion it is based on (leases, custom resources). Default: it need not. */
  readonly requiresResourceVersion?: boolean;
  /** The text of the `Warning` header of a DELETE that names no propagation policy. */
  readonly deleteWarning?: string;
  /** Present when objects are stored as those of another kind. Such kinds are in `convertedKinds`, not in `builtinKinds`. */
  // biome-ignore lint/suspicious/noExplicitAny: the stored kind's type is known to the two functions alone.
  readonly storage?: StorageConversion<T, any>;
  /** Nothing of it is stored: the server answers by itself (reviews, bindings, component statuses). Such kinds are in `virtualKinds`. */
  readonly virtual?: true;
}
