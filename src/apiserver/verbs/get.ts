// GET of one object: the cached bytes.
import { notFound } from '../../api/mod.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import { freshEnough } from './freshness.ts';
import { parameter, parseRevision, plainError, revisionProblem } from './options.ts';
import type { Services } from './services.ts';

export function get(services: Services, request: ResourceRequest, context: RequestContext): Result | Promise<Result> {
  const { kind, namespace, name = '' } = request;
  const resource = services.registry.of(kind);
  const text = parameter(request.query, 'resourceVersion');
  const revision = text === undefined ? undefined : parseRevision(text);
  if (text !== undefined && revision === undefined) throw plainError(revisionProblem(text));
  const read = (): Result => {
    const entry = resource.get(namespace, name);
    if (!entry) throw notFound(resource.subject(name));
    return { as: 'object', code: 200, kind, entry };
  };
  const waiting = freshEnough(services, revision, context);
  return waiting ? waiting.then(read) : read();
}
