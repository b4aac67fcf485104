// Bytes to objects and back. YAML and protobuf are loaded when first asked for: most requests are JSON.
export { type Conformed, type ConformOptions, conform, FieldDecodeError } from './conform.ts';
export {
  type BodyShape,
  bodyShapeOf,
  type Decoded,
  type DecodeOptions,
  decodeJson,
  duplicateFieldErrors,
  type FieldValidation,
} from './decode.ts';
export * from './encode.ts';
export { JsonSyntaxError, parseExactJson } from './json-exact.ts';
export { jsonDepthMax, scanJson } from './json-scan.ts';
export * from './table.ts';

/** The YAML codec: decodeYaml, parseYamlDocuments, toYaml. */
export const loadYaml = (): Promise<typeof import('./yaml.ts')> => import('./yaml.ts');
/** One document of a YAML text. */
export type ParsedYaml = import('./yaml.ts').ParsedDocument;

/** The protobuf codec: decodeProtobuf, encodeProtobuf and the frames of lists and watches. */
export const loadProtobuf = (): Promise<ProtobufCodec> => import('./protobuf/mod.ts');
export type ProtobufCodec = typeof import('./protobuf/mod.ts');
