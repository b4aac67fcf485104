// The types of built-in objects for CEL's type checker, from the schemas that decoding goes by. Fields are resolved when looked into.
import {
  boolType,
  bytesType,
  type CelField,
  type CelObjectType,
  type CelType,
  doubleType,
  dynType,
  escapeName,
  intType,
  listOf,
  mapOf,
  stringType,
  timestampType,
} from '../cel/mod.ts';
import type { ObjectSchema, ValueKind, ValueSchema } from '../schema/mod.ts';

const made = new WeakMap<ObjectSchema, CelObjectType>();

export function celTypeOfObject(schema: ObjectSchema): CelObjectType {
  const known = made.get(schema);
  if (known) return known;
  let fields: ReadonlyMap<string, CelField> | undefined;
  const type: CelObjectType = {
    kind: 'object',
    name: schema.definition,
    get fields() {
      fields ??= new Map([...schema.fields].map(([name, field]) => [escapeName(name) ?? name, { type: celTypeOf(field), jsonName: name }]));
      return fields;
    },
  };
  made.set(schema, type);
  return type;
}

const simple: Readonly<Partial<Record<ValueKind, CelType>>> = {
  string: stringType,
  integer: intType,
  number: doubleType,
  boolean: boolType,
  quantity: stringType,
  time: timestampType,
  'micro-time': timestampType,
  bytes: bytesType,
};

function celTypeOf(schema: ValueSchema): CelType {
  const { kind, object, element } = schema;
  if (kind === 'object' && object) return celTypeOfObject(object);
  if (kind === 'array' && element) return listOf(celTypeOf(element));
  if (kind === 'map' && element) return mapOf(stringType, celTypeOf(element));
  return simple[kind] ?? dynType;
}
