// The texts of types and fields, parsed when the first document is asked for.
import { docsText } from '../../generated/docs.gen.ts';
import type { FieldSchema, ObjectSchema } from '../schema.ts';

type Docs = Readonly<Record<string, { readonly d: string; readonly f: Readonly<Record<string, string>> }>>;

let docs: Docs | undefined;

function texts(): Docs {
  docs ??= JSON.parse(docsText) as Docs;
  return docs;
}

export const describeType = (typeName: string): string => texts()[typeName]?.d ?? '';

/** Texts of the fields that every kind has: fields that refer to a type have none of their own in our source. */
const kindFields: Readonly<Record<string, (kind: string) => string>> = {
  metadata: () => "Standard object's metadata.",
  spec: (kind) => `The desired state of the ${kind}.`,
  status: (kind) => `The most recently observed state of the ${kind}. Written by the system.`,
};

/** A field's own text, or else that of the type that it refers to. */
export function describeField(owner: ObjectSchema, field: FieldSchema): string {
  const own = texts()[owner.typeName]?.f[field.name];
  if (own !== undefined) return own;
  const kind = owner.groupVersionKind?.kind;
  if (kind !== undefined && Object.hasOwn(kindFields, field.name)) return kindFields[field.name]?.(kind) ?? '';
  return field.object ? describeType(field.object.typeName) : '';
}
