// YAML as the API and kubectl read it: neither YAML 1.1 nor 1.2, but what Go's parser makes of it. Loaded only when needed (see mod.ts).
import { Composer, type Document, isMap, isScalar, isSeq, Lexer, LineCounter, Parser, type ScalarTag, stringify, type Tags } from 'yaml';
import type { KubeObject } from '../meta/object.ts';
import { type BodyShape, type Decoded, type DecodeOptions, decodeParsed, unrecognized } from './decode.ts';
import { jsonDepthMax } from './json-scan.ts';

/** Text that is no YAML, or has what JSON cannot hold. The message names the line: `yaml: line 3: ...`. */
export class YamlError extends Error {
  override readonly name = 'YamlError';
  /** From 1; undefined when it is not at one place. */
  readonly line: number | undefined;
  readonly what: string;
  constructor(line: number | undefined, what: string) {
    super(line === undefined ? `yaml: ${what}` : `yaml: line ${line}: ${what}`);
    this.line = line;
    this.what = what;
  }
}

/** Collections within collections. The library composes about 700 before the stack ends; real manifests have a few dozen. */
const yamlDepthMax = 250;
/** Aliases may make a small text huge: no more than this many nodes come of them. */
const aliasCountMax = 100;

/** Tags of YAML 1.1 that Go's parser does not resolve, or resolves otherwise. */
const droppedTags = ['int', 'timestamp', 'intTime', 'floatTime', 'binary', 'set', 'omap', 'pairs'];

/** Integers as Go reads them: 0644 and 0o644 are 420, 0x1F is 31, 0b11 is 3, and beyond 2^53 they stay exact. */
const goInteger: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  identify: (value) => typeof value === 'bigint' || Number.isInteger(value),
  test: /^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)$/,
  resolve: (text) => {
    const negative = text.startsWith('-');
    const digits = text.replace(/^[-+]/, '').replaceAll('_', '');
    // 08 is no octal number; Go takes it as a float.
    const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits.replace(/^0+(?=\d)/, ''));
    const signed = negative ? -value : value;
    const near = Number(signed);
    return Number.isSafeInteger(near) ? near : signed;
  },
};

const customTags = (tags: Tags): Tags => [
  goInteger,
  ...tags.filter((tag) => !droppedTags.includes(typeof tag === 'string' ? tag : tagName(tag))),
];

/** `int` of `tag:yaml.org,2002:int`; times are told apart by their format. */
function tagName(tag: { readonly tag: string; readonly format?: string | undefined }): string {
  const name = tag.tag.replace(/^tag:yaml\.org,2002:/, '');
  return tag.format === 'TIME' ? `${name}Time` : name;
}

export interface ParsedDocument {
  readonly value: unknown;
  /** `line 3: key "a" already set in map`. */
  readonly duplicates: readonly string[];
}

/** So many lexemes are read between two steps: a few milliseconds. */
const stepLexemes = 2_000;

/**
 * The documents; undefined after each step, so that others may run. Throws when something nests deeper than {@link yamlDepthMax}: the library's
 * parser keeps a stack of its own, but what it composes of the tokens recurses, and near the end of the stack, a regular expression that is compiled
 * for the first time ends the whole process. Keys are compared by {@link duplicatesOf}: the library compares each with each.
 */
function* parseDocuments(text: string): Generator<ParsedDocument | undefined> {
  const lines = new LineCounter();
  const composer = new Composer({ version: '1.1', merge: true, customTags, logLevel: 'error', lineCounter: lines, uniqueKeys: false });
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  let steps = 0;
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) yield* composed(composer.next(token), lines);
    if (parser.stack.length > yamlDepthMax) throw new YamlError(undefined, 'exceeded max depth');
    if (++steps % stepLexemes === 0) yield undefined;
  }
  for (const token of parser.end()) yield* composed(composer.next(token), lines);
  yield* composed(composer.end(), lines);
}

function* composed(documents: Iterable<Document.Parsed>, lines: LineCounter): Generator<ParsedDocument> {
  for (const document of documents) yield readDocument(document, lines);
}

function readDocument(document: Document.Parsed, lines: LineCounter): ParsedDocument {
  const [error] = document.errors;
  if (error) throw new YamlError(lines.linePos(error.pos[0]).line, error.message.split('\n')[0] ?? '');
  const duplicates = duplicatesOf(document.contents, lines);
  try {
    return { value: toJson(document.toJS({ maxAliasCount: aliasCountMax }), 0), duplicates };
  } catch (error) {
    if (error instanceof YamlError) throw error;
    if (error instanceof ReferenceError) throw new YamlError(undefined, 'document contains excessive aliasing');
    // Merge keys are resolved here, and the parser throws a plain Error of one that merges no map.
    if ((error as Error).message.startsWith('Merge sources'))
      throw new YamlError(undefined, 'map merge requires map or sequence of maps as the value');
    throw error;
  }
}

