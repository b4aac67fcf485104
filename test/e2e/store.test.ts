// `minke store` from outside: a check and a backup of a store that is being written to, and a restore that starts.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { findKubectl, freePort, minke, run } from './harness.ts';

const dir = mkdtempSync(join(tmpdir(), 'minke-store-'));
const [first, second] = [join(dir, 'first'), join(dir, 'second')];
afterAll(async () => {
  for (const dataDir of [first, second]) await minke('down', '--clean', '--data-dir', dataDir);
  rmSync(dir, { recursive: true, force: true });
});
const kubectl = (dataDir: string, ...args: string[]) =>
  run(findKubectl(), args, { env: { KUBECONFIG: join(dataDir, 'admin.kubeconfig') } });
const start = async (dataDir: string) => minke('apiserver', '--detach', '--data-dir', dataDir, `--secure-port=${await freePort()}`);

test('checked and backed up while it is written to; restored, it starts with what it had', async () => {
  expect(await start(first)).toMatchObject({ code: 0, stderr: '' });
  await kubectl(first, 'create', 'configmap', 'before', '--from-literal=a=b');
  let writing = true;
  const writer = (async () => {
    for (let i = 0; writing; i++) await kubectl(first, 'create', 'configmap', `during-${i}`, `--from-literal=i=${i}`);
  })();
  const file = join(dir, 'backup');
  expect((await minke('store', 'check', '--data-dir', first)).stdout).toMatch(
    /^✓ The store is sound: revision \d+, \d+ keys, \d+ records\.\n$/,
  );
  expect((await minke('store', 'backup', file, '--data-dir', first)).stdout).toMatch(/^✓ Backup written: .*, \d+ bytes\.\n$/);
  writing = false;
  await writer;
  expect((await minke('store', 'restore', file, '--data-dir', first)).stderr).toContain('Minke runs in');
  expect((await minke('store', 'restore', file, '--data-dir', second)).code).toBe(0);
  expect((await minke('store', 'check', '--data-dir', second)).code).toBe(0);
  expect(await start(second)).toMatchObject({ code: 0, stderr: '' });
  expect((await kubectl(second, 'get', 'configmap', 'before', '-o', 'jsonpath={.data.a}')).stdout).toBe('b');
  expect((await minke('store', 'check', '--data-dir', join(dir, 'none'))).stderr).toContain('There is no store in');
});
