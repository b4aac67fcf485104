// From a request to its verb. Subresources: those that every kind may have, those of the kind, and the few that are a call of their own.
import { qualifiedResource, StatusError } from '../../api/mod.ts';
import { getMetrics, listMetrics } from '../metrics-api/read-metrics.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import { bind, bindByName } from './binding.ts';
import { getComponentStatus, listComponentStatuses } from './component-statuses.ts';
import { create } from './create.ts';
import { deleteCollection, deleteOne } from './delete.ts';
import { evict } from './eviction.ts';
import { finalize } from './finalize.ts';
import { freshEnough } from './freshness.ts';
import { get } from './get.ts';
import { list } from './list.ts';
import { patch } from './patch.ts';
import { readYaml } from './read-yaml.ts';
import { scale } from './scale.ts';
import type { Services } from './services.ts';
import { update } from './update.ts';
import { resultAhead, shownAs } from './view.ts';
import { watch } from './watch.ts';

export type Verb = ResourceRequest['verb'];
export type VerbHandler = (services: Services, request: ResourceRequest, context: RequestContext) => Result | Promise<Result>;

const verbs: Readonly<Record<Verb, VerbHandler>> = {
  get,
  list,
  watch,
  create,
  update,
  patch,
  delete: deleteOne,
  deletecollection: deleteCollection,
};

/** Subresources that are calls of their own: by resource and subresource, then by verb. */
const calls: Readonly<Record<string, Partial<Record<Verb, VerbHandler>>>> = {
  'pods/binding': { create: bind },
  'pods/eviction': { create: evict },
  'namespaces/finalize': { update: finalize },
};

/** Kinds of which nothing is stored, besides reviews: by resource, then by verb. */
const virtual: Readonly<Record<string, Partial<Record<Verb, VerbHandler>>>> = {
  bindings: { create: bindByName },
  componentstatuses: { get: getComponentStatus, list: listComponentStatuses },
  'nodes.metrics.k8s.io': { get: getMetrics, list: listMetrics },
  'pods.metrics.k8s.io': { get: getMetrics, list: listMetrics },
};

const defaultVerbs: readonly string[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
/** They ask for the freshness that they want themselves. */
const reads: ReadonlySet<Verb> = new Set(['get', 'list', 'watch']);
const objectVerbs: Partial<Record<Verb, VerbHandler>> = { get, update, patch };

/** Runs a request that has been authenticated and authorized. Throws StatusError. */
export async function execute(services: Services, sent: ResourceRequest, context: RequestContext): Promise<Result> {
  const request = sent.body?.as === 'bytes' ? await readYaml(sent, context, services.heavy) : sent;
  // What another server has just written must not look as if it were not there.
  if (services.sharedStore && !reads.has(request.verb)) await freshEnough(services, undefined, context);
  const { deprecation } = request.kind;
  if (deprecation !== undefined) context.warn(deprecation);
  const result = await handlerOf(request)(services, request, context);
  if (request.kind.storage?.ahead) await resultAhead(request.kind, result);
  return shownAs(request.kind, result);
}

/** Throws 404 for what is not served, 405 for a verb that it does not take. */
function handlerOf(request: ResourceRequest): VerbHandler {
  const { kind, verb, subresource } = request;
  if (subresource === undefined) {
    const handler = kind.virtual ? virtual[qualifiedResource(kind)]?.[verb] : verbs[verb];
    if (!handler || !(kind.verbs ?? defaultVerbs).includes(verb)) throw verbNotAllowed();
    return handler;
  }
  const { scale: rules } = kind;
  if (subresource === 'scale' && rules) {
    if (!(verb in objectVerbs)) throw verbNotAllowed();
    return (given, asked, context) => scale(given, asked, rules, context);
  }
  const handlers = handlersOf(request, subresource);
  if (!handlers) throw unknownResource();
  const handler = handlers[verb];
  if (!handler) throw verbNotAllowed();
  return handler;
}

function handlersOf(request: ResourceRequest, subresource: string): Partial<Record<Verb, VerbHandler>> | undefined {
  const { kind } = request;
  const path = `${qualifiedResource(kind)}/${subresource}`;
  if (Object.hasOwn(calls, path)) return calls[path];
  if (subresource === 'status') return kind.status ? objectVerbs : undefined;
  return kind.subresources && Object.hasOwn(kind.subresources, subresource) ? objectVerbs : undefined;
}

export const verbNotAllowed = (): StatusError =>
  new StatusError({
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
    details: {},
  });

export const unknownResource = (): StatusError =>
  new StatusError({ code: 404, reason: 'NotFound', message: 'the server could not find the requested resource', details: {} });
