// gzip of a stream, piece by piece, on the calling thread: each piece is a deflate block of its own within one gzip member.
// Source: RFC 1951 and RFC 1952. Pieces share no window, which costs a little size and saves a state machine on the thread pool.
import { constants, deflateRawSync } from 'node:zlib';

/** Bytes compressed at once: about a millisecond's work. */
const pieceBytes = 128 * 1024;
const head = Uint8Array.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
/** The empty block that ends a deflate stream. */
const lastBlock = [0x03, 0x00];
const level = 1;

/** The gzip form of everything in `batches`. */
export async function* gzipBatches(batches: AsyncIterable<readonly Uint8Array[]>): AsyncGenerator<readonly Uint8Array[]> {
  let crc = 0;
  let size = 0;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  const flush = (): Uint8Array => {
    const piece = Buffer.concat(waiting);
    waiting = [];
    waitingBytes = 0;
    crc = crc32(piece, crc);
    size = (size + piece.length) >>> 0;
    return deflateRawSync(piece, { level, finishFlush: constants.Z_SYNC_FLUSH });
  };
  yield [head];
  for await (const batch of batches) {
    for (const chunk of batch) {
      waiting.push(chunk);
      waitingBytes += chunk.length;
      if (waitingBytes >= pieceBytes) yield [flush()];
    }
  }
  const tail = Buffer.alloc(10);
  const rest = waitingBytes > 0 ? [flush()] : [];
  tail.set(lastBlock);
  tail.writeUInt32LE(crc, 2);
  tail.writeUInt32LE(size, 6);
  yield [...rest, tail];
}

/** The gzip form of one text. */
export async function gzipBytes(bytes: Uint8Array): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const whole = (async function* () {
    for (let at = 0; at < bytes.length; at += pieceBytes) yield [bytes.subarray(at, at + pieceBytes)];
  })();
  for await (const batch of gzipBatches(whole)) pieces.push(...batch);
  return Buffer.concat(pieces);
}

const crcTables = makeCrcTables();

function makeCrcTables(): readonly Uint32Array[] {
  const tables = Array.from({ length: 4 }, () => new Uint32Array(256));
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
    (tables[0] as Uint32Array)[n] = c >>> 0;
  }
  for (let t = 1; t < 4; t++) {
    for (let n = 0; n < 256; n++) {
      const before = (tables[t - 1] as Uint32Array)[n] as number;
      (tables[t] as Uint32Array)[n] = ((tables[0] as Uint32Array)[before & 0xff] as number) ^ (before >>> 8);
    }
  }
  return tables;
}

/** CRC-32 (IEEE) of `bytes` after `crc`, four bytes at a time. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  const [t0, t1, t2, t3] = crcTables as readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let c = ~crc;
  let at = 0;
  for (const end = bytes.length - 3; at < end; at += 4) {
    c ^= (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
    c = (t3[c & 0xff] as number) ^ (t2[(c >>> 8) & 0xff] as number) ^ (t1[(c >>> 16) & 0xff] as number) ^ (t0[c >>> 24] as number);
  }
  for (; at < bytes.length; at++) c = (t0[(c ^ (bytes[at] as number)) & 0xff] as number) ^ (c >>> 8);
  return ~c >>> 0;
}