/** Keys that a map has twice, as the errors of Go's parser name them. */
function duplicatesOf(root: unknown, lines: LineCounter): string[] {
  const found: string[] = [];
  const visit = (node: unknown): void => {
    if (isSeq(node)) for (const item of node.items) visit(item);
    if (!isMap(node)) return;
    const keys = new Set<unknown>();
    for (const { key, value } of node.items) {
      if (isScalar(key) && key.value !== '<<') {
        if (keys.has(key.value)) {
          const { line } = lines.linePos(key.range?.[0] ?? 0);
          found.push(`line ${line}: key ${JSON.stringify(String(key.value))} already set in map`);
        }
        keys.add(key.value);
      }
      visit(value);
    }
  };
  visit(root);
  return found;
}

/** What JSON can hold of a YAML value, as a tree of its own: aliases share nodes, and the caller changes the tree in place. */
function toJson(value: unknown, depth: number): unknown {
  if (depth > jsonDepthMax) throw new YamlError(undefined, 'exceeded max depth');
  if (typeof value === 'number' && !Number.isFinite(value)) throw new YamlError(undefined, `json: unsupported value: ${value}`);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => toJson(item, depth + 1));
  const made: Record<string, unknown> = {};
  for (const [key, member] of value instanceof Map ? value : Object.entries(value)) {
    Object.defineProperty(made, String(key), { value: toJson(member, depth + 1), enumerable: true, configurable: true, writable: true });
  }
  return made;
}

/** Every document of a text that is not empty, as JSON trees: manifests as kubectl reads them. Throws YamlError. */
export const parseYamlDocuments = (text: string): unknown[] => lastOf(yamlDocuments(text));

/** The same in steps. */
export function* yamlDocuments(text: string): Generator<undefined, unknown[]> {
  const values: unknown[] = [];
  for (const document of parseDocuments(text)) {
    if (document === undefined) yield;
    else if (document.value !== null && document.value !== undefined) values.push(document.value);
  }
  return values;
}

/** Takes all steps at once. */
function lastOf<T>(steps: Generator<undefined, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Block YAML as kubectl prints it: text that would read as something else is quoted. */
export const toYaml = (value: unknown): string =>
  stringify(value, { version: '1.1', lineWidth: 0, indentSeq: false, aliasDuplicateObjects: false });

/** Decodes a YAML body like `decodeJson`; only the first document counts. Throws StatusError: 400 BadRequest. */
export const decodeYaml = <T extends KubeObject>(body: Uint8Array | string, schema: BodyShape, options: DecodeOptions = {}): Decoded<T> =>
  lastOf(decodingYaml<T>(body, schema, options));

/** The same in steps. */
export function* decodingYaml<T extends KubeObject>(
  body: Uint8Array | string,
  schema: BodyShape,
  options: DecodeOptions,
): Generator<undefined, Decoded<T>> {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return decodeDocument<T>(yield* readableDocument(bytes, schema), bytes, schema, options);
}

/** The same of a document that has been read from `bytes` already. */
export function decodeDocument<T extends KubeObject>(
  first: ParsedDocument,
  bytes: Uint8Array,
  schema: BodyShape,
  options: DecodeOptions,
): Decoded<T> {
  const duplicates = first.duplicates.length === 0 ? [] : [{ text: duplicatesText(first), at: -1 }];
  return decodeParsed<T>({ tree: first.value, exact: false, duplicates: () => duplicates, position: () => 0 }, bytes, schema, options);
}

/** What Go's strict parser says of the keys that a map has twice. */
export const duplicatesText = ({ duplicates }: ParsedDocument): string =>
  `yaml: unmarshal errors:\n${duplicates.map((line) => `  ${line}`).join('\n')}`;

/** The first document of a text, in steps. Throws YamlError. */
export function* firstDocument(text: string): Generator<undefined, ParsedDocument> {
  for (const document of parseDocuments(text)) {
    if (document) return document;
    yield;
  }
  return { value: null, duplicates: [] };
}

function* readableDocument(bytes: Uint8Array, schema: BodyShape): Generator<undefined, ParsedDocument> {
  try {
    return yield* firstDocument(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw error instanceof YamlError ? unreadable(error, bytes, schema) : error;
  }
}

/** The 400 for a body that is no YAML. */
export const unreadable = (error: YamlError, bytes: Uint8Array, schema: BodyShape): Error =>
  unrecognized(schema, error.message, bytes, error);
