// The client's side of SPDY/3.1 over a connection that has been upgraded to it: streams over one socket.
// Source: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
//
// Header blocks are sent as stored (uncompressed) deflate blocks, which every inflater reads, so that sending needs no
// compressor with a state; the headers of replies say nothing that a client needs, and are not read.
import type { Duplex } from 'node:stream';
import { BoundedQueue } from '../bounded-queue.ts';

/** Chunks of one stream that wait for their reader; above it reading from the socket pauses. */
const unreadMax = 64;
const frameHeaderBytes = 8;
const payloadMaxBytes = 2 ** 24 - 1;

const type = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7 } as const;
const flagFin = 1;
/** zlib's header with a preset dictionary, and the checksum of SPDY/3's dictionary. */
const zlibHead = Buffer.from([0x78, 0x20, 0xe3, 0xc6, 0xa7, 0xc2]);
/** An empty stored block: everything before it can be read. */
const syncFlush = Buffer.from([0x00, 0x00, 0x00, 0xff, 0xff]);

export interface SpdyStream {
  /** Ends when the other side has finished the stream or the connection is gone. For one reader. */
  readonly incoming: AsyncIterable<Uint8Array>;
  /** Resolves when there is room for more. Does nothing once the connection is gone. */
  write(chunk: Uint8Array): Promise<void>;
  /** Finishes this direction: the other side reads its end. */
  end(): void;
}

export interface SpdyConnection {
  /** Opens a stream. Names of headers are in lower case. */
  open(headers: Readonly<Record<string, string>>): SpdyStream;
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>;
  close(): void;
}

/** Speaks on a socket after the 101; `head` is what had come with it. */
export function createSpdyClient(socket: Duplex, head: Uint8Array): SpdyConnection {
  return new SpdyClient(socket, head);
}

class SpdyClient implements SpdyConnection {
  readonly #socket: Duplex;
  /** What has come on each stream that is open. */
  readonly #unread = new Map<number, BoundedQueue<Uint8Array>>();
  readonly closed: Promise<void>;
  #nextId = 1;
  #headersSent = false;
  #pending: Buffer;
  /** Streams whose reader is behind: while there are any, nothing is read from the socket. */
  #full = 0;

  constructor(socket: Duplex, head: Uint8Array) {
    this.#socket = socket;
    this.#pending = Buffer.from(head);
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#endAll();
        resolve();
      });
    });
    socket.on('data', (chunk: Buffer) => {
      this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
      this.#readFrames();
    });
    // The close that follows says it to every reader.
    socket.on('error', () => {});
    socket.once('end', () => {
      this.#endAll();
      socket.end();
    });
    this.#readFrames();
  }

  open(headers: Readonly<Record<string, string>>): SpdyStream {
    const socket = this.#socket;
    const id = this.#nextId;
    this.#nextId += 2;
    const unread = new BoundedQueue<Uint8Array>(Number.POSITIVE_INFINITY);
    this.#unread.set(id, unread);
    socket.write(synStream(id, headers, !this.#headersSent));
    this.#headersSent = true;
    return {
      incoming: this.#readStream(unread),
      write: (chunk) => writeAll(socket, dataFrames(id, chunk)),
      end: () => void (socket.writable && socket.write(dataFrame(id, flagFin, new Uint8Array(0)))),
    };
  }

  close(): void {
    this.#socket.destroy();
  }

  async *#readStream(unread: BoundedQueue<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of unread) {
      if (unread.size === unreadMax - 1 && --this.#full === 0) this.#socket.resume();
      yield chunk;
    }
  }

  #readFrames(): void {
    while (this.#pending.length >= frameHeaderBytes) {
      const end = frameHeaderBytes + (this.#pending.readUInt32BE(4) & payloadMaxBytes);
      if (this.#pending.length < end) return;
      this.#onFrame(this.#pending.subarray(0, frameHeaderBytes), this.#pending.subarray(frameHeaderBytes, end));
      this.#pending = this.#pending.subarray(end);
    }
  }

  #onFrame(header: Buffer, payload: Buffer): void {
    const flags = header[4] ?? 0;
    if (((header[0] ?? 0) & 0x80) === 0) return this.#onData(header.readUInt32BE(0) & 0x7fffffff, flags, payload);
    switch (header.readUInt16BE(2)) {
      case type.ping:
        this.#socket.write(Buffer.concat([header, payload]));
        return;
      case type.rstStream:
        return this.#finish(payload.readUInt32BE(0) & 0x7fffffff);
      case type.goAway:
        return this.#endAll();
      case type.synReply:
        if ((flags & flagFin) !== 0) this.#finish(payload.readUInt32BE(0) & 0x7fffffff);
    }
  }

  #onData(id: number, flags: number, payload: Buffer): void {
    const unread = this.#unread.get(id);
    if (unread && payload.length > 0) {
      unread.push(payload);
      if (unread.size === unreadMax && this.#full++ === 0) this.#socket.pause();
    }
    if ((flags & flagFin) !== 0) this.#finish(id);
  }

  #finish(id: number): void {
    this.#unread.get(id)?.close();
    this.#unread.delete(id);
  }

  #endAll(): void {
    for (const unread of this.#unread.values()) unread.close();
    this.#unread.clear();
  }
}

function synStream(id: number, headers: Readonly<Record<string, string>>, first: boolean): Buffer {
  const entries = Object.entries(headers);
  const words = entries.flatMap(([name, value]) => [lengthPrefixed(name.toLowerCase()), lengthPrefixed(value)]);
  const block = Buffer.concat([uint32(entries.length), ...words]);
  const stored = Buffer.alloc(5);
  stored.writeUInt16LE(block.length, 1);
  stored.writeUInt16LE(~block.length & 0xffff, 3);
  const payload = Buffer.concat([uint32(id), uint32(0), Buffer.alloc(2), ...(first ? [zlibHead] : []), stored, block, syncFlush]);
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt16BE(0x8003, 0);
  header.writeUInt16BE(type.synStream, 2);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
}

function dataFrame(id: number, flags: number, chunk: Uint8Array): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt32BE(id, 0);
  header.writeUInt32BE(chunk.length, 4);
  header[4] = flags;
  return Buffer.concat([header, chunk]);
}

function* dataFrames(id: number, chunk: Uint8Array): Generator<Buffer> {
  for (let at = 0; at < chunk.length; at += payloadMaxBytes) yield dataFrame(id, 0, chunk.subarray(at, at + payloadMaxBytes));
}

async function writeAll(socket: Duplex, frames: Iterable<Buffer>): Promise<void> {
  for (const frame of frames) {
    if (!socket.writable) return;
    if (socket.write(frame)) continue;
    await new Promise<void>((resolve) => {
      const go = () => {
        socket.off('drain', go);
        socket.off('close', go);
        resolve();
      };
      socket.on('drain', go);
      socket.on('close', go);
    });
  }
}

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const lengthPrefixed = (text: string): Buffer => {
  const bytes = Buffer.from(text);
  return Buffer.concat([uint32(bytes.length), bytes]);
};
