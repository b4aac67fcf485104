// The request's body as a draft: bytes are decoded strictly as `fieldValidation` asks, shared objects are copied.
import { bodyShapeOf, conform, decodeJson, FieldDecodeError, jsonDepthMax, scanJson } from '../../api/codec/mod.ts';
import {
  apiVersionOf,
  badRequest,
  type Draft,
  draftOf,
  hasSchema,
  invalid,
  invalidValue,
  type KindDefinition,
  type KubeObject,
  schemaOf,
} from '../../api/mod.ts';
import type { RequestContext, ResourceRequest } from '../request.ts';
import type { FieldValidation } from './options.ts';
import { convertedDraft, inStoredForm } from './view.ts';

export interface DecodeOptions {
  readonly fieldValidation: FieldValidation;
  readonly warn: (text: string) => void;
}

/** Decodes bytes of this media type as an object of this kind. Throws StatusError. The result is the caller's own. */
export type DecodeBody = (bytes: Uint8Array, mediaType: string, kind: KindDefinition, options: DecodeOptions) => Draft<KubeObject>;

/** JSON by the kind's schema. */
export const decodeJsonBody: DecodeBody = (bytes, _mediaType, kind, options) => {
  const { object, warnings } = decodeJson(bytes, bodyShapeOf(kind), { fieldValidation: options.fieldValidation });
  for (const text of warnings) options.warn(text);
  return object;
};

/** The object of a create or update, in the form that is stored. */
export function decodeObject(
  decode: DecodeBody,
  request: ResourceRequest,
  fieldValidation: FieldValidation,
  context: Pick<RequestContext, 'warn'>,
): Draft<KubeObject> {
  const { body, kind } = request;
  if (!body) throw badRequest('unable to decode: the request has no body');
  const draft =
    body.as === 'bytes'
      ? decode(body.bytes, body.mediaType, kind, { fieldValidation, warn: context.warn })
      : conformed(draftOf(body.object), kind);
  return decoded(kind, typed(draft, kind));
}

/** In the form that is stored, unless another process has to convert it first: see `convertedDraft`. */
const decoded = (kind: KindDefinition, draft: Draft<KubeObject>): Draft<KubeObject> =>
  kind.storage?.ahead ? draft : inStoredForm(kind, draft);

/** Objects of this process are of their type, but for kinds that no type describes. */
function conformed(object: unknown, { custom }: KindDefinition): Draft<KubeObject> {
  if (!custom || typeof object !== 'object' || object === null || Array.isArray(object)) return object as Draft<KubeObject>;
  try {
    return custom.conform(object as Record<string, unknown>).value as Draft<KubeObject>;
  } catch (error) {
    throw error instanceof FieldDecodeError ? badRequest(`unable to decode: ${error.message}`) : error;
  }
}

/** Gives a draft its kind and apiVersion; refuses those of another kind. */
function typed(draft: Draft<KubeObject>, kind: KindDefinition): Draft<KubeObject> {
  if (typeof draft !== 'object' || draft === null || Array.isArray(draft))
    throw badRequest(`unable to decode: a ${kind.kind} is an object`);
  const apiVersion = apiVersionOf(kind);
  const sentKind = draft.kind ?? kind.kind;
  const sentVersion = draft.apiVersion ?? apiVersion;
  if (sentKind !== kind.kind || sentVersion !== apiVersion) {
    throw badRequest(
      `${sentKind} in version ${JSON.stringify(sentVersion)} cannot be handled as a ${kind.kind}: converting (${sentVersion}.${sentKind}) to (${apiVersion}.${kind.kind}): unknown conversion`,
    );
  }
  draft.apiVersion = apiVersion;
  draft.kind = kind.kind;
  draft.metadata ??= {};
  return draft;
}

/** The result of a patch as a draft of its own, in the form that is stored. Throws 422 with the cause field `patch` when it does not decode. */
export function decodePatched(patched: unknown, kind: KindDefinition, options: DecodeOptions): Draft<KubeObject> {
  const tree = draftOf(patched) as Record<string, unknown>;
  const refuse = (problem: string) => {
    const text = JSON.stringify(patched, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value));
    return invalid({ group: '', kind: '', name: '' }, [invalidValue('patch', text, problem)]);
  };
  if (typeof tree !== 'object' || tree === null || Array.isArray(tree)) throw refuse(`a ${kind.kind} is an object`);
  const { custom } = kind;
  if (!custom && !hasSchema(kind.schema)) return decoded(kind, typed(tree as Draft<KubeObject>, kind));
  try {
    const { value, unknownFields } =
      custom?.conform(tree) ?? conform(tree, schemaOf(kind.schema), { collectUnknown: options.fieldValidation !== 'Ignore' });
    const told = options.fieldValidation === 'Ignore' ? [] : unknownFields;
    const unknown = told.map((field) => `unknown field ${JSON.stringify(field)}`);
    if (options.fieldValidation === 'Strict' && unknown.length > 0) throw refuse(`strict decoding error: ${unknown.join(', ')}`);
    for (const text of unknown) options.warn(text);
    return decoded(kind, typed(value as Draft<KubeObject>, kind));
  } catch (error) {
    throw error instanceof FieldDecodeError ? refuse(error.message) : error;
  }
}

/** What admission has made of an object, in the form that is stored: unknown fields are dropped. Throws like {@link decodePatched}. */
export const decodeChanged = (changed: unknown, kind: KindDefinition): Promise<Draft<KubeObject>> =>
  convertedDraft(kind, decodePatched(changed, kind, { fieldValidation: 'Ignore', warn: () => {} }));

/** A small body that is not the resource's own kind: DeleteOptions, Binding, Scale. Absent or empty: undefined. */
export function decodeLoose(request: ResourceRequest): Readonly<Record<string, unknown>> | undefined {
  const { body } = request;
  if (!body) return undefined;
  const value = body.as === 'object' ? body.object : parseJson(body.bytes);
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || Array.isArray(value)) throw badRequest('unable to decode: the body is not an object');
  return value as Readonly<Record<string, unknown>>;
}

/** Parses a body that no schema describes. Empty: undefined. */
export function parseJson(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  if (text.trim() === '') return undefined;
  // Whatever walks it does so by recursion.
  if (scanJson(bytes).depth > jsonDepthMax) throw badRequest('error decoding: exceeded max depth');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`error decoding: ${error instanceof Error ? error.message : String(error)}`);
  }
}
