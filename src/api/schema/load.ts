// Makes schema nodes from the generated schema and our own tables, each when first asked for.
import { assert } from '../../base/mod.ts';
import { schemaText } from '../generated/schema.gen.ts';
import type { FieldSchema, ListType, MapType, ObjectSchema, ValueKind, ValueSchema } from './schema.ts';
import { type FieldMarks, parseMarks, semantics } from './semantics.ts';

/** As scripts/generate.mjs writes it: [type, required, format]. */
type RawField = readonly [type: string, required: 0 | 1, format?: string];
type RawSchema = Readonly<Record<string, { readonly f: Readonly<Record<string, RawField>> }>>;

let raw: RawSchema | undefined;
const made = new Map<string, ObjectSchema>();
let byDefinition: Map<string, string> | undefined;

function rawSchema(): RawSchema {
  raw ??= JSON.parse(schemaText) as RawSchema;
  return raw;
}

/** The shape of a generated type, such as `V1Pod`. Asking for a name that is not generated is a bug. */
export function schemaOf(typeName: string): ObjectSchema {
  const known = made.get(typeName);
  if (known) return known;
  const schema = makeObject(typeName);
  made.set(typeName, schema);
  return schema;
}

/** True when there is a generated type of this name. */
export const hasSchema = (typeName: string): boolean => Object.hasOwn(rawSchema(), typeName);

/** The names of all types. */
export const schemaTypeNames = (): readonly string[] => Object.keys(rawSchema());

/** `io.k8s.api.core.v1.Pod` for `V1Pod`. */
export const definitionOf = (typeName: string): string => schemaOf(typeName).definition;

/** `V1Pod` for `io.k8s.api.core.v1.Pod`; undefined for a definition that is no object type of ours. */
export function typeOfDefinition(definition: string): string | undefined {
  if (!byDefinition) {
    byDefinition = new Map();
    for (const typeName of schemaTypeNames()) byDefinition.set(definitionName(typeName), typeName);
  }
  return byDefinition.get(definition);
}

let byKind: Map<string, string> | undefined;

/** The type of a kind: `V1Deployment` for apps/v1 Deployment; undefined when there is none. */
export function typeOfKind(of: { readonly group: string; readonly version: string; readonly kind: string }): string | undefined {
  if (!byKind) {
    byKind = new Map();
    for (const [typeName, { package: entry }] of semantics())
      byKind.set(`${entry.group ?? ''}/${entry.version ?? ''}/${plainName(typeName)}`, typeName);
  }
  const typeName = byKind.get(`${of.group}/${of.version}/${of.kind}`);
  return typeName !== undefined && schemaOf(typeName).groupVersionKind ? typeName : undefined;
}

/** `PodSpec` for `V1PodSpec`, `Event` for `CoreV1Event`. */
const plainName = (typeName: string): string =>
  typeName === 'VersionInfo' ? 'Info' : typeName.replace(/^(?:[A-Z][a-z]+)?V\d+(?=[A-Z])/, '');

function definitionName(typeName: string): string {
  const of = semantics().get(typeName);
  assert(of, `type "${typeName}" is in no table of src/api/schema/semantics/`);
  return `${of.package.definitions}.${plainName(typeName)}`;
}

/** Kinds without metadata. */
const bareKinds = new Set(['V1APIGroup', 'V1APIGroupList', 'V1APIResourceList', 'V1APIVersions']);

function makeObject(typeName: string): ObjectSchema {
  const type = rawSchema()[typeName];
  const of = semantics().get(typeName);
  assert(type && of, `there is no API type "${typeName}"`);
  const definition = definitionName(typeName);
  const packageParts = of.package.definitions.split('.');
  const isKind = 'kind' in type.f && 'apiVersion' in type.f && ('metadata' in type.f || bareKinds.has(typeName));
  let fields: Map<string, FieldSchema> | undefined;
  return {
    typeName,
    definition,
    goName: plainName(typeName),
    goPackage: packageParts.at(-2) ?? '',
    mapType: of.atomic ? 'atomic' : undefined,
    get fields() {
      fields ??= new Map(Object.entries(type.f).map(([name, field]) => [name, makeField(name, field, parseMarks(of.fields[name]))]));
      return fields;
    },
    required: Object.keys(type.f).filter((name) => type.f[name]?.[1] === 1),
    groupVersionKind:
      isKind && of.package.version !== undefined
        ? { group: of.package.group ?? '', version: of.package.version, kind: plainName(typeName) }
        : undefined,
  };
}

/** One class for all values, and one for all fields: the decoder reads them at every step, and engines like one layout. */
class Value implements ValueSchema {
  readonly kind: ValueKind;
  readonly element: ValueSchema | undefined;
  readonly format: 'int32' | 'int64' | 'double' | undefined;
  readonly goType: string;
  readonly typeName: string | undefined;
  #object: ObjectSchema | undefined;
  readonly #mapType: MapType | undefined;

