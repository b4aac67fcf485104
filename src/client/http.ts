// The transport over HTTP: JSON bodies, Status errors, warnings, watches as lines of JSON.
import { setMaxListeners } from 'node:events';
import { StatusError, type StatusReason, type V1Status } from '../api/mod.ts';
import { onAbort, StoppedError } from '../base/mod.ts';
import type { HttpClient, HttpHeaders, HttpRequest, HttpResponse } from '../base/ports/http-client.ts';
import { readLines } from './json-lines.ts';
import { methodOf, pathOf } from './paths.ts';
import { type ApiRequest, type ApiResponse, type Transport, TransportError, type WatchEvent } from './transport.ts';

/** A list of everything may be large; what exceeds this is a fault of the server. */
const answerBytesMax = 1024 * 1024 * 1024;
const errorBytesMax = 1024 * 1024;
/** Above the server's own limit for a request (3 MB), with room for escapes. */
const watchLineBytesMax = 8 * 1024 * 1024;

export interface HttpTransportOptions {
  readonly http: HttpClient;
  /** `https://127.0.0.1:6443`, without a path. */
  readonly server: string;
  readonly userAgent: string;
  /** The bearer token as it is now; called for each request, so that it may be renewed. */
  readonly token?: () => string | undefined;
}

/** Closing it ends its watches and calls, not the HttpClient, which belongs to whoever made it. */
export function createHttpTransport(options: HttpTransportOptions): Transport {
  const closed = new AbortController();
  // Every call and watch listens to it: many listeners are no leak.
  setMaxListeners(0, closed.signal);

  async function start(request: ApiRequest, signal: AbortSignal): Promise<HttpResponse> {
    const response = await options.http.request(toHttp(options, request, signal));
    if (response.status >= 400) throw await statusErrorOf(response);
    return response;
  }

  function scope(request: ApiRequest): { signal: AbortSignal; end: () => void } {
    const controller = new AbortController();
    const offs = [onAbort(closed.signal, (r) => controller.abort(r)), onAbort(request.signal, (r) => controller.abort(r))];
    return {
      signal: controller.signal,
      end: () => {
        for (const off of offs) off();
        controller.abort(new StoppedError('request ended'));
      },
    };
  }

  return {
    async send(request): Promise<ApiResponse> {
      request.signal?.throwIfAborted();
      const { signal, end } = scope(request);
      try {
        const response = await start(request, signal);
        const bytes = await response.readAll(answerBytesMax);
        return { status: response.status, object: parse(bytes), warnings: warningsOf(response.headers) };
      } catch (error) {
        throw explained(error, request);
      } finally {
        end();
      }
    },
    async *watch(request): AsyncIterable<WatchEvent> {
      if (request.signal?.aborted) return;
      if (closed.signal.aborted) throw new TransportError('The transport has been closed');
      const { signal, end } = scope(request);
      try {
        const response = await start(request, signal);
        for await (const line of readLines(response.body, watchLineBytesMax)) {
          if (signal.aborted) return;
          yield eventOf(line);
        }
      } catch (error) {
        if (signal.aborted) return;
        throw explained(error, request);
      } finally {
        end();
      }
    },
    async close() {
      closed.abort(new TransportError('The transport has been closed'));
    },
  };
}

function toHttp(options: HttpTransportOptions, request: ApiRequest, signal: AbortSignal): HttpRequest {
  const token = options.token?.();
  const { body } = request;
  const query = request.verb === 'watch' ? { ...request.query, watch: 'true' } : request.query;
  return {
    method: methodOf[request.verb],
    url: options.server + pathOf({ ...request, ...(query === undefined ? {} : { query }) }),
    headers: {
      accept: 'application/json',
      'user-agent': options.userAgent,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': request.patchType ?? 'application/json' }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    signal,
  };
}

function eventOf(line: string): WatchEvent {
  const event = parseText(line) as WatchEvent;
  if ((event.type as string) === 'ERROR') throw StatusError.from(event.object as V1Status);
  return event;
}

const parse = (bytes: Uint8Array): unknown => (bytes.length === 0 ? undefined : parseText(Buffer.from(bytes).toString('utf8')));

function parseText(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TransportError('The server answered with something that is not JSON', { cause: error });
  }
}

/** The Status in the body; for servers and proxies that send none, one made from the code. */
async function statusErrorOf(response: HttpResponse): Promise<StatusError> {
  const text = Buffer.from(await response.readAll(errorBytesMax)).toString('utf8');
  const sent = statusIn(text);
  if (sent) return StatusError.from({ ...sent, code: sent.code ?? response.status });
  const retryAfter = Number(response.headers['retry-after']);
  return new StatusError({
    code: response.status,
    reason: reasonOf[response.status] ?? (response.status >= 500 ? 'InternalError' : ''),
    message: text.trim() || `the server answered with the status code ${response.status} and gave no more information`,
    ...(Number.isInteger(retryAfter) && retryAfter > 0 ? { details: { retryAfterSeconds: retryAfter } } : {}),
  });
}

function statusIn(text: string): V1Status | undefined {
  try {
    const value = JSON.parse(text) as V1Status | null;
    return value?.kind === 'Status' ? value : undefined;
  } catch {
    return undefined;
  }
}

const reasonOf: Readonly<Record<number, StatusReason>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** The texts of `Warning: 299 - "text"` headers (RFC 9111's predecessor, RFC 7234 section 5.5). */
export function warningsOf(headers: HttpHeaders): readonly string[] {
  const value = headers.warning;
  if (value === undefined) return [];
  const text = typeof value === 'string' ? value : value.join(', ');
  return [...text.matchAll(/\b299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, quoted]) => (quoted ?? '').replaceAll(/\\(.)/g, '$1'));
}

function explained(error: unknown, request: ApiRequest): unknown {
  if (error instanceof StatusError || error instanceof TransportError) return error;
  if (request.signal?.aborted) return request.signal.reason;
  return new TransportError(`No answer from the API server: ${request.verb} ${request.resource.resource}`, { cause: error });
}
