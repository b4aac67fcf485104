// Decodes request bodies into drafts, with upstream's answers for everything that is wrong with them.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
import type { CustomShape, KindDefinition } from '../kind.ts';
import { type Draft, type KubeObject, parseApiVersion } from '../meta/object.ts';
import { badRequest, StatusError } from '../meta/status.ts';
import { type ObjectSchema, schemaOf, typeOfKind } from '../schema/mod.ts';
import { conform, countKeys, FieldDecodeError, jsonKind } from './conform.ts';
import { ExactNumber, JsonSyntaxError, parseExactJson } from './json-exact.ts';
import { jsonDepthMax, jsonObjectsMax, scanJson } from './json-scan.ts';

/** What happens to unknown and duplicate fields: refused, reported in `Warning` headers, or silently dropped. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

export interface DecodeOptions {
  /** Default `Warn`, as the server's. */
  readonly fieldValidation?: FieldValidation | undefined;
}

export interface Decoded<T extends KubeObject = KubeObject> {
  /** Private to the caller. Its kind and apiVersion are set, whether the body had them or not. */
  readonly object: Draft<T>;
  /** `unknown field "spec.foo"`, `duplicate field "metadata.name"`: with fieldValidation `Warn` only. */
  readonly warnings: readonly string[];
}

/** A parsed body, from whatever format. */
export interface ParsedBody {
  readonly tree: unknown;
  /** Numbers are ExactNumbers where a double would lose something. */
  readonly exact: boolean;
  /** What the parser itself has to report to a strict decoder, before and after the schema's own findings are known. */
  readonly duplicates: (unknownFields: readonly string[], keys: number) => readonly { readonly text: string; readonly at: number }[];
  /** Where a path stands in the text, to report in the text's order. */
  readonly position: (path: string) => number;
}

/** What a body is decoded by. */
export type BodyShape = ObjectSchema | CustomShape;

export const bodyShapeOf = (kind: KindDefinition): BodyShape => kind.custom ?? schemaOf(kind.schema);

const strictErrorsMax = 100;
/** As upstream's errors name the table of types that it looked in. */
const schemeName = 'pkg/api/legacyscheme/scheme.go:30';

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const toText = (bytes: Uint8Array): string =>
  bytes instanceof Buffer ? bytes.toString('utf8') : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');

/**
 * Decodes a JSON body into an object of `schema`'s type. Invalid UTF-8 is replaced by U+FFFD; keys are case-sensitive.
 * Integers beyond 2^53 become bigints, wherever they stand. Throws StatusError: 400 BadRequest.
 */
export function decodeJson<T extends KubeObject>(body: Uint8Array | string, schema: BodyShape, options: DecodeOptions = {}): Decoded<T> {
  const bytes = typeof body === 'string' ? encoder.encode(body) : body;
  let parsed: ParsedBody;
  try {
    parsed = parseBody(bytes, typeof body === 'string' ? body : undefined);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw unrecognized(schema, `couldn't get version/kind; json parse error: ${error.message}`, bytes, error);
  }
  return decodeParsed(parsed, bytes, schema, options);
}

