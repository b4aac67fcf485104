// namespaces/finalize: PUT by which those who empty a namespace take their finalizer off its spec.
import type { Draft, V1Namespace } from '../../api/mod.ts';
import { draftOf } from '../../api/mod.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import { decodeObject } from './body.ts';
import { metadataOf } from './create.ts';
import { writeOptions } from './options.ts';
import type { Services } from './services.ts';
import { checkNames, updateLoop } from './update.ts';
import type { Write } from './write.ts';

export async function finalize(services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> {
  const { kind, name = '' } = request;
  const options = writeOptions(request, 'UpdateOptions', context.userAgent);
  const resource = services.registry.of(kind);
  const write: Write = { services, resource, namespace: undefined, name, subresource: 'finalize', options, context };
  return updateLoop(write, false, (old) => {
    const sent = decodeObject(services.decodeBody, request, options.fieldValidation, context) as Draft<V1Namespace>;
    checkNames(write, sent);
    const draft = draftOf(old?.object) as Draft<V1Namespace>;
    const { uid, resourceVersion } = metadataOf(sent);
    metadataOf(draft).resourceVersion = resourceVersion;
    if (uid !== undefined) metadataOf(draft).uid = uid;
    const finalizers = sent.spec?.finalizers ?? [];
    draft.spec = { ...draft.spec, finalizers };
    if (finalizers.length === 0) delete draft.spec.finalizers;
    return { draft, tracked: true };
  });
}
