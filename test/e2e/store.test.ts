// `minke store` from outside: a check and a backup of a store that is being written to, and a restore that starts.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

test('a byte that has changed on the disk: the object is named, the rest is served, and it can be written off', async () => {
  expect((await minke('down', '--data-dir', second)).code).toBe(0);
  const data = join(second, 'store/data.mdb');
  const content = readFileSync(data);
  for (let at = content.indexOf('"a":"b"'); at >= 0; at = content.indexOf('"a":"b"', at + 1)) content[at + 5] = 'c'.charCodeAt(0);
  writeFileSync(data, content);
  const check = await minke('store', 'check', '--data-dir', second);
  expect(check).toMatchObject({ code: 1 });
  expect(check.stdout).toMatch(/✗ the record of revision \d+ cannot be read: its check sum is wrong/);
  expect(await start(second)).toMatchObject({ code: 0 });
  const key = '/registry/core/configmaps/default/before';
  const says = new RegExp(
    `Internal error occurred: the store's record of "${key}" at revision \\d+ is damaged: look with "minke store check"`,
  );
  expect((await kubectl(second, 'get', 'configmap', 'before')).stderr).toMatch(says);
  expect((await kubectl(second, 'get', 'configmaps')).stderr).toMatch(says);
  expect((await kubectl(second, 'get', 'configmap', 'during-0', '-o', 'jsonpath={.data.i}')).stdout).toBe('0');
  expect((await kubectl(second, 'delete', 'configmap', 'before')).stderr).toMatch(says);
  const path = '/api/v1/namespaces/default/configmaps/before?ignoreStoreReadErrorWithClusterBreakingPotential=true';
  expect(await kubectl(second, 'delete', '--raw', path)).toMatchObject({ code: 0 });
  expect((await kubectl(second, 'get', 'configmap', 'during-0', '-o', 'name')).stdout).toBe('configmap/during-0\n');
  expect((await kubectl(second, 'get', 'configmap', 'before')).stderr).toContain('not found');
});
