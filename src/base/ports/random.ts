// The machine's own source of chance, fit for secrets.
import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import type { Random } from '../random.ts';

/** Cryptographically strong. */
export const systemRandom: Random = {
  u32: () => randomInt(2 ** 32),
  below: (limit) => randomInt(limit),
  fraction: () => randomInt(2 ** 32) / 2 ** 32,
  bytes: (length) => new Uint8Array(randomBytes(length)),
  uuid: () => randomUUID(),
  child: () => systemRandom,
};