function parseBody(bytes: Uint8Array, text: string | undefined): ParsedBody {
  const scan = scanJson(bytes);
  if (scan.objects > jsonObjectsMax) throw tooManyObjects(scan.objects);
  if (!scan.exactNumbers && scan.depth <= jsonDepthMax) {
    try {
      return fastBody(JSON.parse(text ?? toText(bytes)), bytes, scan.keys);
    } catch (error) {
      // The exact parser words it.
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
  return exactBody(bytes);
}

const tooManyObjects = (count: number): StatusError =>
  new StatusError({
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: `Request entity too large: the body has ${count} objects, the limit is ${jsonObjectsMax}`,
  });

/** Duplicates have left fewer keys in the tree than there are in the text; only then is it worth to look for them. */
function fastBody(tree: unknown, bytes: Uint8Array, keysInText: number): ParsedBody {
  let exact: ParsedBody | undefined;
  return {
    tree,
    exact: false,
    duplicates: (unknownFields, keys) => {
      if (keys === keysInText) return [];
      exact ??= exactBody(bytes);
      return exact.duplicates(unknownFields, keys);
    },
    position: (path) => {
      exact ??= exactBody(bytes);
      return exact.position(path);
    },
  };
}

function exactBody(bytes: Uint8Array): ParsedBody {
  const { value, duplicates, positions } = parseExactJson(bytes);
  return {
    tree: value,
    exact: true,
    // What lies inside an unknown field is skipped, not read.
    duplicates: (unknownFields) =>
      [...duplicates]
        .filter(([path]) => !unknownFields.some((field) => path.startsWith(`${field}.`) || path.startsWith(`${field}[`)))
        .map(([path, at]) => ({ text: `duplicate field ${JSON.stringify(path)}`, at })),
    position: (path) => positions.get(path) ?? 0,
  };
}

/** `duplicate field "metadata.name"`: what a strict decoder reports of a patch. Throws JsonSyntaxError. */
export function duplicateFieldErrors(bytes: Uint8Array): readonly string[] {
  return [...parseExactJson(bytes).duplicates.keys()].map((path) => `duplicate field ${JSON.stringify(path)}`);
}

/** Decodes what a parser made of a body. For the formats besides JSON. */
export function decodeParsed<T extends KubeObject>(
  parsed: ParsedBody,
  bytes: Uint8Array,
  schema: BodyShape,
  options: DecodeOptions,
): Decoded<T> {
  const validation = options.fieldValidation ?? 'Warn';
  const tree = parsed.tree ?? {};
  checkTypeMeta(tree, schema, bytes);
  const isCustom = 'conform' in schema;
  if (isCustom) checkKindIsGiven(tree as Record<string, unknown>, schema, bytes);
  const given = givenKind(tree as Record<string, unknown>, schema);
  checkKind(given, schema);
  const refuse = (message: string, cause?: unknown): StatusError =>
    new StatusError({
      ...badRequestParts(`${given.kind} in version ${JSON.stringify(given.version)} cannot be handled as a ${kindOf(schema)}: ${message}`),
      cause,
    });
  let strict: readonly string[];
  let value: Record<string, unknown>;
  try {
    const conformed = isCustom
      ? { keys: countKeys(tree), ...schema.conform(tree as Record<string, unknown>) }
      : conform(tree as Record<string, unknown>, schema, { collectUnknown: validation !== 'Ignore', exact: parsed.exact });
    value = conformed.value;
    strict = validation === 'Ignore' ? [] : strictErrors(parsed, conformed.unknownFields, conformed.keys);
  } catch (error) {
    if (!(error instanceof FieldDecodeError)) throw error;
    throw refuse(error.message, error);
  }
  if (validation === 'Strict' && strict.length > 0) throw refuse(`strict decoding error: ${strict.join(', ')}`);
  return { object: withTypeMeta(value, schema) as Draft<T>, warnings: strict };
}

/** The same for a tree that a decoder made by the schema, so that nothing in it is unknown or out of form. */
export function decodeTyped<T extends KubeObject>(tree: Record<string, unknown>, schema: ObjectSchema): Decoded<T> {
  checkKind(givenKind(tree, schema), schema);
  return { object: withTypeMeta(tree, schema) as Draft<T>, warnings: [] };
}

function strictErrors(parsed: ParsedBody, unknownFields: readonly string[], keys: number): readonly string[] {
  const found = [...parsed.duplicates(unknownFields, keys)];
  if (found.length === 0 && unknownFields.length === 0) return [];
  const single = found.length === 0 && unknownFields.length === 1;
  for (const path of unknownFields) found.push({ text: `unknown field ${JSON.stringify(path)}`, at: single ? 0 : parsed.position(path) });
  return found
    .sort((a, b) => a.at - b.at)
    .slice(0, strictErrorsMax)
    .map((error) => error.text);
}

const badRequestParts = (message: string) => ({ code: 400, reason: 'BadRequest', message }) as const;

export const kindOf = (schema: BodyShape): string => schema.groupVersionKind?.kind ?? schema.goName;

/** 400 for a body of which not even the kind can be read. */
export function unrecognized(schema: BodyShape, message: string, bytes: Uint8Array, cause?: unknown): StatusError {
  return new StatusError({
    ...badRequestParts(`the object provided is unrecognized (must be of type ${kindOf(schema)}): ${message} (${summarize(bytes)})`),
    cause,
  });
}

const summaryLength = 30;

/** The beginning of a body: as text when it looks like JSON, else in hexadecimal. */
function summarize(bytes: Uint8Array): string {
  if (bytes.length === 0) return '<empty>';
  const start = bytes.subarray(0, summaryLength);
  const text = bytes[0] === 0x7b ? decoder.decode(start) : Buffer.from(start).toString('hex');
  return bytes.length > summaryLength ? `${text} ...` : text;
}

const typeMetaStruct = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** kind and apiVersion are read first, on their own, before it is known what the object is. */
function checkTypeMeta(tree: unknown, schema: BodyShape, bytes: Uint8Array): void {
  const problem = (message: string) =>
    unrecognized(schema, `couldn't get version/kind; json parse error: json: cannot unmarshal ${message}`, bytes);
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree) || tree instanceof ExactNumber)
    throw problem(`${jsonKind(tree)} into Go value of type ${typeMetaStruct}`);
  for (const key of ['kind', 'apiVersion'] as const) {
    const value = (tree as Record<string, unknown>)[key];
    if (value !== undefined && value !== null && typeof value !== 'string')
      throw problem(`${jsonKind(value)} into Go struct field .${key} of type string`);
  }
  const apiVersion = (tree as { apiVersion?: string | null }).apiVersion ?? '';
  if (apiVersion.split('/').length > 2) throw unrecognized(schema, `unexpected GroupVersion string: ${apiVersion}`, bytes);
}

