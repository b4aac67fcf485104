import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32, gzipBatches, gzipBytes } from './gzip.ts';

test('what is compressed in pieces is one gzip member that gives everything back', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 4 }), { maxLength: 5 }),
      fc.nat(200_000),
      async (batches, padding) => {
        const all = [...batches, [Buffer.alloc(padding, 'ab')]];
        const pieces: Uint8Array[] = [];
        for await (const batch of gzipBatches(
          (async function* () {
            yield* all;
          })(),
        ))
          pieces.push(...batch);
        expect(gunzipSync(Buffer.concat(pieces)).equals(Buffer.concat(all.flat()))).toBe(true);
      },
    ),
    { numRuns: 30, seed: 7 },
  );
});

test('a large text shrinks and comes back', async () => {
  const text = Buffer.from('{"kind":"Pod"}'.repeat(50_000));
  const zipped = await gzipBytes(text);
  expect(zipped.length).toBeLessThan(text.length / 20);
  expect(gunzipSync(zipped).equals(text)).toBe(true);
});

test('crc32() gives the known check value, also in parts', () => {
  const text = Buffer.from('123456789');
  expect(crc32(text)).toBe(0xcbf43926);
  expect(crc32(text.subarray(4), crc32(text.subarray(0, 4)))).toBe(0xcbf43926);
});
