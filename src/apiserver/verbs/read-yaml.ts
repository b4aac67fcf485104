// Bodies in YAML become objects before the verb runs: its parser is loaded only when someone sends YAML.
import { bodyShapeOf, loadYaml } from '../../api/codec/mod.ts';
import { badRequest, StatusError } from '../../api/mod.ts';
import type { RequestContext, ResourceRequest } from '../request.ts';
import { writeOptions } from './options.ts';

/** YAML may have so many bytes: what its parser cannot do in steps grows with them. Larger bodies are sent as JSON. */
export const yamlBytesMax = 1_048_576;

/** The request itself when its body is not YAML. Throws 400 and 413. */
export async function readYaml(request: ResourceRequest, context: RequestContext): Promise<ResourceRequest> {
  const { body, verb, kind, subresource } = request;
  if (body?.as !== 'bytes' || !body.mediaType.includes('yaml')) return request;
  if (isJson(body.bytes)) return { ...request, body: { ...body, mediaType: 'application/json' } };
  if (body.bytes.length > yamlBytesMax) throw tooLarge(body.bytes.length);
  const yaml = await loadYaml();
  const ownKind = (verb === 'create' && subresource === undefined) || (verb === 'update' && subresource !== 'scale');
  if (ownKind) {
    const { fieldValidation } = writeOptions(request, verb === 'create' ? 'CreateOptions' : 'UpdateOptions', context.userAgent);
    const { object, warnings } = await inTurns(yaml.decodingYaml(body.bytes, bodyShapeOf(kind), { fieldValidation }), context);
    for (const text of warnings) context.warn(text);
    return { ...request, body: { as: 'object', object } };
  }
  try {
    const [object] = await inTurns(yaml.yamlDocuments(Buffer.from(body.bytes).toString('utf8')), context);
    return { ...request, body: object === undefined ? undefined : { as: 'object', object } };
  } catch (error) {
    throw error instanceof yaml.YamlError ? badRequest(`error decoding YAML: ${error.message}`) : error;
  }
}

/** JSON is YAML, and most of what is sent as YAML is JSON: clients apply so. */
function isJson(bytes: Uint8Array): boolean {
  const first = bytes.find((byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09);
  if (first !== 0x7b) return false;
  try {
    JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
    return true;
  } catch {
    return false;
  }
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
