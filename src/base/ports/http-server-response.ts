// One outgoing answer of the HTTPS server: head once, body with back-pressure, or the raw socket of an upgraded connection.
import http from 'node:http';
import type http2 from 'node:http2';
import type { Duplex } from 'node:stream';

export type OutgoingHeaders = Readonly<Record<string, string | number | readonly string[]>>;

/** The connection after an upgrade was agreed to. `head` is what the client had already sent after its head. */
export interface UpgradedSocket {
  readonly socket: Duplex;
  readonly head: Uint8Array;
}

export interface HttpServerResponse {
  /** True when the client asked for an upgrade (HTTP/1.1 only), so that `takeSocket` may be called. */
  readonly canUpgrade: boolean;
  /** True when nothing more can be sent: finished, or the client has gone. Writes do nothing then. */
  readonly closed: boolean;
  readonly headSent: boolean;
  /** Once, before everything else. */
  head(status: number, headers: OutgoingHeaders): void;
  /** Sends chunks in as few packets as can be. A promise when the client is slow: await it before more is written. It never rejects.
   * No chunks at all send the head. */
  write(chunks: readonly Uint8Array[]): Promise<void> | undefined;
  end(chunk?: Uint8Array): void;
  /** Drops the connection (HTTP/2: the stream). */
  destroy(): void;
  /** Instead of an answer: the caller now speaks on the socket, the 101 included, and must end it. */
  takeSocket(): UpgradedSocket;
}

type Outgoing = http.ServerResponse | http2.Http2ServerResponse;

/** Chunks up to this size are framed once for all who are sent them. */
const framedBytesMax = 64 * 1024;
const crlf = Buffer.from('\r\n');

/** A chunk of HTTP/1.1 with its length before it: made once, for however many connections. */
const framed = new WeakMap<Uint8Array, Uint8Array>();
function frame(chunk: Uint8Array): Uint8Array {
  const known = framed.get(chunk);
  if (known) return known;
  const made = Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, crlf]);
  framed.set(chunk, made);
  return made;
}

export class ResponseWriter implements HttpServerResponse {
  readonly #outgoing: Outgoing;
  /** True once the head is on its way. */
  #begun = false;
  #upgrade: UpgradedSocket | undefined;

  constructor(outgoing: Outgoing, upgrade?: UpgradedSocket) {
    this.#outgoing = outgoing;
    this.#upgrade = upgrade;
  }

  get canUpgrade(): boolean {
    return this.#upgrade !== undefined;
  }

  get closed(): boolean {
    const out = this.#outgoing;
    if (out.writableEnded || out.destroyed === true) return true;
    // Until the answer before it has left, an answer of HTTP/1.1 has no socket of its own: its request knows the connection.
    return out instanceof http.ServerResponse ? out.req.socket.destroyed : out.stream.destroyed;
  }

  get headSent(): boolean {
    return this.#outgoing.headersSent;
  }

  head(status: number, headers: OutgoingHeaders): void {
    if (this.closed) return;
    // Both kinds of response take the same arguments; TypeScript cannot call a union of overloads.
    (this.#outgoing as http.ServerResponse).writeHead(status, headers as http.OutgoingHttpHeaders);
  }

  write(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    if (this.closed) return undefined;
    const socket = chunks.length === 1 ? this.#rawSocket() : undefined;
    // Node itself would send a chunk in four pieces.
    if (socket && chunks[0] && chunks[0].length > 0 && chunks[0].length <= framedBytesMax)
      return socket.write(frame(chunks[0])) ? undefined : drained(socket);
    this.#begun = true;
    const out = this.#outgoing as http.ServerResponse;
    if (chunks.length === 0) out.flushHeaders();
    else if (chunks.length === 1) out.write(chunks[0]);
    else {
      const corkable = out instanceof http.ServerResponse ? out : (this.#outgoing as http2.Http2ServerResponse).stream;
      corkable.cork();
      for (const chunk of chunks) out.write(chunk);
      corkable.uncork();
    }
    return needsDrain(this.#outgoing) ? drained(this.#outgoing) : undefined;
  }

  /** The connection, where chunks may be written to it as they are: HTTP/1.1, and what came before is on its way. */
  #rawSocket(): Duplex | undefined {
    const out = this.#outgoing;
    return this.#begun && out instanceof http.ServerResponse && out.chunkedEncoding ? (out.socket ?? undefined) : undefined;
  }

  end(chunk?: Uint8Array): void {
    if (this.closed) return;
    if (chunk) (this.#outgoing as http.ServerResponse).end(chunk);
    else this.#outgoing.end();
  }

  destroy(): void {
    const out = this.#outgoing;
    if (out instanceof http.ServerResponse) out.destroy();
    else out.stream.close();
  }

  takeSocket(): UpgradedSocket {
    const upgrade = this.#upgrade;
    if (!upgrade) throw new Error('Cannot take the socket: the client did not ask for an upgrade, or it is taken');
    this.#upgrade = undefined;
    (this.#outgoing as http.ServerResponse).detachSocket(upgrade.socket as Parameters<http.ServerResponse['detachSocket']>[0]);
    return upgrade;
  }
}

const needsDrain = (out: Outgoing): boolean =>
  out instanceof http.ServerResponse ? out.writableNeedDrain : out.stream.writableNeedDrain && !out.stream.destroyed;

function drained(out: Outgoing | Duplex): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      out.off('drain', go);
      out.off('close', go);
      resolve();
    };
    out.on('drain', go);
    out.on('close', go);
  });
}
