import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '../../base/mod.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { identity } from '../../store/mod.ts';
import { type KmsWanted, readEncryptionConfig } from './encryption-config.ts';

const dir = await mkdtemp(join(tmpdir(), 'minke-encryption-'));
afterAll(() => rm(dir, { recursive: true, force: true }));
const wanted: KmsWanted[] = [];
const made = {
  random: new SeededRandom(1),
  kms: (of: KmsWanted) => {
    wanted.push(of);
    return identity;
  },
};
const path = join(dir, 'config.yaml');
const head = 'kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\n';
const secret = Buffer.alloc(32, 7).toString('base64');

async function read(text: string, mode = 0o600) {
  await systemFiles.write(path, text, { mode });
  return readEncryptionConfig(systemFiles, path, made);
}

test('the first rule that names a resource counts; groups and wildcards', async () => {
  const rules = await read(`${head}resources:
- resources: [secrets, deployments.apps]
  providers: [{ aesgcm: { keys: [{ name: one, secret: ${secret} }] } }, { identity: {} }]
- resources: ['*.batch']
  providers: [{ aescbc: { keys: [{ name: two, secret: ${secret} }] } }]
- resources: ['*.']
  providers: [{ secretbox: { keys: [{ name: three, secret: ${secret} }, { name: four, secret: ${secret} }] } }]
`);
  const prefixes = (key: string) => rules(key)?.map(({ prefix }) => prefix.toString());
  expect(prefixes('/registry/core/secrets/default/a')).toEqual(['k8s:enc:aesgcm:v1:one:', '']);
  expect(prefixes('/registry/apps/deployments/default/a')).toEqual(['k8s:enc:aesgcm:v1:one:', '']);
  expect(prefixes('/registry/apps/replicasets/default/a')).toBeUndefined();
  expect(prefixes('/registry/batch/jobs/default/a')).toEqual(['k8s:enc:aescbc:v1:two:']);
  expect(prefixes('/registry/core/configmaps/default/a')).toEqual(['k8s:enc:secretbox:v1:three:', 'k8s:enc:secretbox:v1:four:']);
});

test('a plugin is asked for by its socket', async () => {
  await read(
    `${head}resources: [{ resources: [secrets], providers: [{ kms: { apiVersion: v2, name: vault, endpoint: 'unix:///run/k.sock' } }] }]`,
  );
  expect(wanted.splice(0)).toEqual([{ name: 'vault', socketPath: '/run/k.sock', timeoutMs: 3000 }]);
});

describe('one sentence for what does not fit', () => {
  const providers = (text: string) => `${head}resources: [{ resources: [secrets], providers: [${text}] }]\n`;
  test.each([
    ['kind: Pod\n', 'wants kind EncryptionConfiguration'],
    [`${head}resources: []\n`, 'resources: Required value.'],
    [`${head}resources: [{ resources: ['*'], providers: [{ identity: {} }] }]`, 'resources[0].resources: Invalid value: "*"'],
    [providers(''), 'resources[0].providers: Required value.'],
    [providers('{ rot13: {} }'), 'resources[0].providers[0].rot13: wants one of aesgcm, aescbc, secretbox, kms, identity.'],
    [providers('{ kms: { name: a, endpoint: "unix:///x" } }'), 'kms.apiVersion: Unsupported value: "v1": wants v2.'],
    [providers('{ kms: { apiVersion: v2, name: a, endpoint: "http://x" } }'), 'kms.endpoint: Invalid value: "http://x"'],
    [providers('{ kms: { apiVersion: v2, name: a, endpoint: "unix:///x", timeout: 0s } }'), 'kms.timeout: Invalid value: "0s"'],
    [providers('{ aesgcm: { keys: [] } }'), 'resources[0].providers[0].aesgcm.keys: Required value.'],
    [providers(`{ aesgcm: { keys: [{ name: 'a:b', secret: ${secret} }] } }`), 'keys[0].name: wants a name without ":".'],
    [providers('{ aesgcm: { keys: [{ name: a, secret: c2hvcnQ= }] } }'), 'keys[0].secret: wants 16, 24, 32 bytes for aesgcm, got 5.'],
    ['kind: [', 'config.yaml: '],
  ])('%j', async (text, says) => {
    await expect(read(text)).rejects.toThrow(says);
  });

  test('a file that others may read, and one that is not there', async () => {
    await expect(read(providers('{ identity: {} }'), 0o640)).rejects.toThrow(
      `--encryption-provider-config: ${path} holds keys, and others may read it (mode 640). Run: chmod 600 ${path}`,
    );
    await expect(readEncryptionConfig(systemFiles, '/nope', made)).rejects.toThrow('/nope does not exist.');
  });
});
