import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemFiles } from '../../base/ports/fs.ts';
import { systemProcesses } from '../../base/ports/process.ts';
import { clusterIdOf, readIdentity, writeIdentity } from './data-dir.ts';
import { findHolder, takeLock } from './lock.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'minke-data-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const options = () => ({ fs: systemFiles, processes: systemProcesses, dataDir });
const clock = { nowMs: () => 0, monotonicMs: () => 0, after: () => ({ cancel() {} }), yield: async () => {} };
const ranges = { serviceCidr: '10.96.0.0/16', clusterCidr: '10.200.0.0/16', podCidr: '10.200.0.0/24' };
const identity = { nodeName: 'n1', port: 6443, bindAddress: '127.0.0.1', podNetwork: 'vxlan', ...ranges } as const;

test('a lock is held once, and free after its release', async () => {
  const release = await takeLock({ ...options(), self: process.pid, url: 'https://127.0.0.1:1' });
  await expect(takeLock({ ...options(), self: process.ppid, url: 'https://127.0.0.1:2' })).rejects.toThrow(
    `is in use by another Minke (process ${process.pid}, https://127.0.0.1:1). Stop it with`,
  );
  expect(await findHolder(options())).toMatchObject({ pid: process.pid });
  await release();
  expect(await findHolder(options())).toBeUndefined();
});

test('the lock of a process that was killed is taken over, also when another process has its number', async () => {
  writeFileSync(join(dataDir, 'minke.pid'), `${process.pid} 1 https://127.0.0.1:1\n`);
  expect(await findHolder(options())).toBeUndefined();
  const release = await takeLock({ ...options(), self: process.pid, url: 'u' });
  await release();
});

test('an identity is read as it was written', async () => {
  expect(await readIdentity(systemFiles, dataDir)).toBeUndefined();
  const written = await writeIdentity(systemFiles, clock, dataDir, identity);
  expect(written).toMatchObject({ ...identity, id: clusterIdOf(dataDir), createdAt: '1970-01-01T00:00:00.000Z' });
  expect(await readIdentity(systemFiles, dataDir)).toEqual(written);
});

test.each([
  { what: 'a foreign directory', file: 'thesis.txt', text: 'x', says: 'holds "thesis.txt" but no minke.json, so it is not Minke\'s' },
  { what: 'a damaged marker', file: 'minke.json', text: '{"format":', says: 'it is damaged (not JSON)' },
  { what: 'a marker that lacks a field', file: 'minke.json', text: '{"format":1}', says: 'it is damaged (a field is missing)' },
  { what: 'a marker of a newer Minke', file: 'minke.json', text: '{"format":99}', says: 'Use a newer Minke' },
])('$what is refused in one sentence', async ({ file, text, says }) => {
  writeFileSync(join(dataDir, file), text);
  await expect(readIdentity(systemFiles, dataDir)).rejects.toThrow(says);
});
