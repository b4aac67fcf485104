// A structural schema as server-side apply sees it: which fields, keys and items have owners of their own.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#custom-resources-and-server-side-apply
import { schemaOf } from '../load.ts';
import type { FieldSchema, ListType, MapType, ObjectSchema, ValueKind, ValueSchema } from '../schema.ts';
import { additionalOf, isEmbedded, isIntOrString, itemsOf, type JsonSchema, preservesUnknown, propertyOf } from './model.ts';

export interface CustomType {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** The object at the root. Its types are made when somebody looks into them. */
export function objectSchemaOf(schema: JsonSchema, of: CustomType): ObjectSchema | undefined {
  // Of what is not described nobody can say which fields there are.
  if (preservesUnknown(schema)) return undefined;
  return new CustomObject(schema, of);
}

const text = { kind: 'string', goType: 'string' } as const;

class CustomObject implements ObjectSchema {
  readonly typeName = '';
  readonly goPackage = '';
  readonly definition: string;
  readonly goName: string;
  readonly required: readonly string[] = [];
  readonly groupVersionKind: CustomType | undefined;
  readonly mapType: MapType | undefined;
  readonly #schema: JsonSchema;
  readonly #isRoot: boolean;
  #fields: ReadonlyMap<string, FieldSchema> | undefined;

  constructor(schema: JsonSchema, of: CustomType | undefined) {
    this.#schema = schema;
    this.#isRoot = of !== undefined || isEmbedded(schema);
    this.groupVersionKind = of;
    this.goName = of?.kind ?? '';
    this.definition = this.goName;
    this.mapType = mapTypeOf(schema);
  }

  get fields(): ReadonlyMap<string, FieldSchema> {
    this.#fields ??= this.#make();
    return this.#fields;
  }

  #make(): ReadonlyMap<string, FieldSchema> {
    const fields = new Map<string, FieldSchema>();
    for (const name in this.#schema.properties) {
      const property = propertyOf(this.#schema, name);
      if (property) fields.set(name, new CustomField(name, valueSchema(property), property));
    }
    if (this.#isRoot) {
      const metadata = schemaOf('V1ObjectMeta');
      fields.set('apiVersion', new CustomField('apiVersion', value(text), undefined));
      fields.set('kind', new CustomField('kind', value(text), undefined));
      fields.set('metadata', new CustomField('metadata', value({ kind: 'object', goType: 'v1.ObjectMeta', object: metadata }), undefined));
    }
    return fields;
  }
}

class CustomField implements FieldSchema {
  readonly required = false;
  readonly patchStrategy = [];
  readonly patchMergeKey = undefined;
  readonly name: string;
  readonly kind: ValueKind;
  readonly element: ValueSchema | undefined;
  readonly format = undefined;
  readonly goType: string;
  readonly mapType: MapType | undefined;
  readonly listType: ListType | undefined;
  readonly listMapKeys: readonly string[];
  readonly default: string | undefined;
  readonly #value: ValueSchema;

  constructor(name: string, of: ValueSchema, schema: JsonSchema | undefined) {
    this.name = name;
    this.kind = of.kind;
    this.element = of.element;
    this.goType = of.goType;
    this.mapType = of.mapType;
    this.listType = schema?.['x-kubernetes-list-type'] as ListType | undefined;
    this.listMapKeys = schema?.['x-kubernetes-list-map-keys'] ?? [];
    this.default = typeof schema?.default === 'string' ? schema.default : undefined;
    this.#value = of;
  }

  get object(): ObjectSchema | undefined {
    return this.#value.object;
  }
}

const mapTypeOf = (schema: JsonSchema): MapType | undefined => (schema['x-kubernetes-map-type'] === 'atomic' ? 'atomic' : undefined);

const value = (of: Partial<ValueSchema> & Pick<ValueSchema, 'kind' | 'goType'>): ValueSchema => ({
  object: undefined,
  element: undefined,
  format: undefined,
  mapType: undefined,
  ...of,
});

const anything = value({ kind: 'any', goType: 'interface {}' });

function valueSchema(schema: JsonSchema): ValueSchema {
  if (isIntOrString(schema)) return value({ kind: 'int-or-string', goType: 'intstr.IntOrString' });
  switch (schema.type) {
    case 'object':
      return objectValue(schema);
    case 'array':
      // An item that is a list of its own is no item that has a key: it is one value.
      return value({ kind: 'array', goType: '[]interface {}', element: valueSchema(itemsOf(schema) ?? {}) });
    case 'string':
      return value(text);
    case 'integer':
    case 'number':
    case 'boolean':
      return value({ kind: schema.type, goType: schema.type });
    default:
      return anything;
  }
}

function objectValue(schema: JsonSchema): ValueSchema {
  const mapType = mapTypeOf(schema);
  if (preservesUnknown(schema)) return mapType === 'atomic' ? value({ kind: 'map', goType: 'map', element: anything, mapType }) : anything;
  const additional = additionalOf(schema);
  if (additional !== undefined) {
    return value({ kind: 'map', goType: 'map', mapType, element: additional === true ? anything : valueSchema(additional) });
  }
  return value({ kind: 'object', goType: 'object', mapType, object: new CustomObject(schema, undefined) });
}
