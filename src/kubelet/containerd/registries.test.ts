import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemFiles } from '../../base/ports/fs.ts';
import { hostsToml, type RegistriesError, readRegistries, registryCredentials, writeRegistries } from './registries.ts';

function refusals(value: unknown): readonly string[] {
  try {
    readRegistries(value);
    return [];
  } catch (error) {
    return (error as RegistriesError).errors.map(({ text }) => text);
  }
}

test('mirrors come in their order, with what is told of their hosts; the registry itself is asked last', () => {
  const [docker] = readRegistries({
    mirrors: { 'docker.io': { endpoint: ['http://near:5000/', 'https://far.example/v2/proxy'] } },
    configs: {
      'near:5000': { auth: { username: 'me', password: 'secret' } },
      'far.example': { tls: { ca_file: '/ca.pem', cert_file: '/c.pem', key_file: '/k.pem', insecure_skip_verify: true } },
    },
  });
  expect(docker && hostsToml(docker)).toBe(`# Written by Minke at every start: changes are lost.
server = "https://registry-1.docker.io"

[host."http://near:5000"]
capabilities = ["pull", "resolve"]

[host."https://far.example/v2/proxy"]
capabilities = ["pull", "resolve"]
override_path = true
skip_verify = true
ca = "/ca.pem"
client = [["/c.pem", "/k.pem"]]
`);
});

test('a registry without mirrors is asked as it is told of', () => {
  const [one] = readRegistries({ configs: { 'r.example:5000': { tls: { insecure_skip_verify: true } } } });
  expect(one && hostsToml(one)).toContain('[host."https://r.example:5000"]\ncapabilities = ["pull", "resolve"]\nskip_verify = true\n');
});

test('a password is for its host alone, one after the other; other registries have those of "*"', () => {
  const registries = readRegistries({
    mirrors: { 'docker.io': { endpoint: ['http://near:5000/v2/proxy', 'https://open.example'] }, '*': { endpoint: ['http://near:5000'] } },
    configs: {
      'near:5000': { auth: { username: 'me', password: 'secret' } },
      'docker.io': { auth: { auth: 'bWU6aHVi' } },
      'token.example': { auth: { identity_token: 'abc' } },
      'open.example': { tls: { insecure_skip_verify: true } },
    },
  });
  const near = { username: 'me', password: 'secret', serverAddress: 'http://near:5000' };
  expect(registryCredentials(registries, 'docker.io')).toEqual([near, { auth: 'bWU6aHVi', serverAddress: 'https://registry-1.docker.io' }]);
  expect(registryCredentials(registries, 'token.example')).toEqual([{ identityToken: 'abc', serverAddress: 'https://token.example' }]);
  expect(registryCredentials(registries, 'open.example')).toEqual([]);
  expect(registryCredentials(registries, 'other.example')).toEqual([near]);
});

test('a password alone makes no file; the files stand for their owner alone, and those of registries that are told of no more go, but not what others put there', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'minke-registries-'));
  try {
    const mirror = { endpoint: ['http://near:5000'] };
    await writeRegistries(
      systemFiles,
      directory,
      readRegistries({ mirrors: { 'docker.io': mirror, '*': mirror }, configs: { 'near:5000': { auth: { username: 'me' } } } }),
    );
    expect(readdirSync(directory).sort()).toEqual(['_default', 'docker.io']);
    expect(readFileSync(join(directory, '_default/hosts.toml'), 'utf8')).not.toContain('server =');
    expect(statSync(join(directory, 'docker.io/hosts.toml')).mode & 0o777).toBe(0o600);
    mkdirSync(join(directory, 'by-hand.example'));
    writeFileSync(join(directory, 'by-hand.example/hosts.toml'), 'server = "https://by-hand.example"\n');
    await writeRegistries(systemFiles, directory, []);
    expect(readdirSync(directory)).toEqual(['by-hand.example']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each<[string, unknown, string]>([
  ['an unknown field', { mirror: {} }, 'mirror: Invalid value: {}: unknown field'],
  [
    'a rewrite, which containerd does not know',
    { mirrors: { 'docker.io': { endpoint: ['http://a'], rewrite: {} } } },
    'mirrors[docker.io].rewrite: Invalid value: {}: unknown field',
  ],
  [
    'an endpoint without a scheme',
    { mirrors: { 'docker.io': { endpoint: ['near:5000'] } } },
    'mirrors[docker.io].endpoint[0]: Invalid value: "near:5000": must be an address, such as https://mirror.example:5000',
  ],
  [
    'a name that leads elsewhere',
    { mirrors: { '../x': {} } },
    'mirrors[../x]: Invalid value: "../x": must be a registry as image names have it, such as docker.io, or "*"',
  ],
  [
    'half a client certificate',
    { configs: { r: { tls: { cert_file: '/c' } } } },
    'configs[r].tls.cert_file: Invalid value: "/c": must be there together with key_file',
  ],
])('%s is refused', (_name, value, text) => expect(refusals(value)).toContain(text));