  constructor(of: {
    readonly kind: ValueKind;
    readonly goType: string;
    readonly element?: ValueSchema;
    readonly format?: 'int32' | 'int64' | 'double' | undefined;
    readonly typeName?: string;
    readonly mapType?: MapType | undefined;
  }) {
    this.kind = of.kind;
    this.element = of.element;
    this.format = of.format;
    this.goType = of.goType;
    this.typeName = of.typeName;
    this.#object = undefined;
    this.#mapType = of.mapType;
  }

  get object(): ObjectSchema | undefined {
    if (this.#object === undefined && this.typeName !== undefined) this.#object = schemaOf(this.typeName);
    return this.#object;
  }

  get mapType(): MapType | undefined {
    return this.#mapType ?? this.object?.mapType;
  }
}

class Field implements FieldSchema {
  readonly kind: ValueKind;
  readonly required: boolean;
  readonly element: ValueSchema | undefined;
  readonly format: 'int32' | 'int64' | 'double' | undefined;
  readonly goType: string;
  readonly name: string;
  readonly listType: ListType | undefined;
  readonly listMapKeys: readonly string[];
  readonly patchStrategy: readonly ('merge' | 'replace' | 'retainKeys')[];
  readonly patchMergeKey: string | undefined;
  readonly default: string | undefined;
  readonly #value: Value;

  constructor(name: string, required: boolean, value: Value, marks: FieldMarks) {
    this.kind = value.kind;
    this.required = required;
    this.element = value.element;
    this.format = value.format;
    this.goType = value.goType;
    this.name = name;
    this.listType = marks.listType;
    this.listMapKeys = marks.listMapKeys ?? [];
    this.patchStrategy = marks.patchStrategy ?? [];
    this.patchMergeKey = marks.patchMergeKey;
    this.default = marks.default;
    this.#value = value;
  }

  get object(): ObjectSchema | undefined {
    return this.#value.object;
  }

  get mapType(): MapType | undefined {
    return this.#value.mapType;
  }
}

function makeField(name: string, [type, required, format]: RawField, marks: FieldMarks): FieldSchema {
  return new Field(name, required === 1, makeValue(type, format, marks), marks);
}

const arrayPattern = /^(?:Array|Set)<(.*)>$/;
const mapPattern = /^\{ \[key: string\]: (.*); \}$/;

function makeValue(type: string, format: string | undefined, marks: FieldMarks): Value {
  const array = arrayPattern.exec(type)?.[1];
  const map = array === undefined ? mapPattern.exec(type)?.[1] : undefined;
  const { mapType } = marks;
  if (array !== undefined || map !== undefined) {
    const element = makeValue(array ?? map ?? '', format, {
      ...(marks.quantity === true ? { quantity: true } : {}),
      ...elementGoType(marks),
    });
    const goType = marks.goType ?? (array === undefined ? `map[string]${element.goType}` : `[]${element.goType}`);
    return new Value({ kind: array === undefined ? 'map' : 'array', element, goType, mapType });
  }
  const scalar = scalarOf(type, format, marks);
  if (scalar) return new Value({ ...scalar, goType: marks.goType ?? scalar.goType });
  return new Value({ kind: 'object', goType: goTypeOf(type), typeName: type, mapType });
}

/** `go=[]v1.Capability` names the element as well. */
const elementGoType = (marks: FieldMarks): FieldMarks => (marks.goType?.startsWith('[]') === true ? { goType: marks.goType.slice(2) } : {});

interface Scalar {
  readonly kind: ValueKind;
  readonly format?: 'int32' | 'int64' | 'double';
  readonly goType: string;
}

const numberScalars: Readonly<Record<string, Scalar>> = {
  int32: { kind: 'integer', format: 'int32', goType: 'int32' },
  int64: { kind: 'integer', format: 'int64', goType: 'int64' },
  double: { kind: 'number', format: 'double', goType: 'float64' },
};

const scalars: Readonly<Record<string, Scalar>> = {
  boolean: { kind: 'boolean', goType: 'bool' },
  any: { kind: 'any', goType: 'interface {}' },
  IntOrString: { kind: 'int-or-string', goType: 'int32' },
  V1MicroTime: { kind: 'micro-time', goType: 'string' },
  Date: { kind: 'time', goType: 'string' },
};

function scalarOf(type: string, format: string | undefined, marks: FieldMarks): Scalar | undefined {
  if (marks.quantity === true) return { kind: 'quantity', goType: 'resource.Quantity' };
  if (type === 'string') return format === 'byte' ? { kind: 'bytes', goType: '[]uint8' } : { kind: 'string', goType: 'string' };
  if (type === 'number') return numberScalars[format ?? 'double'];
  return scalars[type];
}

/** `v1.PodSpec` for `V1PodSpec`. */
function goTypeOf(typeName: string): string {
  const [group, name] = definitionName(typeName).split('.').slice(-2);
  return `${group ?? ''}.${name ?? ''}`;
}
