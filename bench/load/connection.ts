// The smallest HTTP/1.1 client over TLS that measures honestly: one request at a time a connection, bytes in and out, no parsing
// but of the head. It must cost less than the server that it measures.
import tls from 'node:tls';

export interface Target {
  readonly port: number;
  readonly token: string;
  /** Whom to impersonate. */
  readonly as?: { readonly user: string; readonly groups: readonly string[] };
}

export interface Answer {
  readonly status: number;
  readonly bytes: number;
  /** From sending the request to the first byte of the answer. */
  readonly firstByteMs: number;
}

interface Pending {
  readonly sentMs: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

type Reading =
  | { readonly at: 'head' }
  | { readonly at: 'length'; readonly left: number }
  /** `tail`: the last bytes seen, in which the end mark is looked for. */
  | { readonly at: 'chunked'; readonly tail: string };

const headEnd = '\r\n\r\n';
const chunksEnd = '0\r\n\r\n';

export class Connection {
  readonly #socket: tls.TLSSocket;
  #pending: Pending | undefined;
  #reading: Reading = { at: 'head' };
  #head = '';
  #status = 0;
  #bytes = 0;
  #firstByteMs = 0;

  private constructor(socket: tls.TLSSocket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    const fail = (error: Error) => {
      const pending = this.#pending;
      this.#pending = undefined;
      pending?.reject(error);
    };
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('The connection was closed')));
  }

  static async open(port: number): Promise<Connection> {
    return new Connection(await connect(port));
  }

  send(request: Uint8Array): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#reading = { at: 'head' };
      this.#head = '';
      this.#bytes = 0;
      this.#firstByteMs = 0;
      this.#pending = { sentMs: performance.now(), resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    const pending = this.#pending;
    if (!pending) return;
    if (this.#firstByteMs === 0) this.#firstByteMs = performance.now() - pending.sentMs;
    let body = chunk;
    if (this.#reading.at === 'head') {
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf(headEnd);
      if (end < 0) return;
      body = chunk.subarray(chunk.length - (this.#head.length - end - headEnd.length));
      this.#status = Number(this.#head.slice(9, 12));
      const length = /content-length: (\d+)/i.exec(this.#head.slice(0, end))?.[1];
      this.#reading = length === undefined ? { at: 'chunked', tail: '' } : { at: 'length', left: Number(length) };
    }
    this.#bytes += body.length;
    if (this.#reading.at === 'length') {
      const left = this.#reading.left - body.length;
      this.#reading = { at: 'length', left };
      if (left > 0) return;
    } else if (this.#reading.at === 'chunked') {
      const tail = (this.#reading.tail + body.subarray(-chunksEnd.length).toString('latin1')).slice(-chunksEnd.length);
      this.#reading = { at: 'chunked', tail };
      if (tail !== chunksEnd) return;
    }
    this.#pending = undefined;
    pending.resolve({ status: this.#status, bytes: this.#bytes, firstByteMs: this.#firstByteMs });
  }
}

/** A TLS connection. The server's certificate is not looked at: the server is one that the benchmark has started. */
export function connect(port: number): Promise<tls.TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }, () => {
      socket.setNoDelay(true);
      socket.off('error', reject);
      resolve(socket);
    });
    socket.once('error', reject);
  });
}

/** The bytes of one request. */
export function requestBytes(target: Target, method: string, path: string, body?: string): Buffer {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const length = body === undefined ? '' : `Content-Type: ${type}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
  const head = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${target.token}\r\nUser-Agent: bench/1\r\nAccept: application/json\r\n`;
  const { user, groups } = target.as ?? { user: '', groups: [] };
  const as = user === '' ? '' : `Impersonate-User: ${user}\r\n${groups.map((group) => `Impersonate-Group: ${group}\r\n`).join('')}`;
  return Buffer.from(`${head}${as}${length}\r\n${body ?? ''}`);
}
