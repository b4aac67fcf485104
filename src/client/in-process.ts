// The transport inside one process: calls the API server as a function. Objects are shared frozen, nothing is serialized.
import { setMaxListeners } from 'node:events';
import { deepFreeze, StatusError, type V1Status } from '../api/mod.ts';
import { childController, onAbort, StoppedError } from '../base/mod.ts';
import type { ApiHandler, UserInfo } from './handler.ts';
import { type ApiRequest, type ApiResponse, type Transport, TransportError, type WatchEvent } from './transport.ts';

export interface InProcessTransportOptions {
  readonly handler: ApiHandler;
  /** On whose behalf every call of this transport is made. */
  readonly user: UserInfo;
}

/** After `close`, calls fail with TransportError and open watches have ended. Calls under way end as they would have: their caller has their deadline. */
export function createInProcessTransport(options: InProcessTransportOptions): Transport {
  const { handler, user } = options;
  const open = new AbortController();
  // Every watch listens to it: many listeners are no leak.
  setMaxListeners(0, open.signal);

  return {
    async send(request) {
      request.signal?.throwIfAborted();
      if (open.signal.aborted) throw closedError();
      try {
        return checked(await handler.send(request.signal ? request : { ...request, signal: open.signal }, user));
      } catch (error) {
        throw explained(error, request);
      }
    },
    async *watch(request) {
      if (request.signal?.aborted) return;
      if (open.signal.aborted) throw closedError();
      const { controller, unlink } = linked(open.signal, request.signal);
      try {
        for await (const event of handler.watch({ ...request, signal: controller.signal }, user)) {
          if (controller.signal.aborted) return;
          yield checkedEvent(event);
        }
      } catch (error) {
        if (controller.signal.aborted) return;
        throw explained(error, request);
      } finally {
        unlink();
        controller.abort(new StoppedError('watch ended'));
      }
    },
    async close() {
      open.abort(new StoppedError('transport closed'));
    },
  };
}

const closedError = () => new TransportError('The transport has been closed');

function linked(own: AbortSignal, callers: AbortSignal | undefined): { controller: AbortController; unlink: () => void } {
  const { controller, unlink } = childController(own);
  const off = onAbort(callers, (reason) => controller.abort(reason));
  return {
    controller,
    unlink: () => {
      unlink();
      off();
    },
  };
}

function checked(response: ApiResponse): ApiResponse {
  if (response.status >= 400) throw StatusError.from({ code: response.status, ...(response.object as V1Status) });
  deepFreeze(response.object);
  return response;
}

/** An ERROR event carries a Status; the types leave it out because components only ever see it as an exception. */
function checkedEvent(event: WatchEvent): WatchEvent {
  if ((event.type as string) === 'ERROR') throw StatusError.from(event.object as V1Status);
  deepFreeze(event.object);
  return event;
}

/** A StatusError is the server's answer, a caller's abort its own; anything else means that there was no answer. */
function explained(error: unknown, request: ApiRequest): unknown {
  if (error instanceof StatusError || error instanceof TransportError) return error;
  if (request.signal?.aborted) return request.signal.reason;
  return new TransportError(`The API server broke off: ${request.verb} ${request.resource.resource}`, { cause: error });
}
