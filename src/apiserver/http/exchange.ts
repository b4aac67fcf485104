// One HTTP exchange as values: what the pipeline takes and gives, so that it can be called without a socket.
import type { V1Status } from '../../api/mod.ts';
import type { IncomingHeaders, OutgoingHeaders, PeerCertificate, UpgradedSocket } from '../../base/ports/http-server.ts';

export type { IncomingHeaders, OutgoingHeaders, PeerCertificate, UpgradedSocket };

/** What comes in. The port's request has this shape; tests make their own. */
export interface EdgeRequest {
  readonly method: string;
  /** Path and query as sent: `/api/v1/pods?limit=5`. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: IncomingHeaders;
  /** Each field of that name, where `headers` has joined several into one text. */
  fieldsOf?(name: string): readonly string[];
  readonly remoteAddress: string;
  readonly peerCertificate: PeerCertificate | undefined;
  /** Fires when the client has gone. */
  readonly signal: AbortSignal;
  /** Throws BodyError of the HTTP server port. */
  readBody(limitBytes: number): Promise<Uint8Array>;
  /** Instead of `readBody`: the body as it comes; undefined when there is none. */
  openBody?(): AsyncIterable<Uint8Array> | undefined;
}

export type EdgeBody =
  | { readonly as: 'none' }
  | { readonly as: 'bytes'; readonly bytes: Uint8Array }
  /** Batches of chunks, each batch sent at once; read with back-pressure, and returned early when the client goes. */
  | { readonly as: 'stream'; readonly batches: AsyncIterable<readonly Uint8Array[]> }
  /** The connection itself: `run` speaks on it, the 101 included, and resolves when it is over. `status` and `headers` are not sent. */
  | {
      readonly as: 'upgrade';
      readonly run: (upgraded: UpgradedSocket) => Promise<void>;
      /** Called instead of `run` when the client cannot be given its connection. */
      readonly abandon?: () => void;
    };

export interface EdgeResponse {
  readonly status: number;
  readonly headers: OutgoingHeaders;
  readonly body: EdgeBody;
  /** With a stream or an upgrade: whoever sends the answer calls it when all is sent, or the client has gone. */
  readonly finished?: () => void;
}

export const jsonType = 'application/json';

export const bytesResponse = (status: number, contentType: string, bytes: Uint8Array): EdgeResponse => ({
  status,
  headers: { 'content-type': contentType, 'content-length': bytes.length },
  body: { as: 'bytes', bytes },
});

export const jsonResponse = (status: number, object: unknown): EdgeResponse =>
  bytesResponse(status, jsonType, Buffer.from(`${JSON.stringify(object)}\n`));

export const textResponse = (status: number, text: string): EdgeResponse => ({
  ...bytesResponse(status, 'text/plain; charset=utf-8', Buffer.from(text)),
  headers: { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(text), 'x-content-type-options': 'nosniff' },
});

/** An error's answer; a `retryAfterSeconds` among the details also becomes the header. */
export function statusResponse(status: V1Status): EdgeResponse {
  const response = jsonResponse(status.code ?? 500, status);
  const retryAfter = status.details?.retryAfterSeconds;
  return retryAfter === undefined ? response : { ...response, headers: { ...response.headers, 'retry-after': String(retryAfter) } };
}

/** What an unknown path gets, as plain text. */
export const notFoundPage = (): EdgeResponse => textResponse(404, '404 page not found\n');

/** One value of a header; several are joined as HTTP does. */
export function headerOf(headers: IncomingHeaders, name: string): string | undefined {
  const value = headers[name];
  return value === undefined || typeof value === 'string' ? value : value.join(', ');
}

/** Every field of that name, each as it was sent. Names in lower case. */
export function fieldsOf(request: Pick<EdgeRequest, 'headers' | 'fieldsOf'>, name: string): readonly string[] {
  const value = request.headers[name];
  if (value === undefined) return [];
  return request.fieldsOf?.(name) ?? (typeof value === 'string' ? [value] : value);
}

/** Keys in names of header fields are percent-encoded; one that is not stays as it is. */
export function decodeHeaderKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
