// An HTTP exchange without a socket: a server's handler is called as its client would call it, with back-pressure both ways.
import { PassThrough } from 'node:stream';
import { onAbort } from '../abort.ts';
import type { HttpHeaders, HttpRequest, HttpResponse } from './http-client.ts';
import type { HttpServerRequest, HttpServerResponse } from './http-server.ts';

export interface InProcessRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: HttpHeaders;
  readonly body?: HttpRequest['body'];
  /** Ends the exchange whenever it fires. */
  readonly signal: AbortSignal;
}

export type InProcessResponse = Pick<HttpResponse, 'status' | 'headers' | 'body'>;

export type InProcessHandler = (request: HttpServerRequest, response: HttpServerResponse) => Promise<void>;

/** Resolves with the handler's head; the body comes as it is written. Throws what the handler throws before, or the signal's reason. */
export function exchangeInProcess(handle: InProcessHandler, request: InProcessRequest): Promise<InProcessResponse> {
  const { signal } = request;
  return new Promise((resolve, reject) => {
    const body = new PassThrough();
    const gone = new AbortController();
    const off = onAbort(signal, () => body.destroy(errorOf(signal.reason)));
    // What nobody reads any more has its errors with nobody.
    body.on('error', reject);
    body.on('close', () => {
      off();
      gone.abort();
      reject(new Error('The handler has broken off the exchange'));
    });
    const onHead = (status: number, headers: HttpHeaders) => resolve({ status, headers, body });
    handle(requestView(request, gone.signal), responseOver(body, onHead)).catch((error: unknown) => body.destroy(errorOf(error)));
  });
}

const errorOf = (reason: unknown): Error => (reason instanceof Error ? reason : new Error(String(reason)));

function requestView({ method, target, headers, body }: InProcessRequest, signal: AbortSignal): HttpServerRequest {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body instanceof Uint8Array ? body : new Uint8Array(0);
  return {
    ...{ method, target, headers, signal },
    fieldsOf: (name) => [headers[name] ?? []].flat(),
    httpVersion: '1',
    remoteAddress: '127.0.0.1',
    peerCertificate: undefined,
    readBody: async () => bytes,
    openBody: () => (body === undefined || typeof body === 'string' || body instanceof Uint8Array ? undefined : body),
  };
}

function responseOver(body: PassThrough, onHead: (status: number, headers: HttpHeaders) => void): HttpServerResponse {
  let headSent = false;
  return {
    canUpgrade: false,
    get closed() {
      return body.destroyed || body.writableEnded;
    },
    get headSent() {
      return headSent;
    },
    head(status, headers) {
      headSent = true;
      onHead(
        status,
        Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value : String(value)])),
      );
    },
    write(chunks) {
      if (body.destroyed || body.writableEnded || chunks.length === 0 || body.write(Buffer.concat(chunks))) return undefined;
      return new Promise((resolve) => {
        const done = () => {
          body.off('drain', done).off('close', done);
          resolve();
        };
        body.on('drain', done).on('close', done);
      });
    },
    end(chunk) {
      if (!body.destroyed) body.end(chunk);
    },
    destroy: () => void body.destroy(),
    takeSocket() {
      throw new Error('An exchange within the process has no socket');
    },
  };
}
