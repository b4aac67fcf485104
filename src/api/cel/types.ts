// The types of CEL: what a variable, a field and an expression may be, and how large.

/** The most units (characters, bytes, items, entries) that a value has, for the estimate of costs; absent where nothing bounds it. */
interface Sized {
  readonly maxElements?: number;
  /** The least bytes that a value takes in JSON. */
  readonly minBytes?: number;
}

export type CelSimpleKind = 'dyn' | 'bool' | 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'null' | 'duration' | 'timestamp';

export interface CelSimpleType extends Sized {
  readonly kind: CelSimpleKind;
}

export interface CelListType extends Sized {
  readonly kind: 'list';
  readonly element: CelType;
  /** `set` and `map` lists compare without regard to order, and `+` merges them. */
  readonly listType?: 'set' | 'map';
  /** For `map`: the fields, as they stand in JSON, that tell items apart. */
  readonly mapKeys?: readonly string[];
}

export interface CelMapType extends Sized {
  readonly kind: 'map';
  readonly key: CelType;
  readonly value: CelType;
}

export interface CelField {
  readonly type: CelType;
  /** The name in JSON; the name in CEL is the escaped one. */
  readonly jsonName: string;
}

export interface CelObjectType extends Sized {
  readonly kind: 'object';
  /** Two object types are the same when their names are. */
  readonly name: string;
  /** By name as CEL sees it. May be a getter, so that recursive types are resolved when somebody looks into them. */
  readonly fields: ReadonlyMap<string, CelField>;
}

export interface CelOptionalType extends Sized {
  readonly kind: 'optional';
  readonly value: CelType;
}

export interface CelTypeType extends Sized {
  readonly kind: 'type';
  readonly of?: CelType;
}

/** A type that functions make and take, and that has no fields: `kubernetes.Quantity`, `net.IP`, ... */
export interface CelOpaqueType extends Sized {
  readonly kind: 'opaque';
  readonly name: string;
}

/** A type parameter in the declaration of a function, and a type that the checker has yet to find. */
export interface CelParamType extends Sized {
  readonly kind: 'param';
  readonly name: string;
}

export type CelType =
  | CelSimpleType
  | CelListType
  | CelMapType
  | CelObjectType
  | CelOptionalType
  | CelTypeType
  | CelOpaqueType
  | CelParamType;

export const dynType: CelSimpleType = { kind: 'dyn' };
export const boolType: CelSimpleType = { kind: 'bool', maxElements: 0, minBytes: 4 };
export const intType: CelSimpleType = { kind: 'int', maxElements: 0, minBytes: 1 };
export const uintType: CelSimpleType = { kind: 'uint', maxElements: 0, minBytes: 1 };
export const doubleType: CelSimpleType = { kind: 'double', maxElements: 0, minBytes: 1 };
export const stringType: CelSimpleType = { kind: 'string' };
export const bytesType: CelSimpleType = { kind: 'bytes' };
export const nullType: CelSimpleType = { kind: 'null' };
export const durationType: CelSimpleType = { kind: 'duration' };
export const timestampType: CelSimpleType = { kind: 'timestamp' };
export const typeType: CelTypeType = { kind: 'type' };

export const listOf = (element: CelType, more: Omit<CelListType, 'kind' | 'element'> = {}): CelListType => ({
  kind: 'list',
  element,
  ...more,
});
export const mapOf = (key: CelType, value: CelType, more: Sized = {}): CelMapType => ({ kind: 'map', key, value, ...more });
export const optionalOf = (value: CelType): CelOptionalType => ({ kind: 'optional', value });
export const opaqueOf = (name: string): CelOpaqueType => ({ kind: 'opaque', name });
export const paramOf = (name: string): CelParamType => ({ kind: 'param', name });

/** An object type whose fields are all named as in JSON. */
export const objectOf = (name: string, fields: Readonly<Record<string, CelType>>): CelObjectType => ({
  kind: 'object',
  name,
  fields: new Map(Object.entries(fields).map(([field, type]) => [field, { type, jsonName: field }])),
});

export const authorizerType = opaqueOf('kubernetes.authorization.Authorizer');
export const pathCheckType = opaqueOf('kubernetes.authorization.PathCheck');
export const groupCheckType = opaqueOf('kubernetes.authorization.GroupCheck');
export const resourceCheckType = opaqueOf('kubernetes.authorization.ResourceCheck');
export const decisionType = opaqueOf('kubernetes.authorization.Decision');
export const quantityType = opaqueOf('kubernetes.Quantity');
export const urlType = opaqueOf('kubernetes.URL');
export const ipType = opaqueOf('net.IP');
export const cidrType = opaqueOf('net.CIDR');
export const formatType = opaqueOf('kubernetes.NamedFormat');
export const semverType = opaqueOf('kubernetes.Semver');

const simpleNames: Readonly<Partial<Record<CelType['kind'], string>>> = {
  null: 'null_type',
  duration: 'google.protobuf.Duration',
  timestamp: 'google.protobuf.Timestamp',
  optional: 'optional_type',
};

/** The name that `type(x)` answers: without parameters. */
export const runtimeTypeName = (type: CelType): string =>
  type.kind === 'object' || type.kind === 'opaque' || type.kind === 'param' ? type.name : (simpleNames[type.kind] ?? type.kind);

/** The type as messages write it: `map(string, list(int))`. */
export function typeText(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list(${typeText(type.element)})`;
    case 'map':
      return `map(${typeText(type.key)}, ${typeText(type.value)})`;
    case 'optional':
      return `optional_type(${typeText(type.value)})`;
    case 'type':
      return type.of === undefined ? 'type' : `type(${typeText(type.of)})`;
    case 'null':
      return 'null';
    default:
      return runtimeTypeName(type);
  }
}
