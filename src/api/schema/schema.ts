// The shape of API objects: one node for each type and field, as decoding, pruning, merging and OpenAPI read it.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy and
// https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md

/**
 * What a value is on the wire:
 * `object` has named fields (`object`), `array` and `map` have an `element`, `any` is JSON that the schema says nothing about,
 * `quantity` is text or a number ("100m"), `time` is RFC 3339 in seconds, `micro-time` with six decimals, `bytes` is base64.
 */
export type ValueKind =
  | 'object'
  | 'array'
  | 'map'
  | 'string'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'any'
  | 'int-or-string'
  | 'quantity'
  | 'time'
  | 'micro-time'
  | 'bytes';

/** How server-side apply treats a list. Where nothing is stated a list is `atomic`. */
export type ListType = 'atomic' | 'set' | 'map';
/** How server-side apply treats a map or object. Where nothing is stated it is `granular`. */
export type MapType = 'atomic' | 'granular';

/** A value's shape. `V1PodSpec.tolerations` is { kind: 'array', element: { kind: 'object', object: V1Toleration } }. */
export interface ValueSchema {
  readonly kind: ValueKind;
  /** Kind `object`: its fields. Resolved when first read, so that recursive types are fine. */
  readonly object: ObjectSchema | undefined;
  /** Kinds `array` and `map`: what they hold. */
  readonly element: ValueSchema | undefined;
  /** Kind `integer`: `int32` or `int64`. Kind `number`: `double`. */
  readonly format: 'int32' | 'int64' | 'double' | undefined;
  /** What Go calls the type, as error messages of the decoder name it: `int32`, `[]v1.Container`, `v1.PodSpec`. */
  readonly goType: string;
  /** Kinds `object` and `map`. The type's own (`LabelSelector` is atomic everywhere) or the field's. */
  readonly mapType: MapType | undefined;
}

/** A field of an object: its value's shape, and how it merges. */
export interface FieldSchema extends ValueSchema {
  readonly name: string;
  readonly required: boolean;
  /** Kind `array`: as stated; undefined means atomic. */
  readonly listType: ListType | undefined;
  /** With listType `map`: the keys that identify an item, in order. Otherwise empty. */
  readonly listMapKeys: readonly string[];
  /** Strategic merge: `merge` merges lists, `replace` replaces, `retainKeys` drops the siblings that a patch does not name. */
  readonly patchStrategy: readonly ('merge' | 'replace' | 'retainKeys')[];
  /** Strategic merge of lists of objects: the key that identifies an item. Absent on merged lists of scalars. */
  readonly patchMergeKey: string | undefined;
  /** What an absent field counts as where it is a key of a list (`protocol` of a port is `TCP`). */
  readonly default: string | undefined;
}

/** An object type. */
export interface ObjectSchema {
  /** The generated type's name: `V1PodSpec`. */
  readonly typeName: string;
  /** The name in OpenAPI documents: `io.k8s.api.core.v1.PodSpec`. */
  readonly definition: string;
  /** The name in Go, without its package: `PodSpec`. */
  readonly goName: string;
  /** `core` for io.k8s.api.core.v1: the package of the internal form, as conversion errors name it. */
  readonly goPackage: string;
  /** Atomic types are replaced as a whole by server-side apply. */
  readonly mapType: MapType | undefined;
  readonly fields: ReadonlyMap<string, FieldSchema>;
  /** Names of the fields that must be given. */
  readonly required: readonly string[];
  /** Kinds have it: the group, version and kind that objects of this type carry. */
  readonly groupVersionKind: { readonly group: string; readonly version: string; readonly kind: string } | undefined;
}
