// How a type is written and read, field by field: its numbers joined with its schema, made when first asked for.
import { assert } from '../../../base/mod.ts';
import { type FieldSchema, hasSchema, type ObjectSchema, schemaOf, type ValueSchema } from '../../schema/mod.ts';
import { type FieldNumber, numbersOf } from './numbers.ts';

/**
 * What one value is on the wire. The last ones are messages that JSON shows as something else: `json` holds JSON text
 * (RawExtension, FieldsV1, JSON), `strings` a list (ExtraValue, Verbs); the `schema-or-*` are of JSON schemas in
 * CustomResourceDefinitions; `empty` is a message without fields.
 */
export type Form =
  | 'string'
  | 'message'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'double'
  | 'bytes'
  | 'quantity'
  | 'time'
  | 'micro-time'
  | 'int-or-string'
  | 'json'
  | 'strings'
  | 'schema-or-list'
  | 'schema-or-bool'
  | 'schema-or-strings'
  | 'empty';

export const wireVarint = 0;
export const wireFixed64 = 1;
export const wireBytes = 2;
export const wireFixed32 = 5;

/** One class for all fields: the codec reads them at every step, and engines like one layout. */
export class FieldPlan {
  readonly name: string;
  readonly number: number;
  readonly many: 'one' | 'list' | 'map';
  readonly form: Form;
  /** A zero that arrives is kept: it was set, or JSON has the field always. */
  readonly keepsZero: boolean;
  readonly wireType: number;
  readonly tag: number;
  /** Where this stands for a message whose fields JSON shows in the object around it. */
  readonly inline: boolean;
  readonly #message: () => MessagePlan;
  #made: MessagePlan | undefined;

  constructor(of: {
    readonly name: string;
    readonly number: number;
    readonly many: 'one' | 'list' | 'map';
    readonly form: Form;
    readonly keepsZero: boolean;
    readonly inline: boolean;
    readonly message: () => MessagePlan;
  }) {
    this.name = of.name;
    this.number = of.number;
    this.many = of.many;
    this.form = of.form;
    this.keepsZero = of.keepsZero;
    this.wireType = wireTypeOf(of.form);
    this.tag = (of.number << 3) | (of.many === 'map' ? wireBytes : this.wireType);
    this.inline = of.inline;
    this.#message = of.message;
    this.#made = undefined;
  }

  /** The message that the value is, or is made of. Asking where there is none is a bug. */
  get message(): MessagePlan {
    this.#made ??= this.#message();
    return this.#made;
  }
}

export interface MessagePlan {
  readonly typeName: string;
  readonly byNumber: readonly (FieldPlan | undefined)[];
  /** By JSON name; a field of an inlined message leads to the message's own plan. */
  readonly byName: ReadonlyMap<string, FieldPlan>;
  readonly inlined: readonly FieldPlan[];
}

export function wireTypeOf(form: Form): number {
  switch (form) {
    case 'bool':
    case 'int32':
    case 'int64':
      return wireVarint;
    case 'double':
      return wireFixed64;
    default:
      return wireBytes;
  }
}

const made = new Map<string, MessagePlan>();

/** The plan of a type such as `V1Pod`; undefined when it has no protobuf form. */
export function planOf(typeName: string): MessagePlan | undefined {
  const known = made.get(typeName);
  if (known) return known;
  const numbers = hasSchema(typeName) ? numbersOf(typeName) : undefined;
  if (!numbers) return undefined;
  const plan = makePlan(schemaOf(typeName), numbers);
  made.set(typeName, plan);
  return plan;
}

