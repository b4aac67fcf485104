// Bodies in YAML become objects before the verb runs: its parser is loaded only when someone sends YAML.
import { bodyShapeOf, type Decoded, type FieldValidation, loadYaml, type ParsedYaml, scanJson } from '../../api/codec/mod.ts';
import { badRequest, type KindDefinition, type KubeObject, StatusError } from '../../api/mod.ts';
import type { HeavyTasks } from '../heavy/mod.ts';
import type { RequestContext, ResourceRequest } from '../request.ts';
import { writeOptions } from './options.ts';

/** YAML may have so many bytes: what its parser cannot do in steps grows with them. Larger bodies are sent as JSON. */
export const yamlBytesMax = 1_048_576;
/** Texts from this size on are read in the thread for heavy work, where there is one. Smaller ones take some milliseconds here. */
const heavyBytesMin = 16 * 1024;

/** The request itself when its body is not YAML. Throws 400 and 413. */
export async function readYaml(request: ResourceRequest, context: RequestContext, heavy?: HeavyTasks): Promise<ResourceRequest> {
  const { body, verb, kind, subresource } = request;
  if (body?.as !== 'bytes' || !body.mediaType.includes('yaml')) return request;
  const json = jsonIn(body.bytes);
  // What has a key twice is left to the YAML parser, which names the line.
  const ambiguous = verb === 'patch' && json !== undefined && scanJson(body.bytes).keys !== keysOf(json);
  if (json !== undefined && !ambiguous) return { ...request, body: { ...body, mediaType: 'application/json' } };
  if (body.bytes.length > yamlBytesMax) throw tooLarge(body.bytes.length);
  const yaml = await loadYaml();
  const ownKind = (verb === 'create' && subresource === undefined) || (verb === 'update' && subresource !== 'scale');
  if (ownKind) {
    const { fieldValidation } = writeOptions(request, verb === 'create' ? 'CreateOptions' : 'UpdateOptions', context.userAgent);
    const { object, warnings } = await decodeOwn(yaml, body.bytes, { kind, fieldValidation, context, heavy });
    for (const text of warnings) context.warn(text);
    return { ...request, body: { as: 'object', object } };
  }
  try {
    const document = await firstDocument(yaml, body.bytes, { context, heavy });
    if (verb === 'patch' && document.duplicates.length > 0) {
      const text = `error converting YAML to JSON: ${yaml.duplicatesText(document)}`;
      const { fieldValidation } = writeOptions(request, 'PatchOptions', context.userAgent);
      if (fieldValidation === 'Strict') throw badRequest(`error strict decoding YAML: ${text}`);
      if (fieldValidation === 'Warn') context.warn(text);
    }
    return { ...request, body: document.value === null ? undefined : { as: 'object', object: document.value } };
  } catch (error) {
    throw error instanceof yaml.YamlError ? badRequest(`error decoding YAML: ${error.message}`) : error;
  }
}

type Yaml = Awaited<ReturnType<typeof loadYaml>>;

interface Where {
  readonly context: RequestContext;
  readonly heavy: HeavyTasks | undefined;
}

/** Throws YamlError. */
async function firstDocument(yaml: Yaml, bytes: Uint8Array, { context, heavy }: Where): Promise<ParsedYaml> {
  if (!heavy || bytes.length < heavyBytesMin) return inTurns(yaml.firstDocument(Buffer.from(bytes).toString('utf8')), context);
  const read = await heavy.yaml(bytes);
  context.signal.throwIfAborted();
  if ('error' in read) throw new yaml.YamlError(read.line, read.error);
  return read;
}

interface Own extends Where {
  readonly kind: KindDefinition;
  readonly fieldValidation: FieldValidation;
}

async function decodeOwn(yaml: Yaml, bytes: Uint8Array, { kind, fieldValidation, ...where }: Own): Promise<Decoded<KubeObject>> {
  const shape = bodyShapeOf(kind);
  try {
    return yaml.decodeDocument(await firstDocument(yaml, bytes, where), bytes, shape, { fieldValidation });
  } catch (error) {
    throw error instanceof yaml.YamlError ? yaml.unreadable(error, bytes, shape) : error;
  }
}

/** JSON is YAML, and most of what is sent as YAML is JSON: clients apply so. */
function jsonIn(bytes: Uint8Array): object | undefined {
  const first = bytes.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09);
  if (first !== 0x7b) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')) as object;
  } catch {
    return undefined;
  }
}

/** How many keys the objects of a tree have. */
function keysOf(tree: object): number {
  let keys = 0;
  const rest: object[] = [tree];
  for (let node = rest.pop(); node !== undefined; node = rest.pop()) {
    const values = Object.values(node);
    if (!Array.isArray(node)) keys += values.length;
    for (const value of values) if (typeof value === 'object' && value !== null) rest.push(value as object);
  }
  return keys;
}

/** Lets others run between the steps. */
async function inTurns<T>(steps: Generator<undefined, T>, { clock, signal }: Pick<RequestContext, 'clock' | 'signal'>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await clock.yield();
    signal.throwIfAborted();
  }
}

const tooLarge = (bytes: number): StatusError =>
  new StatusError({
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: `Request entity too large: the YAML has ${bytes} bytes, the limit is ${yamlBytesMax}; JSON may be larger`,
  });
