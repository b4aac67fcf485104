// Encryption at rest from outside: what the disk holds, rotation by replacing, and a key that is lost.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { findKubectl, freePort, minke, run } from './harness.ts';

const dir = mkdtempSync(join(tmpdir(), 'minke-encryption-'));
const dataDir = join(dir, 'data');
const config = join(dir, 'encryption.yaml');
afterAll(async () => {
  await minke('down', '--clean', '--data-dir', dataDir);
  rmSync(dir, { recursive: true, force: true });
});
const kubectl = (args: readonly string[], input = '') =>
  run(findKubectl(), args, { input, env: { KUBECONFIG: join(dataDir, 'admin.kubeconfig') } });

async function restart(...providers: string[]): Promise<void> {
  await minke('down', '--data-dir', dataDir);
  const resources = `resources: [{ resources: [secrets], providers: [${providers.join(', ')}] }]`;
  writeFileSync(config, `kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\n${resources}\n`, { mode: 0o600 });
  const flags = ['--detach', '--data-dir', dataDir, `--secure-port=${await freePort()}`, `--encryption-provider-config=${config}`];
  expect(await minke('apiserver', ...flags)).toMatchObject({ code: 0, stderr: '' });
}

const key = (name: string, fill: number) =>
  `{ aesgcm: { keys: [{ name: ${name}, secret: ${Buffer.alloc(32, fill).toString('base64')} }] } }`;
const onDisk = () => readFileSync(join(dataDir, 'store/data.mdb')).toString('latin1');
const value = Buffer.from('a-precious-word').toString('base64');

test('secrets are encrypted on the disk, rotate, and are not lost with their key', async () => {
  await restart(key('key1', 1), '{ identity: {} }');
  await kubectl(['create', 'secret', 'generic', 's', '--from-literal=word=a-precious-word']);
  await kubectl(['create', 'configmap', 'c', '--from-literal=word=a-plain-word']);
  expect(onDisk()).toContain('k8s:enc:aesgcm:v1:key1:');
  expect(onDisk()).toContain('a-plain-word');
  expect(onDisk()).not.toContain(value);
  const get = () => kubectl(['get', 'secret', 's', '-o', 'jsonpath={.data.word}']);
  expect((await get()).stdout).toBe(value);

  await restart(key('key2', 2), key('key1', 1));
  expect((await get()).stdout).toBe(value);
  const standing = await kubectl(['get', 'secret', 's', '-o', 'json']);
  expect((await kubectl(['replace', '-f', '-'], standing.stdout)).stdout).toBe('secret/s replaced\n');

  await restart(key('key2', 2));
  expect((await get()).stdout).toBe(value);

  await restart(key('key3', 3));
  const lost = await get();
  expect(lost.code).toBe(1);
  expect(lost.stderr).toContain(
    'Internal error occurred: unable to transform key "/registry/core/secrets/default/s": no matching key was found for the provided AES transformer',
  );
  expect((await kubectl(['get', 'secrets'])).stderr).toContain('/registry/core/secrets/default/s');
  expect((await kubectl(['get', 'configmap', 'c', '-o', 'name'])).stdout).toBe('configmap/c\n');

  await restart(key('key3', 3), key('key2', 2));
  expect((await get()).stdout).toBe(value);
});
