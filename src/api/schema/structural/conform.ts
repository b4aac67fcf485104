// A parsed body as an object of a custom kind: metadata takes its form, here and in embedded objects, and unknown fields go.
import { conform, FieldDecodeError } from '../../codec/conform.ts';
import { settleNumbers } from '../../codec/json-exact.ts';
import { schemaOf } from '../load.ts';
import { childPath, isEmbedded, isValues, itemsOf, type JsonSchema, mapItems, mapValues, memberOf, rootFields } from './model.ts';
import { prune } from './prune.ts';

export interface ConformedObject {
  readonly value: Record<string, unknown>;
  /** Paths of the fields that went. */
  readonly unknownFields: readonly string[];
}

/** Throws FieldDecodeError. `tree` is private to the caller, and may be changed. */
export function conformCustom(tree: Record<string, unknown>, schema: JsonSchema): ConformedObject {
  settleNumbers(tree);
  const unknown: string[] = [];
  const pruned = prune(tree, schema, unknown);
  const value = withMetadata(pruned, schema, { path: '', isRoot: true, unknown }) as Record<string, unknown>;
  return { value, unknownFields: unknown };
}

interface At {
  readonly path: string;
  readonly isRoot: boolean;
  readonly unknown: string[];
}

/** Conforms the metadata of the object and of those that are embedded in it. */
function withMetadata(value: unknown, schema: JsonSchema, { path, isRoot, unknown }: At): unknown {
  if (Array.isArray(value)) {
    const items = itemsOf(schema);
    if (!items) return value;
    return mapItems(value, (item, index) => withMetadata(item, items, { path: `${path}[${index}]`, isRoot: isEmbedded(items), unknown }));
  }
  if (!isValues(value)) return value;
  return mapValues(value, (key, member) => {
    const at = childPath(path, key);
    if (isRoot && key === 'metadata') return metadataOf(member, at, unknown);
    if (isRoot && rootFields.has(key)) return member;
    const known = memberOf(schema, key);
    return known === undefined || known === true ? member : withMetadata(member, known, { path: at, isRoot: isEmbedded(known), unknown });
  });
}

function metadataOf(metadata: unknown, path: string, unknown: string[]): unknown {
  if (metadata === null) return undefined;
  if (!isValues(metadata)) {
    throw new FieldDecodeError(
      `json: cannot unmarshal ${Array.isArray(metadata) ? 'array' : typeof metadata} into Go struct field .${path} of type v1.ObjectMeta`,
    );
  }
  const { value, unknownFields } = conform(metadata as Record<string, unknown>, schemaOf('V1ObjectMeta'), { collectUnknown: true });
  unknown.push(...unknownFields.map((field) => `${path}.${field}`));
  return value;
}
