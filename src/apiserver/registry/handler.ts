// The API server as a function for components of the same process: objects in and out, nothing serialized for them.
import { type GroupVersionResource, type KindDefinition, type KubeObject, notFound, StatusError } from '../../api/mod.ts';
import { type Clock, childController, type Logger, type Random, StoppedError } from '../../base/mod.ts';
import { type ApiHandler, type ApiRequest, type ApiResponse, programOf, type UserInfo, type WatchEvent } from '../../client/mod.ts';
import type { CallAudit, CallRecord } from '../audit/calls.ts';
import { type Attributes, type Authorizer, refusal } from '../authz/authorizer.ts';
import type { RequestContext, ResourceRequest, Result, WatchFrame } from '../request.ts';

export interface HandlerOptions {
  /** The kind of a resource that is served. */
  readonly find: (of: GroupVersionResource) => KindDefinition | undefined;
  readonly execute: (request: ResourceRequest, context: RequestContext) => Promise<Result>;
  /** Absent: everything is allowed. */
  readonly authorizer?: Authorizer | undefined;
  /** Records calls. Absent: nobody does. */
  readonly audit?: CallAudit | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

export function createHandler(options: HandlerOptions): ApiHandler {
  return {
    async send(request, user) {
      const warnings: string[] = [];
      const context = contextOf(options, user, request.signal ?? options.signal, warnings);
      if (options.audit) return sendRecorded(options, options.audit, { request, context, warnings });
      return await responseOf(options, await run(options, request, context), warnings);
    },
    async *watch(request, user) {
      const { controller, unlink } = childController(request.signal ?? options.signal);
      const asked = { ...request, verb: 'watch' } as const;
      const record = await options.audit?.begin(asked, attributesOf(asked, user), programOf(user));
      let failure: unknown;
      try {
        const result = await run(options, asked, { ...contextOf(options, user, controller.signal, []), annotate: record?.annotate });
        record?.gave(result);
        if (result.as !== 'watch') throw new StatusError({ code: 500, reason: 'InternalError', message: 'a watch did not give a watch' });
        for await (const frames of result.frames) for (const frame of frames) yield eventOf(frame, request);
      } catch (error) {
        failure = error;
        throw error;
      } finally {
        record?.ended(controller.signal.aborted ? undefined : failure);
        unlink();
        controller.abort(new StoppedError('watch ended'));
      }
    },
  };
}

function contextOf(options: HandlerOptions, user: UserInfo, signal: AbortSignal, warnings: string[]): RequestContext {
  const { clock, random, log } = options;
  const warn = (text: string) => {
    if (!warnings.includes(text)) warnings.push(text);
  };
  return { user, clock, random, log, signal, userAgent: programOf(user), warn };
}

interface Call {
  readonly request: ApiRequest;
  readonly context: RequestContext;
  readonly warnings: readonly string[];
}

async function sendRecorded(options: HandlerOptions, audit: CallAudit, { request, context, warnings }: Call): Promise<ApiResponse> {
  const record: CallRecord | undefined = await audit.begin(request, attributesOf(request, context.user), context.userAgent);
  try {
    const result = await run(options, request, record ? { ...context, annotate: record.annotate } : context);
    record?.gave(result);
    const response = await responseOf(options, result, warnings);
    record?.ended();
    return response;
  } catch (error) {
    record?.ended(error);
    throw error;
  }
}

async function run(options: HandlerOptions, request: ApiRequest, context: RequestContext): Promise<Result> {
  const { body, signal: _, resource: type, ...rest } = request;
  const kind = options.find(type);
  if (!kind) throw notFound({ group: type.group, resource: type.resource, name: request.name });
  await authorize(options.authorizer, request, context.user);
  const sent = body === undefined ? undefined : ({ as: 'object', object: body } as const);
  return options.execute({ ...rest, kind, body: sent }, context);
}

async function authorize(authorizer: Authorizer | undefined, request: ApiRequest, user: UserInfo): Promise<void> {
  if (!authorizer) return;
  const attributes = attributesOf(request, user);
  const { decision, reason } = await authorizer.decide(attributes);
  if (decision !== 'allow') throw refusal(attributes, reason);
}

function attributesOf(request: ApiRequest, user: UserInfo): Attributes {
  const { verb, resource, namespace = '', name = '', subresource = '' } = request;
  const { group, version, resource: plural } = resource;
  return { as: 'resource', user, verb, group, version, resource: plural, subresource, namespace, name };
}

async function responseOf(options: HandlerOptions, result: Result, warnings: readonly string[]): Promise<ApiResponse> {
  switch (result.as) {
    case 'object':
      return { status: result.code, object: result.entry.object, warnings };
    case 'other':
      return { status: result.code, object: result.object, warnings };
    case 'list':
      return { status: 200, object: await listOf(options, result), warnings };
    case 'watch':
      throw new StatusError({ code: 400, reason: 'BadRequest', message: 'a watch cannot be sent: call watch' });
  }
}

/** So many objects of a list are read from their bytes before others may go on: after a start, nobody has looked into them yet. */
const listStep = 200;

async function listOf({ clock, signal }: HandlerOptions, result: Result & { readonly as: 'list' }): Promise<object> {
  const items: KubeObject[] = [];
  for (const entry of result.entries) {
    if (items.length > 0 && items.length % listStep === 0) {
      await clock.yield();
      signal.throwIfAborted();
    }
    items.push(entry.object);
  }
  const { kind, resourceVersion, continue: next, remainingItemCount } = result;
  return Object.freeze({
    kind: `${kind.kind}List`,
    apiVersion: kind.group === '' ? kind.version : `${kind.group}/${kind.version}`,
    metadata: Object.freeze({
      resourceVersion,
      ...(next === undefined ? {} : { continue: next }),
      ...(remainingItemCount === undefined ? {} : { remainingItemCount }),
    }),
    items: Object.freeze(items),
  });
}

function eventOf(frame: WatchFrame, request: ApiRequest): WatchEvent {
  if (frame.type === 'ERROR') throw StatusError.from(frame.status);
  return frame.type === 'BOOKMARK'
    ? { type: 'BOOKMARK', object: bookmarkOf(frame, request) }
    : { type: frame.type, object: frame.entry.object };
}

function bookmarkOf(frame: WatchFrame & { readonly type: 'BOOKMARK' }, request: ApiRequest): KubeObject {
  const { group, version, kind } = request.resource;
  const { resourceVersion, initialEventsEnd } = frame;
  const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
  return Object.freeze({
    kind,
    apiVersion: group === '' ? version : `${group}/${version}`,
    metadata: Object.freeze({ resourceVersion, ...annotations }),
  });
}
