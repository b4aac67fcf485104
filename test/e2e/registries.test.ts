// Pods whose images come from a registry: slow, failing, not there, by a mirror with a password, with credentials that a program gives.
// Every pod is created at once at the beginning; each test then looks at its own.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { V1Pod } from '../../src/api/mod.ts';
import { clusterIdOf } from '../../src/cluster/machine/data-dir.ts';
import { runtimePaths } from '../../src/kubelet/containerd/mod.ts';
import { eventually, startTestCluster, type TestCluster } from './harness.ts';
import { login, startTestRegistry, type TestRegistry } from './runtime/test-registry.ts';

let cluster: TestCluster;
let registry: TestRegistry;
let scratch: string;
let directories: ReturnType<typeof runtimePaths>;

/** Gives the password for `private/` images, keeps no answer, and fails for every other. */
const program = (host: string) => `#!/bin/sh
request=$(cat)
echo "$request" >> "$ASKED"
case "$request" in
  *'"image":"${host}/private/'*) echo '{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1",
    "cacheKeyType":"Registry","cacheDuration":"0s","auth":{"${host}":${JSON.stringify(login)}}}' ;;
  *) echo 'not for me' >&2; exit 1 ;;
esac
`;

function writeConfigurations(host: string): string[] {
  const write = (name: string, value: unknown) => {
    writeFileSync(join(scratch, name), typeof value === 'string' ? value : JSON.stringify(value));
    return join(scratch, name);
  };
  chmodSync(write('login', program(host)), 0o755);
  const providers = {
    apiVersion: 'kubelet.config.k8s.io/v1',
    kind: 'CredentialProviderConfig',
    providers: [
      {
        name: 'login',
        apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
        matchImages: [host],
        defaultCacheDuration: '1m',
        env: [{ name: 'ASKED', value: join(scratch, 'asked') }],
      },
    ],
  };
  // The same registry by another name: passwords are for the name that they are told of.
  const mirror = host.replace('localhost', '127.0.0.1');
  const registries = {
    mirrors: { 'far.example': { endpoint: [`http://${mirror}`] } },
    configs: { [mirror]: { auth: login } },
  };
  return [
    '--image-credential-provider-config',
    write('providers.yaml', providers),
    '--image-credential-provider-bin-dir',
    scratch,
    '--registry-config',
    write('registries.yaml', registries),
  ];
}

const podOf = (name: string, image: string): V1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'app', image, command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'] }],
  },
});
const get = async (name: string): Promise<V1Pod> => JSON.parse(await cluster.kubectl('get', 'pod', name, '-o', 'json')) as V1Pod;
const app = (pod: V1Pod) => pod.status?.containerStatuses?.[0];
const isRunning = (pod: V1Pod): boolean => app(pod)?.state?.running !== undefined;
const waits = (name: string, reason: string) =>
  eventually(
    () => get(name),
    (pod) => app(pod)?.state?.waiting?.reason === reason,
  );
/** Each reason with its message. */
const events = async (name: string): Promise<string[]> => {
  const list = JSON.parse(await cluster.kubectl('get', 'events', '--field-selector', `involvedObject.name=${name}`, '-o', 'json'));
  return (list as { items: { reason: string; message: string }[] }).items.map(({ reason, message }) => `${reason}: ${message}`);
};

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'minke-registries-'));
  registry = await startTestRegistry(scratch);
  const { host } = registry;
  cluster = await startTestCluster(...writeConfigurations(host));
  directories = runtimePaths({ clusterId: clusterIdOf(cluster.dataDir), dataDir: cluster.dataDir });
  await registry.load(directories.socket);
  const items = [
    podOf('slow', `${host}/slow/tools:1`),
    podOf('beside', `${host}/open/tools:1`),
    podOf('flaky', `${host}/flaky/tools:1`),
    podOf('misnamed', `${host}/Wrong:1`),
    podOf('unreachable', 'localhost:1/a:1'),
    podOf('provided', `${host}/private/tools:1`),
    podOf('mirrored', 'far.example/token/tools:1'),
  ];
  const done = await cluster.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  if (done.code !== 0) throw new Error(done.stderr);
});
afterAll(async () => {
  registry?.release();
  await cluster?.destroy();
  registry?.close();
  rmSync(scratch, { recursive: true, force: true });
});

test('an image that fails is told of, tried again after the back-off, and runs', async () => {
  const pod = await waits('flaky', 'ImagePullBackOff');
  expect(app(pod)?.state?.waiting?.message).toContain('503 Service Unavailable');
  registry.failing = false;
  await eventually(() => get('flaky'), isRunning);
  const said = await events('flaky');
  const image = `"${registry.host}/flaky/tools:1"`;
  expect(said.find((line) => line.startsWith(`Failed: Failed to pull image ${image}`))).toContain('503 Service Unavailable');
  expect(said).toContain(`BackOff: Back-off pulling image ${image}`);
  expect(said.some((line) => line.startsWith(`Pulled: Successfully pulled image ${image}`))).toBe(true);
});

test('a slow registry holds no other pull', async () => {
  await eventually(() => get('beside'), isRunning);
  expect(app(await get('slow'))?.state?.waiting?.reason).toBe('ContainerCreating');
  expect(registry.asked.some((path) => path.includes('/slow/'))).toBe(true);
  registry.release();
  await eventually(() => get('slow'), isRunning);
});

test('a name that is none is said to be none', async () => {
  const pod = await waits('misnamed', 'InvalidImageName');
  expect(app(pod)?.state?.waiting?.message).toContain(`couldn't parse image name "${registry.host}/Wrong:1"`);
  expect((await events('misnamed')).some((line) => line.startsWith('InspectFailed: Failed to apply default image tag'))).toBe(true);
});

test('a registry that is not there', async () => {
  const pod = await waits('unreachable', 'ImagePullBackOff');
  expect(app(pod)?.state?.waiting?.message).toMatch(/^Back-off pulling image "localhost:1\/a:1": ErrImagePull: .*connection refused/);
  const said = await events('unreachable');
  expect(said.some((line) => /^Failed: Failed to pull image "localhost:1\/a:1": .*connection refused/.test(line))).toBe(true);
  expect(said).toEqual(expect.arrayContaining(['Failed: Error: ErrImagePull', 'Failed: Error: ImagePullBackOff']));
  expect(said).toContain('BackOff: Back-off pulling image "localhost:1/a:1"');
});

test('a program gives the password of an image; for others it fails, and they run without', async () => {
  await eventually(() => get('provided'), isRunning);
  const asked = readFileSync(join(scratch, 'asked'), 'utf8');
  const request = (image: string) =>
    JSON.stringify({ kind: 'CredentialProviderRequest', apiVersion: 'credentialprovider.kubelet.k8s.io/v1', image });
  expect(asked.split('\n')).toEqual(
    expect.arrayContaining([request(`${registry.host}/private/tools`), request(`${registry.host}/open/tools`)]),
  );
  expect(asked).not.toContain('localhost:1/');
});

test("a mirror's password gets the token that the mirror wants", async () => {
  await eventually(() => get('mirrored'), isRunning);
  expect(registry.asked).toContain('/token');
});

test('without the flag, what was written of registries is gone at the next start', async () => {
  expect(readdirSync(directories.registries)).toEqual(['far.example']);
  expect((await cluster.minke('down')).code).toBe(0);
  expect(await cluster.minke('up', '--detach', '--port', String(cluster.port))).toMatchObject({ code: 0 });
  expect(readdirSync(directories.registries)).toEqual([]);
  expect(isRunning(await get('mirrored'))).toBe(true);
});
