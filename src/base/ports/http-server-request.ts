// One incoming request of the HTTPS server: what the client sent, who the client's certificate says it is, and when it has gone.
import type http from 'node:http';
import type http2 from 'node:http2';
import type { TLSSocket } from 'node:tls';

export type IncomingHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The client's certificate, read once a connection. */
export interface PeerCertificate {
  /** True when the server's client CA signed it, it was valid at the handshake, and it is meant for clients. */
  readonly verified: boolean;
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** Milliseconds since the epoch. */
  readonly notAfterMs: number;
  /** SHA-256 of the certificate, upper-case hexadecimal pairs joined by colons. */
  readonly fingerprint: string;
  /** The certificate itself, DER. */
  readonly raw?: Uint8Array;
}

export interface HttpServerRequest {
  readonly method: string;
  /** The path and query as sent. */
  readonly target: string;
  /** Names in lower case; over HTTP/2 also the pseudo fields. */
  readonly headers: IncomingHeaders;
  /** Each field of that name (lower case), where `headers` has joined several into one text. */
  fieldsOf(name: string): readonly string[];
  readonly httpVersion: '1' | '2';
  readonly remoteAddress: string;
  readonly peerCertificate: PeerCertificate | undefined;
  /** Fires when the client has gone before the answer was finished, or when the answer is finished. */
  readonly signal: AbortSignal;
  /** Reads the whole body. Throws {@link BodyError}. */
  readBody(limitBytes: number): Promise<Uint8Array>;
  /** Instead of `readBody`: the body as it comes; undefined when there is none. It throws when the client breaks off. */
  openBody(): AsyncIterable<Uint8Array> | undefined;
}

/** The body cannot be had: it is larger than the limit, or the client broke off. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
  readonly code: 'tooLarge' | 'aborted';
  constructor(code: 'tooLarge' | 'aborted', message: string) {
    super(message);
    this.code = code;
  }
}

/** One for all requests: an error captures a stack, which costs as much as a request's head. */
const answered = new BodyError('aborted', 'The answer is finished');
const clientGone = new BodyError('aborted', 'The client has gone');

type Incoming = http.IncomingMessage | http2.Http2ServerRequest;
type Outgoing = http.ServerResponse | http2.Http2ServerResponse;

/** By socket or session: null when the client brought no certificate. */
const peerCertificates = new WeakMap<object, PeerCertificate | null>();

/** The port's own view of Node's request, for both protocols. Everything costly is done when it is asked for. */
export class RequestView implements HttpServerRequest {
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  #controller: AbortController | undefined;
  readonly httpVersion: '1' | '2';

  constructor(incoming: Incoming, outgoing: Outgoing) {
    this.#incoming = incoming;
    this.#outgoing = outgoing;
    this.httpVersion = 'stream' in incoming ? '2' : '1';
    incoming.on('error', () => {});
    outgoing.on('error', () => {});
  }

  get method(): string {
    return this.#incoming.method ?? 'GET';
  }

  get target(): string {
    return this.#incoming.url ?? '/';
  }

  get headers(): IncomingHeaders {
    return this.#incoming.headers;
  }

  fieldsOf(name: string): readonly string[] {
    const { rawHeaders } = this.#incoming;
    return rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]?.toLowerCase() === name);
  }

  get remoteAddress(): string {
    return this.#incoming.socket?.remoteAddress ?? '';
  }

  get peerCertificate(): PeerCertificate | undefined {
    const session = 'stream' in this.#incoming ? this.#incoming.stream.session : undefined;
    const key = session ?? this.#incoming.socket;
    if (!key) return undefined;
    let known = peerCertificates.get(key);
    if (known === undefined) {
      known = readPeerCertificate(this.#incoming.socket as TLSSocket);
      peerCertificates.set(key, known);
    }
    return known ?? undefined;
  }

  get signal(): AbortSignal {
    if (this.#controller) return this.#controller.signal;
    const controller = new AbortController();
    this.#controller = controller;
    const gone = () => controller.abort(this.#outgoing.writableFinished ? answered : clientGone);
    if (this.#outgoing.destroyed || this.#outgoing.socket?.destroyed) gone();
    else this.#outgoing.on('close', gone);
    return controller.signal;
  }

  readBody(limitBytes: number): Promise<Uint8Array> {
    const incoming = this.#incoming;
    const tooLarge = () => new BodyError('tooLarge', `The body is larger than ${limitBytes} bytes`);
    if (Number(incoming.headers['content-length'] ?? 0) > limitBytes) {
      incoming.resume();
      return Promise.reject(tooLarge());
    }
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      let size = 0;
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size <= limitBytes) chunks.push(chunk);
        else {
          chunks.length = 0;
          reject(tooLarge());
        }
      });
      let ended = false;
      incoming.on('end', () => {
        ended = true;
        resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
      });
      incoming.on('close', () => {
        if (!ended) reject(new BodyError('aborted', 'The client broke off within the body'));
      });
    });
  }

  openBody(): AsyncIterable<Uint8Array> | undefined {
    const incoming = this.#incoming;
    // Whoever stops reading has an answer to give: the connection stays.
    return hasBody(incoming) ? { [Symbol.asyncIterator]: () => incoming.iterator({ destroyOnReturn: false }) } : undefined;
  }
}

/** By what the head says: HTTP/1.1 has no body without a length or an encoding. */
function hasBody(incoming: Incoming): boolean {
  if ('stream' in incoming) return !incoming.stream.endAfterHeaders;
  const { 'content-length': length, 'transfer-encoding': encoding } = incoming.headers;
  return encoding !== undefined || (length !== undefined && length !== '0');
}

function readPeerCertificate(socket: TLSSocket): PeerCertificate | null {
  const certificate = socket.getPeerCertificate();
  // An empty object stands for none. `authorized` alone is no proof: a resumed session without a certificate has it too.
  if (!certificate?.raw) return null;
  const { CN: commonName, O: organizations } = certificate.subject as { CN?: string | string[]; O?: string | string[] };
  return {
    verified: socket.authorized === true,
    commonName: Array.isArray(commonName) ? (commonName[0] ?? '') : (commonName ?? ''),
    organizations: organizations === undefined ? [] : Array.isArray(organizations) ? organizations : [organizations],
    notAfterMs: Date.parse(certificate.valid_to),
    fingerprint: certificate.fingerprint256,
    raw: certificate.raw,
  };
}
