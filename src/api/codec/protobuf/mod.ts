// The protobuf form of objects (application/vnd.kubernetes.protobuf), loaded when the first client asks for it.
import { assert } from '../../../base/mod.ts';
import { type GroupVersionKind, type KubeObject, parseApiVersion } from '../../meta/object.ts';
import { badRequest, StatusError } from '../../meta/status.ts';
import { hasSchema, type ObjectSchema, typeOfKind } from '../../schema/mod.ts';
import { type Decoded, decodeTyped, kindOf, unrecognized } from '../decode.ts';
import { parseJsonChunk, readMessage } from './decode.ts';
import { encodeMessage } from './encode.ts';
import { type Envelope, envelopeParts, inEnvelope, itemHead, readEnvelope, watchFrame } from './envelope.ts';
import { type MessagePlan, metadataOnlyListPlan, metadataOnlyPlan, planOf } from './plan.ts';
import { ProtobufError, Reader } from './reader.ts';

export { envelopeParts, inEnvelope, itemHead, watchFrame };

/** Every group's version has them, under its own name. */
const optionKinds: ReadonlySet<string> = new Set(['DeleteOptions']);

/** True for types such as `V1Pod` that have a protobuf form. */
export const hasProtobufForm = (typeName: string): boolean => hasSchema(typeName) && planOf(typeName) !== undefined;

/**
 * Decodes an object of `schema`'s type, for create and update. What the envelope leaves out is taken from the schema.
 * Unknown fields are passed over, whatever the field validation. Throws StatusError: 400 BadRequest.
 */
export function decodeProtobuf<T extends KubeObject>(body: Uint8Array, schema: ObjectSchema): Decoded<T> {
  return decodeTyped(treeOf(body, schema), schema);
}

/** Decodes an object of whatever kind the body says it is: options, Scale, Binding, reviews. Throws StatusError: 400 BadRequest. */
export const decodeAnyProtobuf = (body: Uint8Array): Record<string, unknown> => treeOf(body, undefined);

function treeOf(body: Uint8Array, schema: ObjectSchema | undefined): Record<string, unknown> {
  let envelope: Envelope;
  try {
    envelope = readEnvelope(body);
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    throw schema ? unrecognized(schema, error.message, body, error) : badRequest(error.message);
  }
  const expected = schema?.groupVersionKind;
  const kind = envelope.kind || (expected?.kind ?? '');
  const apiVersion = envelope.apiVersion || (expected ? apiVersionText(expected) : '');
  if (kind === '') throw badRequest(`Object 'Kind' is missing in '&runtime.TypeMeta{APIVersion:${JSON.stringify(apiVersion)}, Kind:""}'`);
  const { group, version } = parseApiVersion(apiVersion);
  const refuse = (message: string, cause?: unknown): StatusError => {
    const as = schema ? kindOf(schema) : kind;
    const text = `${kind} in version ${JSON.stringify(version)} cannot be handled as a ${as}: ${message}`;
    return new StatusError({ code: 400, reason: 'BadRequest', message: text, cause });
  };
  const plan = planOfKind({ group, version, kind });
  if (!plan) throw refuse(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
  try {
    const content =
      envelope.contentType === 'application/json' ? parseJsonChunk(envelope.raw) : readMessage(new Reader(envelope.raw), plan);
    if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new ProtobufError('the content is not an object');
    return { kind, apiVersion, ...content };
  } catch (error) {
    throw error instanceof ProtobufError ? refuse(error.message, error) : error;
  }
}

const apiVersionText = (of: GroupVersionKind): string => (of.group === '' ? of.version : `${of.group}/${of.version}`);

const metadataPlans: Readonly<Record<string, MessagePlan>> = {
  PartialObjectMetadata: metadataOnlyPlan,
  PartialObjectMetadataList: metadataOnlyListPlan,
};

/** A kind's plan; undefined when it has no protobuf form. */
function planOfKind(of: GroupVersionKind): MessagePlan | undefined {
  if (of.group === 'meta.k8s.io') return of.version === 'v1' ? metadataPlans[of.kind] : undefined;
  const typeName = optionKinds.has(of.kind) ? `V1${of.kind}` : typeOfKind(of);
  return typeName === undefined ? undefined : planOf(typeName);
}

/** The protobuf message of an object of this type, without an envelope. The type must have a protobuf form. */
export function messageOf(object: object, typeName: string): Uint8Array {
  const plan = planOf(typeName);
  assert(plan, `type "${typeName}" has no protobuf form`);
  return encodeMessage(object, plan);
}

/** An object in its envelope, by its own kind and apiVersion; undefined when that kind has no protobuf form. */
export function encodeProtobuf(object: KubeObject): Uint8Array | undefined {
  const { kind = '', apiVersion = '' } = object;
  const plan = planOfKind({ ...parseApiVersion(apiVersion), kind });
  return plan && inEnvelope({ kind, apiVersion, raw: encodeMessage(object, plan) });
}

/** The message of a PartialObjectMetadata. */
export const metadataMessage = (object: KubeObject): Uint8Array => encodeMessage(object, metadataOnlyPlan);

/** What every list's message begins with, before its items: the metadata. */
export const listHead = (metadata: object): Uint8Array => encodeMessage({ metadata }, metadataOnlyListPlan);
