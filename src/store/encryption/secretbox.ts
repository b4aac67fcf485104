// NaCl's secretbox: XSalsa20 for secrecy, Poly1305 for authenticity. Node.js has neither of them in this combination.
// Source: D. J. Bernstein, "Cryptography in NaCl" and "Extending the Salsa20 nonce".
import { Buffer } from 'node:buffer';
import { timingSafeEqual } from 'node:crypto';

const tagBytes = 16;
const blockBytes = 64;
/** "expand 32-byte k" */
const sigma = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/** Tag, then cipher text. The key has 32 bytes, the nonce 24. */
export function sealBox(message: Uint8Array, nonce: Uint8Array, key: Uint8Array): Buffer {
  const stream = keyStream(tagBytes * 2 + message.length, nonce, key);
  const text = xor(message, stream.subarray(tagBytes * 2));
  return Buffer.concat([poly1305(text, stream), text]);
}

/** Undefined when the box was not sealed with this key and nonce, or has been touched. */
export function openBox(box: Uint8Array, nonce: Uint8Array, key: Uint8Array): Buffer | undefined {
  if (box.length < tagBytes || nonce.length !== 24) return undefined;
  const text = box.subarray(tagBytes);
  const stream = keyStream(tagBytes * 2 + text.length, nonce, key);
  return timingSafeEqual(poly1305(text, stream), box.subarray(0, tagBytes)) ? xor(text, stream.subarray(tagBytes * 2)) : undefined;
}

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(a.length);
  for (let i = 0; i < a.length; i++) out[i] = (a[i] as number) ^ (b[i] as number);
  return out;
}

/** The first `length` bytes that XSalsa20 gives: a key made of the nonce's first 16 bytes, then Salsa20 with its last 8. */
function keyStream(length: number, nonce: Uint8Array, key: Uint8Array): Buffer {
  const given = words(key);
  const long = words(nonce);
  const mixed = new Uint32Array(stateOf(given, long.slice(0, 4)));
  rounds(mixed);
  const inner = Uint32Array.from([0, 5, 10, 15, 6, 7, 8, 9].map((at) => mixed[at] as number));
  const out = Buffer.alloc(Math.ceil(length / blockBytes) * blockBytes);
  for (let block = 0; block * blockBytes < length; block++) {
    const state = stateOf(inner, [long[4] as number, long[5] as number, block >>> 0, Math.floor(block / 2 ** 32)]);
    const work = new Uint32Array(state);
    rounds(work);
    for (let i = 0; i < 16; i++) out.writeUInt32LE(((work[i] as number) + (state[i] as number)) >>> 0, block * blockBytes + 4 * i);
  }
  return out;
}

function words(bytes: Uint8Array): Uint32Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, i) => buffer.readUInt32LE(4 * i));
}

/** Salsa20's square: the constant on the diagonal, the key above and below, four words of input in the middle. */
function stateOf(key: Uint32Array, input: ArrayLike<number>): Uint32Array {
  const at = (from: ArrayLike<number>, index: number) => from[index] as number;
  return Uint32Array.from([
    ...[sigma[0], at(key, 0), at(key, 1), at(key, 2), at(key, 3), sigma[1]],
    ...[at(input, 0), at(input, 1), at(input, 2), at(input, 3), sigma[2]],
    ...[at(key, 4), at(key, 5), at(key, 6), at(key, 7), sigma[3]],
  ]);
}

/** Each row holds the four words of one quarter round: columns, then rows of the square. */
const quarters = [
  [0, 4, 8, 12],
  [5, 9, 13, 1],
  [10, 14, 2, 6],
  [15, 3, 7, 11],
  [0, 1, 2, 3],
  [5, 6, 7, 4],
  [10, 11, 8, 9],
  [15, 12, 13, 14],
] as const;

function rounds(x: Uint32Array): void {
  const mix = (to: number, a: number, b: number, by: number) => {
    const sum = ((x[a] as number) + (x[b] as number)) >>> 0;
    x[to] = (x[to] as number) ^ ((sum << by) | (sum >>> (32 - by)));
  };
  for (let double = 0; double < 10; double++) {
    for (const [a, b, c, d] of quarters) {
      mix(b, a, d, 7);
      mix(c, b, a, 9);
      mix(d, c, b, 13);
      mix(a, d, c, 18);
    }
  }
}

const prime = 2n ** 130n - 5n;
const clamp = 0x0ffffffc0ffffffc0ffffffc0fffffffn;

/** The tag of `message`: a polynomial over its blocks at a point, both from the one-time key (32 bytes). */
function poly1305(message: Uint8Array, key: Buffer): Buffer {
  const point = littleEndian(key.subarray(0, 16)) & clamp;
  let sum = 0n;
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16);
    sum = ((sum + littleEndian(block) + (1n << BigInt(8 * block.length))) * point) % prime;
  }
  const tag = BigInt.asUintN(128, sum + littleEndian(key.subarray(16, 32)));
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse();
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}
