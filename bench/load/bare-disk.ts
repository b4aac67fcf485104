// The machine's own limit of durable writes: LMDB puts of the same size, awaited, by so many writers, nothing around them.
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { percentile } from '../statistics.ts';

const [parent = '', writers = '1', count = '1000', bytes = '1000'] = process.argv.slice(2);
const dir = mkdtempSync(join(parent, 'bare-disk-'));
const db = open<Buffer, Buffer>({
  path: dir,
  noSubdir: false,
  encoding: 'binary',
  keyEncoding: 'binary',
  overlappingSync: false,
  pageSize: 8192,
});
const value = Buffer.alloc(Number(bytes), 'x');
const latencies: number[] = [];
let next = 0;
async function write(): Promise<void> {
  for (let n = next++; n < Number(count); n = next++) {
    const sentMs = performance.now();
    await db.put(Buffer.from(String(n).padStart(12, '0')), value);
    latencies.push(performance.now() - sentMs);
  }
}
const startedMs = performance.now();
await Promise.all(Array.from({ length: Number(writers) }, write));
const ms = performance.now() - startedMs;
await db.close();
rmSync(dir, { recursive: true, force: true });
process.stdout.write(
  JSON.stringify({ perSecond: (Number(count) / ms) * 1000, p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99) }),
);
