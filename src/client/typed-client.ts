// The typed client over any transport: builds requests, sets deadlines, gives objects.
import { hasReason, type KubeList, type KubeObject, type Persisted, type ResourceType } from '../api/mod.ts';
import { type Clock, DeadlineError, SharedDeadline, sleep } from '../base/mod.ts';
import type { CallOptions, Client, DeleteOptions, ListOptions, ObjectKey } from './client.ts';
import { type ApiRequest, type ApiResponse, type Transport, TransportError, type WatchEvent } from './transport.ts';

const deadlineDefaultMs = 30_000;
const busyRetriesMax = 10;

export interface ClientOptions {
  readonly clock: Clock;
  /** The part up to the first `/` is the field manager of writes that name none, as the server would take it from the header. */
  readonly userAgent: string;
  /** How long a call may take; watches excepted. Default 30 s. */
  readonly deadlineMs?: number;
  /** Receives the texts of `Warning` headers. */
  readonly onWarning?: (text: string) => void;
}

type Send = (request: ApiRequest) => Promise<unknown>;

function createSend(transport: Transport, options: ClientOptions): Send {
  const { clock, deadlineMs = deadlineDefaultMs, onWarning } = options;
  const deadline = new SharedDeadline({ clock, ms: deadlineMs });
  return async (request) => {
    const what = `${request.verb} ${request.resource.resource}${request.name === undefined ? '' : ` "${request.name}"`}`;
    try {
      const response: ApiResponse = await deadline.run(what, request.signal, (signal) =>
        sendPatiently(transport, { ...request, signal }, clock),
      );
      if (onWarning) for (const warning of response.warnings) onWarning(warning);
      return response.object;
    } catch (error) {
      if (error instanceof DeadlineError) throw new TransportError(error.message, { cause: error });
      throw error;
    }
  };
}

/** A server that is busy and says for how long is asked again, within the call's deadline: nothing was carried out. */
async function sendPatiently(transport: Transport, request: ApiRequest, clock: Clock): Promise<ApiResponse> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await transport.send(request);
    } catch (error) {
      const seconds = hasReason(error, 'TooManyRequests') ? (error.details?.retryAfterSeconds ?? 0) : 0;
      if (seconds <= 0 || attempt >= busyRetriesMax) throw error;
      await sleep(clock, seconds * 1000, request.signal);
    }
  }
}

export function createClient(transport: Transport, options: ClientOptions): Client {
  const fieldManager = options.userAgent.split('/', 1)[0] ?? '';
  const send = createSend(transport, options);
  const write = (request: ApiRequest) => send({ ...request, query: { fieldManager, ...request.query } });

  return {
    get: <T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, call: CallOptions = {}) =>
      send({ verb: 'get', resource: type, ...target(key), ...common(call) }) as Promise<Persisted<T>>,
    list: <T extends KubeObject>(type: ResourceType<T>, list: ListOptions = {}) =>
      send({ verb: 'list', resource: type, ...listRequest(list) }) as Promise<KubeList<Persisted<T>>>,
    create: <T extends KubeObject>(type: ResourceType<T>, object: T, call: CallOptions = {}) =>
      write({
        verb: 'create',
        resource: type,
        namespace: object.metadata?.namespace,
        // The name is part of the path only on subresources: `POST pods/{name}/eviction`.
        ...(call.subresource === undefined ? {} : { name: object.metadata?.name }),
        body: object,
        ...common(call),
      }) as Promise<Persisted<T>>,
    update: <T extends KubeObject>(type: ResourceType<T>, object: T, call: CallOptions = {}) =>
      write({ verb: 'update', resource: type, ...own(object), body: object, ...common(call) }) as Promise<Persisted<T>>,
    updateStatus: <T extends KubeObject>(type: ResourceType<T>, object: T, call: CallOptions = {}) =>
      write({ verb: 'update', resource: type, ...own(object), body: object, ...common(call), subresource: 'status' }) as Promise<
        Persisted<T>
      >,
    patch: <T extends KubeObject>(
      type: ResourceType<T>,
      key: ObjectKey,
      patchType: NonNullable<ApiRequest['patchType']>,
      patch: unknown,
      call: CallOptions = {},
    ) => write({ verb: 'patch', resource: type, ...target(key), body: patch, patchType, ...common(call) }) as Promise<Persisted<T>>,
    async delete(type, key, call = {}) {
      try {
        return await send({ verb: 'delete', resource: type, ...target(key), ...common(call), body: deleteBody(call) });
      } catch (error) {
        if (hasReason(error, 'NotFound')) return undefined;
        throw error;
      }
    },
    deleteCollection: (type, call = {}) => send({ verb: 'deletecollection', resource: type, ...listRequest(call), body: deleteBody(call) }),
    watch<T extends KubeObject>(type: ResourceType<T>, watch: Parameters<Client['watch']>[1] = {}) {
      const request = listRequest(watch);
      const query = {
        ...request.query,
        watch: 'true',
        ...(watch.allowWatchBookmarks ? { allowWatchBookmarks: 'true' } : {}),
        ...(watch.timeoutSeconds === undefined ? {} : { timeoutSeconds: String(watch.timeoutSeconds) }),
        ...(watch.sendInitialEvents === undefined ? {} : { sendInitialEvents: String(watch.sendInitialEvents) }),
      };
      return transport.watch({ verb: 'watch', resource: type, ...request, query }) as AsyncIterable<WatchEvent<Persisted<T>>>;
    },
    call: send,
  };
}

const target = (key: ObjectKey) => ({ namespace: key.namespace, name: key.name });
const own = (object: KubeObject) => ({ namespace: object.metadata?.namespace, name: object.metadata?.name });

const common = (call: CallOptions) => ({
  subresource: call.subresource,
  signal: call.signal,
  ...(call.query === undefined ? {} : { query: call.query }),
});

function listRequest(list: ListOptions): Pick<ApiRequest, 'namespace' | 'subresource' | 'signal' | 'query'> {
  const query: Record<string, string | readonly string[] | undefined> = { ...list.query };
  for (const name of ['labelSelector', 'fieldSelector', 'continue', 'resourceVersion', 'resourceVersionMatch'] as const) {
    if (list[name] !== undefined) query[name] = list[name];
  }
  if (list.limit !== undefined) query.limit = String(list.limit);
  return { namespace: list.namespace, subresource: list.subresource, signal: list.signal, query };
}

function deleteBody(options: DeleteOptions): unknown {
  const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
  return {
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
    ...(preconditions === undefined ? {} : { preconditions }),
  };
}
