// Bodies in YAML become objects before the verb runs: its parser is loaded only when someone sends YAML.
import { bodyShapeOf, loadYaml } from '../../api/codec/mod.ts';
import { badRequest } from '../../api/mod.ts';
import type { RequestContext, ResourceRequest } from '../request.ts';
import { writeOptions } from './options.ts';

/** The request itself when its body is not YAML. Throws 400. */
export async function readYaml(request: ResourceRequest, context: RequestContext): Promise<ResourceRequest> {
  const { body, verb, kind, subresource } = request;
  if (body?.as !== 'bytes' || !body.mediaType.includes('yaml')) return request;
  const yaml = await loadYaml();
  const ownKind = (verb === 'create' && subresource === undefined) || (verb === 'update' && subresource !== 'scale');
  if (ownKind) {
    const { fieldValidation } = writeOptions(request, verb === 'create' ? 'CreateOptions' : 'UpdateOptions', context.userAgent);
    const { object, warnings } = yaml.decodeYaml(body.bytes, bodyShapeOf(kind), { fieldValidation });
    for (const text of warnings) context.warn(text);
    return { ...request, body: { as: 'object', object } };
  }
  try {
    const [object] = yaml.parseYamlDocuments(Buffer.from(body.bytes).toString('utf8'));
    return { ...request, body: object === undefined ? undefined : { as: 'object', object } };
  } catch (error) {
    throw error instanceof yaml.YamlError ? badRequest(`error decoding YAML: ${error.message}`) : error;
  }
}
