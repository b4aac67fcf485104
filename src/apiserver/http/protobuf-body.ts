// Request bodies in the protobuf form become objects before the verb runs.
import { hasSchema, type KindDefinition, loadProtobuf, schemaOf } from '../../api/mod.ts';
import type { RequestBody } from '../request.ts';
import type { ResourceInfo } from './request-info.ts';

export const protobufType = 'application/vnd.kubernetes.protobuf';

/** In which forms a kind's objects are taken and given. Custom resources have no protobuf form. */
export const hasProtobuf = (kind: KindDefinition): boolean => hasSchema(kind.schema);

/** Throws 400 for bytes that are no object of the protobuf form, or not of the kind that the path takes. */
export async function readProtobufBody(bytes: Uint8Array, kind: KindDefinition, info: ResourceInfo): Promise<RequestBody> {
  const codec = await loadProtobuf();
  const ownKind =
    info.subresource === '' ? info.verb === 'create' || info.verb === 'update' : info.verb === 'update' && info.subresource !== 'scale';
  return { as: 'object', object: ownKind ? codec.decodeProtobuf(bytes, schemaOf(kind.schema)).object : codec.decodeAnyProtobuf(bytes) };
}