function makePlan(schema: ObjectSchema, numbers: readonly FieldNumber[], depth = 0): MessagePlan {
  const byNumber: (FieldPlan | undefined)[] = [];
  const byName = new Map<string, FieldPlan>();
  const inlined = new Map<number, FieldNumber[]>();
  for (const of of numbers) {
    const outer = of.inside[depth];
    if (outer !== undefined) {
      const inner = inlined.get(outer) ?? [];
      inner.push(of);
      inlined.set(outer, inner);
      continue;
    }
    const field = schema.fields.get(of.name);
    assert(field, `type "${schema.typeName}" has no field "${of.name}"`);
    const plan = makeField(schema.typeName, field, of);
    byNumber[of.number] = plan;
    byName.set(of.name, plan);
  }
  for (const [number, inner] of inlined) {
    const message = makePlan(schema, inner, depth + 1);
    const plan = new FieldPlan({
      name: '',
      number,
      many: 'one',
      form: 'message',
      keepsZero: false,
      inline: true,
      message: () => message,
    });
    byNumber[number] = plan;
    for (const { name } of inner) byName.set(name, plan);
  }
  // Holes would make every look-up slow.
  for (let i = 0; i < byNumber.length; i++) byNumber[i] ??= undefined;
  return {
    typeName: schema.typeName,
    byNumber,
    byName,
    inlined: byNumber.filter((field) => field?.inline === true) as FieldPlan[],
  };
}

function makeField(typeName: string, field: FieldSchema, of: FieldNumber): FieldPlan {
  const wrapped = wrappers[`${typeName}.${of.name}`];
  const many = wrapped === 'strings' ? manyOf(field.kind === 'map' ? 'map' : 'one') : manyOf(field.kind);
  const value: ValueSchema = many === 'one' ? field : (field.element ?? field);
  const form = wrapped ?? formOf(value);
  return new FieldPlan({
    name: of.name,
    number: of.number,
    many,
    form,
    keepsZero: of.zeroCounts || field.required,
    inline: false,
    message: () => {
      const messageType = form === 'message' ? value.object?.typeName : 'V1JSONSchemaProps';
      const plan = messageType === undefined ? undefined : planOf(messageType);
      assert(plan, `${typeName}.${of.name} has no protobuf form`);
      return plan;
    },
  });
}

const manyOf = (kind: string): 'one' | 'list' | 'map' => (kind === 'array' ? 'list' : kind === 'map' ? 'map' : 'one');

/** Fields whose message is not told by their JSON. */
const wrappers: Readonly<Record<string, Form>> = {
  'V1APIResource.verbs': 'strings',
  'V1CertificateSigningRequestSpec.extra': 'strings',
  'V1CustomResourceSubresources.status': 'empty',
  'V1JSONSchemaProps.additionalItems': 'schema-or-bool',
  'V1JSONSchemaProps.additionalProperties': 'schema-or-bool',
  'V1JSONSchemaProps.dependencies': 'schema-or-strings',
  'V1JSONSchemaProps.items': 'schema-or-list',
  'V1SubjectAccessReviewSpec.extra': 'strings',
  'V1UserInfo.extra': 'strings',
};

function formOf(value: ValueSchema): Form {
  switch (value.kind) {
    case 'object':
      return 'message';
    case 'boolean':
      return 'bool';
    case 'integer':
      return value.format === 'int64' ? 'int64' : 'int32';
    case 'number':
      return 'double';
    case 'any':
      return 'json';
    case 'array':
    case 'map':
      throw new Error(`A list or map of ${value.kind}s has no protobuf form`);
    default:
      return value.kind;
  }
}

const messageField = (name: string, number: number, many: 'one' | 'list', message: () => MessagePlan): FieldPlan =>
  new FieldPlan({ name, number, many, form: 'message', keepsZero: true, inline: false, message });

const planFrom = (typeName: string, fields: readonly FieldPlan[]): MessagePlan => ({
  typeName,
  byNumber: [undefined, ...fields],
  byName: new Map(fields.map((field) => [field.name, field])),
  inlined: [],
});

const needPlan = (typeName: string) => (): MessagePlan => {
  const plan = planOf(typeName);
  assert(plan, `type "${typeName}" has no protobuf form`);
  return plan;
};

/** PartialObjectMetadata of meta.k8s.io/v1: an object's metadata, and no more. */
export const metadataOnlyPlan = planFrom('PartialObjectMetadata', [messageField('metadata', 1, 'one', needPlan('V1ObjectMeta'))]);

export const metadataOnlyListPlan = planFrom('PartialObjectMetadataList', [
  messageField('metadata', 1, 'one', needPlan('V1ListMeta')),
  messageField('items', 2, 'list', () => metadataOnlyPlan),
]);
