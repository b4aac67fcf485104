// Objects in the protobuf form for answers and watches: each object's message is made once, when the first client asks for it.
import { apiVersionOf, type KindDefinition, type KubeObject, loadProtobuf, type ProtobufCodec } from '../../api/mod.ts';

export interface ProtobufForms {
  /** A whole object; undefined when its kind has no protobuf form. */
  object(object: KubeObject): Uint8Array | undefined;
  /** A whole object of this kind, or its metadata alone. */
  entry(object: KubeObject, kind: KindDefinition, metadataOnly: boolean): Uint8Array;
  /** One object's own message, as lists hold it. */
  message(object: KubeObject, kind: KindDefinition, metadataOnly: boolean): Uint8Array;
  /** One event of a watch, around an object in its envelope. */
  event(type: string, object: Uint8Array): Uint8Array;
  readonly codec: ProtobufCodec;
}

let made: Promise<ProtobufForms> | undefined;

/** Loads the codec when first called. */
export function loadProtobufForms(): Promise<ProtobufForms> {
  made ??= loadProtobuf().then(createForms);
  return made;
}

function createForms(codec: ProtobufCodec): ProtobufForms {
  // By the frozen object, which lives as long as it is cached.
  const messages = new WeakMap<KubeObject, Uint8Array>();
  const message = (object: KubeObject, kind: KindDefinition, metadataOnly: boolean): Uint8Array => {
    if (metadataOnly) return codec.metadataMessage(object);
    const known = messages.get(object);
    if (known) return known;
    const bytes = codec.messageOf(object, kind.schema);
    if (Object.isFrozen(object)) messages.set(object, bytes);
    return bytes;
  };
  return {
    codec,
    message,
    object: (object) => codec.encodeProtobuf(object),
    event: (type, object) => codec.watchFrame(type, object),
    entry: (object, kind, metadataOnly) => {
      const type = metadataOnly ? metadataType : { kind: kind.kind, apiVersion: apiVersionOf(kind) };
      return codec.inEnvelope({ ...type, raw: message(object, kind, metadataOnly) });
    },
  };
}

const metadataType = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1' };

/** Of a list, of the objects themselves or of their metadata. */
export const listTypeOf = (kind: KindDefinition, metadataOnly: boolean): { readonly kind: string; readonly apiVersion: string } =>
  metadataOnly
    ? { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' }
    : { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind) };