/** What kind a body is of is filled in for built-in kinds alone. */
function checkKindIsGiven({ kind, apiVersion }: Record<string, unknown>, schema: CustomShape, bytes: Uint8Array): void {
  const missing = kind === undefined || kind === null || kind === '' ? 'Kind' : 'apiVersion';
  if (missing === 'apiVersion' && apiVersion) return;
  throw unrecognized(schema, `Object '${missing}' is missing in '${toText(bytes)}'`, bytes);
}

interface GivenKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** What the body says it is, with the gaps filled from what is expected. */
function givenKind(tree: Record<string, unknown>, schema: BodyShape): GivenKind {
  const want = schema.groupVersionKind ?? { group: '', version: 'v1', kind: kindOf(schema) };
  const { apiVersion, kind } = tree as { apiVersion?: string | null; kind?: string | null };
  return {
    ...(apiVersion ? parseApiVersion(apiVersion) : { group: want.group, version: want.version }),
    kind: kind ? kind : want.kind,
  };
}

/** Refuses another kind, or another version, than the endpoint takes. */
function checkKind(given: GivenKind, schema: BodyShape): void {
  const want = schema.groupVersionKind;
  if (!want || (given.kind === want.kind && given.version === want.version && given.group === want.group)) return;
  const apiVersion = given.group === '' ? given.version : `${given.group}/${given.version}`;
  const head = `${given.kind} in version ${JSON.stringify(given.version)} cannot be handled as a ${want.kind}: `;
  const isCustom = 'conform' in schema;
  if (isCustom ? given.group !== want.group || given.kind !== want.kind : typeOfKind(given) === undefined) {
    throw badRequest(
      `${head}no kind ${JSON.stringify(given.kind)} is registered for version ${JSON.stringify(apiVersion)} in scheme ${JSON.stringify(schemeName)}`,
    );
  }
  if (given.kind !== want.kind || given.group !== want.group) {
    throw badRequest(
      `${head}converting (${given.version}.${given.kind}) to (${isCustom ? want.version : schema.goPackage}.${want.kind}): unknown conversion`,
    );
  }
  const expected = want.group === '' ? want.version : `${want.group}/${want.version}`;
  throw badRequest(`the API version in the data (${apiVersion}) does not match the expected API version (${expected})`);
}

/** The object with its kind and apiVersion, first. */
function withTypeMeta(value: Record<string, unknown>, schema: BodyShape): Record<string, unknown> {
  const of = schema.groupVersionKind;
  if (!of) return value;
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = value;
  return { kind: of.kind, apiVersion: of.group === '' ? of.version : `${of.group}/${of.version}`, ...rest };
}
