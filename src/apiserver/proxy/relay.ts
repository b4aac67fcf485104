// One exchange passed through to a backend: request and answer streamed, or the connection joined after both sides have agreed.
import type { Duplex } from 'node:stream';
import { onAbort } from '../../base/mod.ts';
import type { HttpHeaders } from '../../base/ports/http-client.ts';
import type { EdgeRequest, EdgeResponse, OutgoingHeaders, UpgradedSocket } from '../http/exchange.ts';
import type { Backend, BackendRequest } from './backend.ts';
import type { NodeResponse } from './node-connection.ts';
import { answerHeaders, asksUpgrade } from './proxy-headers.ts';

export interface RelayOptions {
  readonly request: EdgeRequest;
  readonly backend: Backend;
  /** Path and query at the backend. */
  readonly target: string;
  readonly headers: HttpHeaders;
  /** Fires when the request is over, the client has gone, or the server stops. */
  readonly signal: AbortSignal;
  /** Last look at an answer's head; `undefined` takes the answer's place, and the backend's connection is dropped. */
  readonly head: (status: number, headers: OutgoingHeaders) => OutgoingHeaders | EdgeResponse;
  /** What a backend that cannot be reached is answered with. */
  readonly unreachable: (error: unknown) => Error;
}

/** Throws what `unreachable` makes. */
export async function relay(options: RelayOptions): Promise<EdgeResponse> {
  const { request, backend, target, headers, signal } = options;
  const sent: BackendRequest = { method: request.method, target, headers, signal };
  const failed = (error: unknown) => Promise.reject(options.unreachable(error));
  if (!asksUpgrade(request.headers)) {
    const body = request.openBody?.();
    return streamed(await backend.request({ ...sent, body }).catch(failed), options);
  }
  const answer = await backend.upgrade(sent).catch(failed);
  if (answer.as === 'refused') return streamed(answer.response, options);
  return joined(answer, signal);
}

/** An ordinary answer, also to an upgrade that was refused: the client gets its bytes and never the backend's connection. */
function streamed(answer: NodeResponse, { head, request }: RelayOptions): EdgeResponse {
  const { status } = answer;
  const headers = head(status, answerHeaders(answer.headers));
  // Whatever is not read is dropped when the request is over: its signal ends the backend's connection.
  if (isResponse(headers)) return headers;
  if (request.method === 'HEAD' || status === 204 || status === 304) return { status, headers, body: { as: 'none' } };
  return { status, headers, body: { as: 'stream', batches: batchesOf(answer.body) } };
}

const isResponse = (made: OutgoingHeaders | EdgeResponse): made is EdgeResponse => typeof made.body === 'object' && 'as' in made.body;

/** The head goes out at once, whenever the body comes. */
export async function* batchesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Uint8Array[]> {
  yield [];
  for await (const chunk of body) yield [chunk];
}

type Upgraded = UpgradedSocket & { readonly headers: HttpHeaders };

/** The client's connection becomes the backend's, the 101 with the backend's own headers included. */
export const joined = (backend: Upgraded, signal: AbortSignal): EdgeResponse => ({
  status: 101,
  headers: {},
  body: {
    as: 'upgrade',
    run: (client) => join(client, backend, signal),
    abandon: () => void backend.socket.destroy(),
  },
});

/** Resolves when both sides have ended. Either side's end, error or silence after the signal ends the other. */
function join(client: UpgradedSocket, backend: Upgraded, signal: AbortSignal): Promise<void> {
  const a = client.socket;
  const b = backend.socket;
  a.write(switchingProtocols(backend.headers));
  if (backend.head.length > 0) a.write(backend.head);
  if (client.head.length > 0) b.write(client.head);
  a.pipe(b);
  b.pipe(a);
  const off = onAbort(signal, () => {
    a.destroy();
    b.destroy();
  });
  const over = (one: Duplex, other: Duplex) =>
    new Promise<void>((resolve) => {
      one.on('error', () => other.destroy());
      one.on('close', () => {
        // What has been read is still written out; then the other side ends too.
        if (!other.destroyed) other.end();
        resolve();
      });
    });
  return Promise.all([over(a, b), over(b, a)]).then(off);
}

function switchingProtocols(headers: HttpHeaders): string {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : (typeof value === 'string' ? [value] : value).map((one) => `${name}: ${one}`),
  );
  return `HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`;
}
