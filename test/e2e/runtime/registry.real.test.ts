// Pulling from a registry: a small one on loopback, by plain HTTP, with and without a password.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { V1Secret } from '../../../src/api/mod.ts';
import { systemFiles } from '../../../src/base/ports/fs.ts';
import { readRegistries, registryCredentials, writeRegistries } from '../../../src/kubelet/containerd/mod.ts';
import { parseImageName, pullCredentials } from '../../../src/kubelet/image-name.ts';
import { createNode, type Node, traces } from './harness.ts';
import { login, startTestRegistry, type TestRegistry } from './test-registry.ts';

/** What carries the cluster's name: others' nodes come and go meanwhile. */
const tracesOf = async (clusterId: string) =>
  Object.values(await traces())
    .flat()
    .filter((line) => line.includes(clusterId));

const refused = /authorization|401/;

describe('a registry', () => {
  let node: Node;
  let started: Awaited<ReturnType<Node['start']>>;
  let registry: TestRegistry;
  let host: string;

  beforeAll(async () => {
    node = await createNode();
    started = await node.start();
    await started.images.ensureLocalImages();
    expect(await tracesOf(node.clusterId)).not.toEqual([]);
    registry = await startTestRegistry(node.dataDir);
    await registry.load(node.paths.socket);
    host = registry.host;
  });

  afterAll(async () => {
    registry?.close();
    await started?.stop();
    await node?.clean();
    expect(await tracesOf(node.clusterId)).toEqual([]);
  });

  test('an image is pulled, is then there, and can be removed', async () => {
    const { runtime } = started;
    const name = `${host}/a/tools:1`;
    const id = await runtime.pullImage(name, undefined, undefined);
    expect(await runtime.imageStatus(name)).toMatchObject({ id, repoTags: expect.arrayContaining([name]) });
    await runtime.removeImage(name);
    expect(await runtime.imageStatus(name)).toBeUndefined();
  });

  test.each(['private', 'token'])('a %s image needs the password, which a pull secret has', async (kind) => {
    const { runtime } = started;
    const name = `${host}/${kind}/tools:1`;
    await expect(runtime.pullImage(name, undefined, undefined)).rejects.toThrow(refused);
    await expect(runtime.pullImage(name, { ...login, password: 'wrong' }, undefined)).rejects.toThrow(refused);
    const auths = { [host]: login };
    const secret: V1Secret = { data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') } };
    const parsed = parseImageName(name);
    const [credential] = parsed ? pullCredentials(parsed, [secret]) : [];
    expect(await runtime.pullImage(name, credential, undefined)).toMatch(/^sha256:/);
  });

  test.each(['private', 'token'])(
    'a mirror is asked first, with its password for %s images; where there is none, the next is',
    async (kind) => {
      const { runtime } = started;
      const { asked } = registry;
      const endpoint = ['http://127.0.0.1:1', `http://${host}/v2/${kind}`, `http://${host}`];
      const registries = readRegistries({ mirrors: { 'far.example': { endpoint } }, configs: { [host]: { auth: login } } });
      await writeRegistries(systemFiles, node.paths.registries, registries);
      const [credential] = registryCredentials(registries, 'far.example');
      asked.length = 0;
      expect(await runtime.pullImage(`far.example/${kind}/b/tools:1`, credential, undefined)).toMatch(/^sha256:/);
      expect(asked[0]).toBe(`/v2/${kind}/${kind}/b/tools/manifests/1`);
      asked.length = 0;
      await expect(runtime.pullImage('far.example/b/tools:none', credential, undefined)).rejects.toThrow();
      expect(asked).toContain('/v2/b/tools/manifests/none');
      await writeRegistries(systemFiles, node.paths.registries, []);
    },
  );

  test('a password for another host is not told to this one', async () => {
    const elsewhere = { ...login, serverAddress: 'http://elsewhere.example' };
    await expect(started.runtime.pullImage(`${host}/private/c/tools:1`, elsewhere, undefined)).rejects.toThrow(refused);
  });

  test('an image that is not there, and a registry that is not there', async () => {
    const { runtime } = started;
    await expect(runtime.pullImage(`${host}/a/tools:none`, undefined, undefined)).rejects.toMatchObject({ code: 'notFound' });
    await expect(runtime.pullImage('localhost:1/a:1', undefined, undefined)).rejects.toThrow('connection refused');
  });
});
