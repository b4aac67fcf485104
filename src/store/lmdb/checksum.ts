// CRC-32 (the one of zip and Ethernet): finds every burst of damage of up to 32 bits, and misses one of four billion others.
import * as zlib from 'node:zlib';

/** Node's own, which uses the processor's instructions: from 20.15 and 22.2 on. */
const native = (zlib as { readonly crc32?: (data: Uint8Array, seed?: number) => number }).crc32;
/** Below this many bytes the call costs more than the table. */
const nativeMinBytes = 128;

/** Of each byte; then of each byte with one, two and three zero bytes after it. */
const tables = ((): readonly [Int32Array, Int32Array, Int32Array, Int32Array] => {
  const [t0, t1, t2, t3] = [new Int32Array(256), new Int32Array(256), new Int32Array(256), new Int32Array(256)];
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    t0[byte] = crc;
  }
  const next = (crc: number): number => (crc >>> 8) ^ (t0[crc & 255] as number);
  for (let byte = 0; byte < 256; byte++) {
    t1[byte] = next(t0[byte] as number);
    t2[byte] = next(t1[byte] as number);
    t3[byte] = next(t2[byte] as number);
  }
  return [t0, t1, t2, t3];
})();

/** As an unsigned number. `seed` is the sum of what came before, or any number of 32 bits that the data must have in common with it. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  if (native && bytes.length >= nativeMinBytes) return native(bytes, seed);
  return crc32ByTable(bytes, seed);
}

export function crc32ByTable(bytes: Uint8Array, seed = 0): number {
  const [t0, t1, t2, t3] = tables;
  let crc = ~seed;
  let at = 0;
  for (const end = bytes.length - 3; at < end; at += 4) {
    crc ^= (bytes[at] as number) | ((bytes[at + 1] as number) << 8) | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24);
    crc = (t3[crc & 255] as number) ^ (t2[(crc >>> 8) & 255] as number) ^ (t1[(crc >>> 16) & 255] as number) ^ (t0[crc >>> 24] as number);
  }
  for (; at < bytes.length; at++) crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 255] as number);
  return ~crc >>> 0;
}

/** The sum of a text of ASCII characters. */
export function crc32OfText(text: string, seed = 0): number {
  const [t0] = tables;
  let crc = ~seed;
  for (let at = 0; at < text.length; at++) crc = (crc >>> 8) ^ (t0[(crc ^ text.charCodeAt(at)) & 255] as number);
  return ~crc >>> 0;
}
