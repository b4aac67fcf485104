// A small registry on loopback for tests, by plain HTTP, which has one image by every name `<anything>:1`. What a name begins with says
// how it behaves: `private/` wants a password, `token/` a token that the password gets, `slow/` waits, `flaky/` fails while it is told to,
// `large/` has a layer more.
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemProcesses } from '../../../src/base/ports/process.ts';
import { toolsImage } from '../../../src/kubelet/images/mod.ts';

export const login = { username: 'me', password: 'secret' };
const basic = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;
const bearer = 'Bearer test-token';

export interface TestRegistry {
  /** As image names have it. */
  readonly host: string;
  /** The paths that it was asked for. */
  readonly asked: string[];
  failing: boolean;
  /** From here on it has the tools image of the node whose containerd listens there. */
  load(socket: string): Promise<void>;
  /** After `load`: gives the images below `large/` a file of so many bytes that cannot be packed, in a layer of its own. */
  enlarge(bytes: number): Promise<void>;
  /** Lets those go on who wait for a `slow/` image, now and later. */
  release(): void;
  close(): void;
}

/** `directory` is the caller's, for what the registry has. */
export async function startTestRegistry(directory: string): Promise<TestRegistry> {
  const layout = join(directory, 'layout');
  let manifest = '';
  let large = '';
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    // A mirror is told whose image it is asked for: `?ns=far.example`.
    const [path = ''] = (request.url ?? '').split('?');
    registry.asked.push(path);
    const { authorization } = request.headers;
    const refuse = (code: number, headers = {}) => void response.writeHead(code, headers).end();
    if (path === '/token') {
      if (request.method !== 'GET') return refuse(405);
      if (authorization !== basic) return refuse(401);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ token: 'test-token' }));
      return;
    }
    const [, kind, reference = ''] = /^\/v2\/(?:[\w/]+)\/(manifests|blobs)\/(.+)$/.exec(path) ?? [];
    if (path.includes('/private/') && authorization !== basic) return refuse(401, { 'www-authenticate': 'Basic realm="test"' });
    if (path.includes('/token/') && authorization !== bearer)
      return refuse(401, { 'www-authenticate': `Bearer realm="http://${registry.host}/token",service="test"` });
    if (path.includes('/slow/')) await released;
    if (path.includes('/flaky/') && registry.failing) return refuse(503);
    const digest = reference.startsWith('sha256:')
      ? reference
      : reference === '1'
        ? path.includes('/large/')
          ? large
          : manifest
        : undefined;
    const content = digest && (await readFile(join(layout, 'blobs', digest.replace(':', '/'))).catch(() => undefined));
    if (!kind || !content) return refuse(404);
    const type = kind === 'manifests' ? 'application/vnd.oci.image.manifest.v1+json' : 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'content-length': content.length, 'docker-content-digest': digest });
    response.end(request.method === 'HEAD' ? undefined : content);
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const registry: TestRegistry = {
    host: `localhost:${(server.address() as AddressInfo).port}`,
    asked: [],
    failing: true,
    async load(socket) {
      await mkdir(layout);
      const ctr = ['--address', socket, '--namespace', 'k8s.io', 'images', 'export', `${layout}.tar`, toolsImage];
      await systemProcesses.run('ctr', ctr, { deadlineMs: 10_000 });
      await systemProcesses.run('tar', ['-xf', `${layout}.tar`, '-C', layout], { deadlineMs: 10_000 });
      const index = JSON.parse(await readFile(join(layout, 'index.json'), 'utf8')) as { manifests: { digest: string }[] };
      manifest = index.manifests[0]?.digest ?? '';
    },
    async enlarge(bytes) {
      const blob = async (content: Buffer | string): Promise<{ digest: string; size: number }> => {
        const hex = createHash('sha256').update(content).digest('hex');
        await writeFile(join(layout, 'blobs/sha256', hex), content);
        return { digest: `sha256:${hex}`, size: Buffer.byteLength(content) };
      };
      const read = async (digest: string) => JSON.parse(await readFile(join(layout, 'blobs', digest.replace(':', '/')), 'utf8'));
      await writeFile(join(directory, 'filler'), randomBytes(bytes));
      await systemProcesses.run('tar', ['-cf', join(directory, 'layer.tar'), '-C', directory, 'filler'], { deadlineMs: 10_000 });
      const layer = await blob(await readFile(join(directory, 'layer.tar')));
      const old = await read(manifest);
      const config = await read(old.config.digest);
      config.rootfs.diff_ids.push(layer.digest);
      const layers = [...old.layers, { ...layer, mediaType: 'application/vnd.oci.image.layer.v1.tar' }];
      large = (await blob(JSON.stringify({ ...old, config: { ...old.config, ...(await blob(JSON.stringify(config))) }, layers }))).digest;
    },
    release,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return registry;
}
