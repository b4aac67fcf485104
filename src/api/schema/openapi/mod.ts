// OpenAPI documents of a list of kinds, in pieces: whoever writes them down lets others run between. Loaded when first needed.
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-interface-definition
import type { KindDefinition } from '../../kind.ts';
import { hasSchema } from '../load.ts';
import { customDefinitions } from './custom.ts';
import { type Dialect, definitionsOf, type Json } from './definitions.ts';
import { discoveryPath, patchDefinition, pathsOf, rootOf, sharedTypes, typesOfKind } from './operations.ts';
import { encodeEntry, encodeHead, encodeSection } from './protobuf-v2.ts';

export { openApiV2ProtobufAccepted, openApiV2ProtobufType } from './protobuf-v2.ts';

const info = { title: 'Kubernetes', version: 'v1.36.0' };
const bearer = {
  BearerToken: { type: 'apiKey', description: 'Bearer Token authentication', name: 'authorization', in: 'header' },
};
const patchSchema = {
  description: 'Patch is provided to give a concrete name and type to the Kubernetes PATCH request body.',
  type: 'object',
};

/** Built-in types are in the generated schema; custom ones have their own. */
const described = (kinds: readonly KindDefinition[]): KindDefinition[] =>
  kinds.filter((kind) => kind.custom !== undefined || hasSchema(kind.schema));

/** Definitions by name. Each step makes one. */
function* definitions<T>(
  kinds: readonly KindDefinition[],
  dialect: Dialect,
  encode: (name: string, value: Json) => T,
): Generator<undefined, readonly T[]> {
  const made: (readonly [string, T])[] = [[patchDefinition, encode(patchDefinition, patchSchema)]];
  for (const [name, value] of definitionsOf(new Set([...kinds.flatMap(typesOfKind), ...sharedTypes]), dialect)) {
    made.push([name, encode(name, value)]);
    yield undefined;
  }
  for (const { custom } of kinds) {
    for (const [name, value] of custom ? customDefinitions(custom, dialect) : []) made.push([name, encode(name, value)]);
    if (custom) yield undefined;
  }
  return made.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/** Paths in the order of the kinds. Each step makes one. */
function* paths(kinds: readonly KindDefinition[], dialect: Dialect): Generator<readonly [string, Json]> {
  const roots = new Set<string>();
  for (const kind of kinds) {
    if (!roots.has(rootOf(kind))) yield discoveryPath(kind, dialect);
    roots.add(rootOf(kind));
    yield* pathsOf(kind, dialect);
  }
}

const member = (name: string, value: Json): string => `${JSON.stringify(name)}:${JSON.stringify(value)}`;

/** The text of a document, in pieces; `''` where a step gave none yet. `after` follows the definitions. */
function* textOf(
  kinds: readonly KindDefinition[],
  dialect: Dialect,
  frame: { head: Json; before: string; after: string },
): Generator<string> {
  yield `${JSON.stringify(frame.head).slice(0, -1)},"paths":{`;
  let first = true;
  for (const [path, item] of paths(kinds, dialect)) {
    yield `${first ? '' : ','}${member(path, item)}`;
    first = false;
  }
  yield `},${frame.before}`;
  const making = definitions(kinds, dialect, member);
  for (;;) {
    const step = making.next();
    if (!step.done) yield '';
    else {
      yield* inPieces(step.value);
      yield frame.after;
      return;
    }
  }
}

function* inPieces(entries: readonly string[]): Generator<string> {
  for (const [index, entry] of entries.entries()) yield index === 0 ? entry : `,${entry}`;
}

/** The Swagger 2.0 document of everything: /openapi/v2. */
export function openApiV2Text(kinds: readonly KindDefinition[]): Generator<string> {
  const end = JSON.stringify({ securityDefinitions: bearer, security: [{ BearerToken: [] }] });
  return textOf(described(kinds), 'v2', { head: { swagger: '2.0', info }, before: '"definitions":{', after: `},${end.slice(1)}` });
}

/** The same in protobuf. Members that clients of this form do not read (security) are left out. */
export function* openApiV2Protobuf(kinds: readonly KindDefinition[]): Generator<Uint8Array> {
  const served = described(kinds);
  yield encodeHead({ swagger: '2.0', info });
  const items: Uint8Array[] = [];
  for (const [path, item] of paths(served, 'v2')) {
    items.push(encodeEntry('paths', path, item));
    yield new Uint8Array();
  }
  yield encodeSection('paths', items);
  const made = yield* asBytes(definitions(served, 'v2', (name, value) => encodeEntry('definitions', name, value)));
  yield encodeSection('definitions', made);
}

/** Any Swagger 2.0 document in that form: what it says of itself, its paths and its definitions. */
export function encodeOpenApiV2({ swagger, info: own, paths: items, definitions: types }: Json): Uint8Array {
  const section = (name: 'paths' | 'definitions', entries: unknown) =>
    encodeSection(
      name,
      Object.entries(entries as Record<string, Json>).map(([key, value]) => encodeEntry(name, key, value)),
    );
  return Buffer.concat([encodeHead({ swagger, info: own }), section('paths', items), section('definitions', types)]);
}

/** Steps that give nothing, as pieces that hold nothing. */
function* asBytes<T>(steps: Generator<undefined, T>): Generator<Uint8Array, T> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    yield new Uint8Array();
  }
}

/** The paths that have an OpenAPI 3.0 document: `api/v1`, `apis/apps/v1`, in the order of the kinds. */
export function openApiV3Paths(kinds: readonly KindDefinition[]): string[] {
  return [...new Set(described(kinds).map(rootOf))];
}

/** The OpenAPI 3.0 document of one group version, named by its path (`apis/apps/v1`). */
export function openApiV3Text(path: string, kinds: readonly KindDefinition[]): Generator<string> {
  const own = described(kinds).filter((kind) => rootOf(kind) === path);
  const end = `},"securitySchemes":${JSON.stringify(bearer)}}}`;
  return textOf(own, 'v3', { head: { openapi: '3.0.0', info }, before: '"components":{"schemas":{', after: end });
}
