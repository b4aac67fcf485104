// A server whose disk fills up, and one whose disk is read-only: clear words, nothing lost, and on it goes when the cause is gone. Mounts a small tmpfs.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findKubectl, freePort, minke, run } from './harness.ts';

const dir = mkdtempSync(join(tmpdir(), 'minke-disk-'));
const dataDir = join(dir, 'data');
const filler = join(dir, 'filler');
beforeAll(() => void execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', dir]));
afterAll(async () => {
  try {
    execFileSync('mount', ['-o', 'remount,rw', dir]);
    await minke('down', '--clean', '--data-dir', dataDir);
  } finally {
    execFileSync('umount', ['--lazy', dir]);
  }
  rmSync(dir, { recursive: true, force: true });
});

const kubectl = (...args: string[]) => run(findKubectl(), args, { env: { KUBECONFIG: join(dataDir, 'admin.kubeconfig') } });
const start = async () => minke('apiserver', '--detach', '--data-dir', dataDir, `--secure-port=${await freePort()}`);
const create = (name: string, file: string) => kubectl('create', 'configmap', name, `--from-file=v=${file}`);

test('a full disk: writes are refused with the reason, reads go on, and writes too once there is room', async () => {
  expect(await start()).toMatchObject({ code: 0, stderr: '' });
  const pid = readFileSync(join(dataDir, 'minke.pid'), 'utf8');
  const big = join(dir, 'big');
  writeFileSync(big, 'x'.repeat(500_000));
  expect((await create('before', big)).code).toBe(0);
  const { bavail, bsize } = statfsSync(dir);
  writeFileSync(filler, Buffer.alloc(bavail * bsize - 1_000_000));
  const made = ['before'];
  let refusal = '';
  for (let i = 0; i < 20 && refusal === ''; i++) {
    const { code, stderr } = await create(`c${i}`, big);
    if (code === 0) made.push(`c${i}`);
    else refusal = stderr;
  }
  expect(refusal).toMatch(/Internal error occurred: Cannot write to the store: .*no space left/i);
  const names = async () => (await kubectl('get', 'configmaps', '-o', 'jsonpath={.items[*].metadata.name}')).stdout.split(' ');
  expect(await names()).toEqual(made.sort());
  expect((await kubectl('get', 'configmap', 'before', '-o', 'jsonpath={.data.v}')).stdout).toHaveLength(500_000);
  rmSync(filler);
  expect(await create('after', big)).toMatchObject({ code: 0, stderr: '' });
  expect(await names()).toEqual([...made, 'after'].sort());
  expect(readFileSync(join(dataDir, 'minke.pid'), 'utf8')).toBe(pid);
  expect((await minke('down', '--data-dir', dataDir)).code).toBe(0);
  expect(await minke('store', 'check', '--data-dir', dataDir)).toMatchObject({ code: 0, stderr: '' });
});

test('a read-only disk: it does not start, and says why; made writable, it starts with everything', async () => {
  execFileSync('mount', ['-o', 'remount,ro', dir]);
  const refused = await start();
  expect(refused.code).not.toBe(0);
  expect(refused.stderr).toMatch(/read-only|EROFS/i);
  execFileSync('mount', ['-o', 'remount,rw', dir]);
  expect(await start()).toMatchObject({ code: 0, stderr: '' });
  expect((await kubectl('get', 'configmap', 'after', '-o', 'jsonpath={.data.v}')).stdout).toHaveLength(500_000);
});
