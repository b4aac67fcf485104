// How server-side apply sees a value: as one leaf, or as fields, keys or items with owners of their own.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
import type { FieldSchema, ObjectSchema, ValueSchema } from '../../schema/schema.ts';
import { isAlwaysThere } from './always-there.ts';

/**
 * `leaf` is owned as a whole (scalars, and everything atomic). `struct` has named fields, `map` has keys, `list` has items known by their
 * keys, `set` has items known by their value. `any` is JSON that no schema describes: its objects are maps, all else is a leaf.
 */
export type Shape = { readonly at: 'leaf' } | { readonly at: 'set' } | StructShape | MapShape | ListShape;

export type MapShape = { readonly at: 'any' } | { readonly at: 'map'; readonly element: Shape };

export interface StructShape {
  readonly at: 'struct';
  readonly fields: ReadonlyMap<string, ShapeField>;
  /** The names of those that are always there. */
  readonly alwaysThere: readonly string[];
}

export interface ListShape {
  readonly at: 'list';
  /** In alphabetical order. */
  readonly keys: readonly string[];
  /** What an absent key counts as, in the order of `keys`. */
  readonly defaults: readonly (string | undefined)[];
  readonly element: Shape;
}

export interface ShapeField {
  /** `f:replicas` */
  readonly element: string;
  readonly shape: Shape;
  /** Its place among the struct's fields in a set. */
  readonly rank: number;
  /** The struct has it, zero, even where JSON does not show it. */
  readonly alwaysThere: boolean;
}

export const anyShape: Shape = { at: 'any' };
const leafShape: Shape = { at: 'leaf' };
const setShape: Shape = { at: 'set' };

/** Shapes are made when first asked for; types may contain themselves. */
const structs = new WeakMap<ObjectSchema, Shape>();

/** The shape of a whole object; without a schema, what its JSON says. */
export const shapeOf = (schema: ObjectSchema | undefined): Shape => (schema ? structOf(schema) : anyShape);

function structOf(type: ObjectSchema): Shape {
  const known = structs.get(type);
  if (known) return known;
  let fields: Map<string, ShapeField> | undefined;
  let alwaysThere: string[] | undefined;
  const shape: Shape = {
    at: 'struct',
    get fields() {
      fields ??= fieldsOf(type);
      return fields;
    },
    get alwaysThere() {
      alwaysThere ??= [...this.fields].flatMap(([name, field]) => (field.alwaysThere ? [name] : []));
      return alwaysThere;
    },
  };
  structs.set(type, shape);
  return shape;
}

function fieldsOf(type: ObjectSchema): Map<string, ShapeField> {
  const ranks = new Map([...type.fields.keys()].sort().map((name, rank) => [name, rank]));
  const fields = new Map<string, ShapeField>();
  for (const [name, field] of type.fields) {
    fields.set(name, {
      element: `f:${name}`,
      shape: valueShape(field),
      rank: ranks.get(name) ?? 0,
      alwaysThere: isAlwaysThere(type, field),
    });
  }
  return fields;
}

function valueShape(schema: ValueSchema | FieldSchema): Shape {
  switch (schema.kind) {
    case 'object':
      return schema.mapType === 'atomic' || !schema.object ? leafShape : structOf(schema.object);
    case 'map':
      return schema.mapType === 'atomic' || !schema.element ? leafShape : { at: 'map', element: valueShape(schema.element) };
    case 'array':
      return listShape(schema);
    case 'any':
      return anyShape;
    default:
      return leafShape;
  }
}

function listShape(schema: ValueSchema | FieldSchema): Shape {
  if (!('listType' in schema) || !schema.element) return leafShape;
  if (schema.listType === 'set') return setShape;
  if (schema.listType !== 'map') return leafShape;
  const keys = [...schema.listMapKeys].sort();
  const type = schema.element.object;
  return { at: 'list', keys, defaults: keys.map((key) => type?.fields.get(key)?.default), element: valueShape(schema.element) };
}
