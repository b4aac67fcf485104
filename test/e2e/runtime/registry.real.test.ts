// Pulling from a registry: a small one on loopback, by plain HTTP, with and without a password.
import { mkdir, readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemFiles } from '../../../src/base/ports/fs.ts';
import { systemProcesses } from '../../../src/base/ports/process.ts';
import { readRegistries, writeRegistries } from '../../../src/kubelet/containerd/mod.ts';
import { toolsImage } from '../../../src/kubelet/images/mod.ts';
import { createNode, type Node, traces } from './harness.ts';

const password = `Basic ${Buffer.from('me:secret').toString('base64')}`;

describe('a registry', () => {
  let node: Node;
  let started: Awaited<ReturnType<Node['start']>>;
  let before: Awaited<ReturnType<typeof traces>>;
  let registry: Server;
  let host: string;
  const asked: string[] = [];

  beforeAll(async () => {
    before = await traces();
    node = await createNode();
    started = await node.start();
    await started.images.ensureLocalImages();
    const layout = join(node.dataDir, 'layout');
    await mkdir(layout);
    const ctr = ['--address', node.paths.socket, '--namespace', 'k8s.io', 'images', 'export', `${layout}.tar`, toolsImage];
    await systemProcesses.run('ctr', ctr, { deadlineMs: 10_000 });
    await systemProcesses.run('tar', ['-xf', `${layout}.tar`, '-C', layout], { deadlineMs: 10_000 });
    const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
    const manifest = index.manifests[0]?.digest ?? '';

    registry = createServer(async (request, response) => {
      // A mirror is told whose image it is asked for: `?ns=far.example`.
      const [path = ''] = (request.url ?? '').split('?');
      asked.push(path);
      const [, kind, reference = ''] = /^\/v2\/(?:[\w/]+)\/(manifests|blobs)\/(.+)$/.exec(path) ?? [];
      if (request.url?.includes('/private/') && request.headers.authorization !== password) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
        return;
      }
      const digest = reference.startsWith('sha256:') ? reference : reference === '1' ? manifest : undefined;
      const content = digest && (await readFile(join(layout, 'blobs', digest.replace(':', '/'))).catch(() => undefined));
      if (!kind || !content) {
        response.writeHead(404).end();
        return;
      }
      const type = kind === 'manifests' ? 'application/vnd.oci.image.manifest.v1+json' : 'application/octet-stream';
      response.writeHead(200, { 'content-type': type, 'content-length': content.length, 'docker-content-digest': digest });
      response.end(request.method === 'HEAD' ? undefined : content);
    });
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
    host = `localhost:${(registry.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    registry?.closeAllConnections();
    registry?.close();
    await started?.stop();
    await node?.clean();
    expect(await traces()).toEqual(before);
  });

  test('an image is pulled, is then there, and can be removed', async () => {
    const { runtime } = started;
    const name = `${host}/a/tools:1`;
    const id = await runtime.pullImage(name, undefined, undefined);
    expect(await runtime.imageStatus(name)).toMatchObject({ id, repoTags: expect.arrayContaining([name]) });
    await runtime.removeImage(name);
    expect(await runtime.imageStatus(name)).toBeUndefined();
  });

  test('a private image needs the password', async () => {
    const { runtime } = started;
    const name = `${host}/private/tools:1`;
    await expect(runtime.pullImage(name, undefined, undefined)).rejects.toThrow(/authorization|401/);
    await expect(runtime.pullImage(name, { username: 'me', password: 'wrong' }, undefined)).rejects.toThrow(/authorization|401/);
    expect(await runtime.pullImage(name, { username: 'me', password: 'secret' }, undefined)).toMatch(/^sha256:/);
  });

  test('a mirror is asked first, with its password; where there is none, the next one is', async () => {
    const { runtime } = started;
    const endpoint = ['http://127.0.0.1:1', `http://${host}/v2/private`, `http://${host}`];
    const registries = readRegistries({
      mirrors: { 'far.example': { endpoint } },
      configs: { [host]: { auth: { username: 'me', password: 'secret' } } },
    });
    await writeRegistries(systemFiles, node.paths.registries, registries);
    asked.length = 0;
    expect(await runtime.pullImage('far.example/b/tools:1', undefined, undefined)).toMatch(/^sha256:/);
    expect(asked[0]).toBe('/v2/private/b/tools/manifests/1');
    asked.length = 0;
    await expect(runtime.pullImage('far.example/b/tools:none', undefined, undefined)).rejects.toThrow();
    expect(asked).toContain('/v2/b/tools/manifests/none');
    await writeRegistries(systemFiles, node.paths.registries, []);
  });

  test('an image that is not there, and a registry that is not there', async () => {
    const { runtime } = started;
    await expect(runtime.pullImage(`${host}/a/tools:none`, undefined, undefined)).rejects.toMatchObject({ code: 'notFound' });
    await expect(runtime.pullImage('localhost:1/a:1', undefined, undefined)).rejects.toThrow('connection refused');
  });
});
