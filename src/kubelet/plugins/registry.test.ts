// Plugins over real sockets: taken on, refused, gone, and started again.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StoppedError, silentLogger } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { systemDirectories } from '../../base/ports/directory-watch.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { createCsiClient } from '../csi/client.ts';
import { csiMethods } from '../csi/messages.ts';
import { registrationMethods } from './messages.ts';
import { runPluginRegistry } from './registry.ts';

let dir: string;
let seen: string[];
let stop: AbortController;
let running: Promise<void>;
let servers: grpc.Server[];
let failures: number;

type Answer = (bytes: Buffer, done: grpc.sendUnaryData<Buffer>) => void;
async function serve(path: string, answers: Record<string, Answer>): Promise<grpc.Server> {
  const server = new grpc.Server();
  const identity = (bytes: Buffer) => bytes;
  const codec = { requestSerialize: identity, requestDeserialize: identity, responseSerialize: identity, responseDeserialize: identity };
  for (const [method, answer] of Object.entries(answers)) {
    const definition = { x: { path: method, requestStream: false, responseStream: false, ...codec } };
    server.addService(definition, { x: ({ request }: { request: Buffer }, done: grpc.sendUnaryData<Buffer>) => answer(request, done) });
  }
  await new Promise<void>((resolve, reject) =>
    server.bindAsync(`unix://${path}`, grpc.ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
  );
  servers.push(server);
  return server;
}
const { info, notify } = registrationMethods;
const plugin = (name: string, type = 'CSIPlugin', supportedVersions = ['1.0.0']) =>
  serve(join(dir, `${name}.sock`), {
    [info.path]: (_, done) => done(null, info.response.encode({ type, name, endpoint: '', supportedVersions })),
    [notify.path]: (bytes, done) => {
      const { pluginRegistered, error } = notify.request.decode(bytes);
      seen.push(pluginRegistered ? `${name} told` : `${name} told: ${error}`);
      done(null, notify.response.encode({}));
    },
  });
async function until(text: string) {
  for (let i = 0; !seen.includes(text); i++) {
    if (i > 2_000) throw new Error(`waited in vain for ${text}; seen: ${seen.join(', ')}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'minke-plugins-'));
  seen = [];
  servers = [];
  failures = 0;
  stop = new AbortController();
  running = runPluginRegistry({
    fs: systemFiles,
    watcher: systemDirectories,
    directory: dir,
    handlers: {
      CSIPlugin: {
        problem: ({ versions }) => (versions.includes('1.0.0') ? undefined : 'too old'),
        async register({ name, endpoint }) {
          if (failures-- > 0) throw new Error('not yet');
          seen.push(`${name} registered at ${endpoint}`);
        },
        async deregister({ name }) {
          seen.push(`${name} gone`);
        },
      },
    },
    clock: systemClock,
    log: silentLogger,
    signal: stop.signal,
  });
});
afterEach(async () => {
  stop.abort(new StoppedError());
  await running;
  for (const server of servers) server.forceShutdown();
  rmSync(dir, { recursive: true, force: true });
});

test('taken on, told so, and let go of with its socket; started again it is taken on again', async () => {
  const first = await plugin('a');
  await until('a told');
  expect(seen).toEqual([`a registered at ${dir}/a.sock`, 'a told']);
  first.forceShutdown();
  rmSync(join(dir, 'a.sock'), { force: true });
  await until('a gone');
  seen = [];
  await plugin('a');
  await until('a told');
});

test('refused: of a type that nobody knows, or of a wrong version; and it hears why', async () => {
  await plugin('b', 'FancyPlugin');
  await until(`b told: no handler registered for plugin type: FancyPlugin at socket ${dir}/b.sock`);
  await plugin('c', 'CSIPlugin', ['0.3.0']);
  await until('c told: too old');
});

test('one that cannot be taken on is told, and tried again', async () => {
  failures = 1;
  await plugin('d');
  await until('d told: not yet');
  await until('d told');
});

test('the kubelet’s end is not the plugin’s', async () => {
  await plugin('e');
  await until('e told');
  stop.abort(new StoppedError());
  await running;
  expect(seen).not.toContain('e gone');
});

test('the directory is made anew: plugins in it are found', async () => {
  await plugin('f');
  await until('f told');
  rmSync(dir, { recursive: true });
  await until('f gone');
  for (let i = 0; i < 1_000 && !(await systemFiles.exists(dir)); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  await plugin('g');
  await until('g told');
});

test('a driver’s calls: its words, its capabilities, and a deadline for one that never answers', async () => {
  const path = join(dir, '.csi.sock');
  await serve(path, {
    [csiMethods.capabilities.path]: (_, done) =>
      done(null, csiMethods.capabilities.response.encode({ capabilities: [{ rpc: { type: 1 } }, { rpc: { type: 6 } }] })),
    [csiMethods.unstage.path]: (_, done) => done({ code: 9, details: 'in use' }),
    [csiMethods.unpublish.path]: () => {},
  });
  const client = createCsiClient({ socketPath: path, clock: systemClock, deadlineMs: 300 });
  expect(await client.capabilities()).toEqual(new Set(['stageUnstage', 'mountGroup']));
  const at = { volumeId: 'h', stagingTargetPath: '/x', targetPath: '/x' };
  await expect(client.unstage(at)).rejects.toMatchObject({
    message: 'rpc error: code = FailedPrecondition desc = in use',
    isFinal: true,
  });
  await expect(client.unpublish(at)).rejects.toMatchObject({
    message: 'rpc error: code = DeadlineExceeded desc = context deadline exceeded',
    isFinal: false,
  });
  const given = new AbortController();
  const waiting = client.unpublish(at, given.signal);
  setTimeout(() => given.abort(new StoppedError()), 20);
  await expect(waiting).rejects.toMatchObject({ code: 'Canceled' });
  client.close();
});
