import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemFiles } from '../../base/ports/fs.ts';
import { readNodeConfig } from './node-config.ts';

const config = {
  apiVersion: 'kubelet.config.k8s.io/v1',
  kind: 'CredentialProviderConfig',
  providers: [
    { name: 'login', apiVersion: 'credentialprovider.kubelet.k8s.io/v1', matchImages: ['r.example'], defaultCacheDuration: '1m' },
  ],
};
let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'minke-node-config-'));
  path = join(directory, 'providers.yaml');
  writeFileSync(path, JSON.stringify(config));
});
afterEach(() => rmSync(directory, { recursive: true }));
const read = (credentialProviderConfig: string | undefined, credentialProviderDir: string | undefined) =>
  readNodeConfig(systemFiles, { credentialProviderConfig, credentialProviderDir });

test('credential providers need both flags, and programs', async () => {
  await expect(read(path, undefined)).rejects.toThrow(
    '--image-credential-provider-bin-dir: needed together with --image-credential-provider-config.',
  );
  await expect(read(undefined, directory)).rejects.toThrow('--image-credential-provider-config: needed together with');
  const program = join(directory, 'login');
  const refused = `--image-credential-provider-config: ${path}: providers[0].name: Invalid value: "login": ${program} must be a program.`;
  await expect(read(path, directory)).rejects.toThrow(refused);
  writeFileSync(program, '#!/bin/sh\n');
  await expect(read(path, directory)).rejects.toThrow(refused);
  chmodSync(program, 0o755);
  expect((await read(path, directory)).credentialProviders).toMatchObject({ directory, providers: [{ name: 'login' }] });
  writeFileSync(path, JSON.stringify({ ...config, providers: [] }));
  await expect(read(path, directory)).rejects.toThrow(`${path}: providers: Required value`);
});
