// A cluster that has been stopped leaves nothing: no timer, no socket, no promise that still waits.

import { createHook } from 'node:async_hooks';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { silentLogger } from '../../src/base/mod.ts';
import { systemClock, turn } from '../../src/base/ports/clock.ts';
import { systemFiles } from '../../src/base/ports/fs.ts';
import { readMachine } from '../../src/base/ports/machine.ts';
import { systemProcesses } from '../../src/base/ports/process.ts';
import { systemRandom } from '../../src/base/ports/random.ts';
import { startMachine } from '../../src/cluster/machine/mod.ts';
import { customresourcedefinitions, type KubeObject, startCluster } from '../../src/cluster/mod.ts';
import { freePort } from '../e2e/harness.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'minke-leaks-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

const ports = {
  clock: systemClock,
  random: systemRandom,
  fs: systemFiles,
  processes: systemProcesses,
  machine: readMachine(),
  isRoot: false,
  pid: process.pid,
};
/** What keeps the process alive, by kind. */
const resources = () => process.getActiveResourcesInfo().filter((kind) => /TCP|TLS|Timeout|Immediate|Pipe|UDP|FSWatch/.test(kind));

async function startAndStopMachine(): Promise<void> {
  const stop = new AbortController();
  const machine = await startMachine({
    ports,
    dataDir: join(dataDir, 'data'),
    port: await freePort(),
    serviceCidr: undefined,
    podCidr: undefined,
    bindAddress: undefined,
    podNetwork: 'vxlan',
    node: false,
    simulate: 2,
    ingress: { enabled: true, httpPort: 0, httpsPort: 0 },
    storage: { backend: 'lmdb', etcd: undefined, history: undefined, eventTtlSeconds: 3600, encryptionConfig: undefined },
    log: silentLogger,
    step: (_what, work) => work(),
    signal: stop.signal,
  });
  stop.abort(new Error('test is over'));
  await machine.stopped;
}

test('a stopped control plane leaves no timer and no socket', async () => {
  await startAndStopMachine(); // What libraries keep for themselves after their first use is there from here on.
  const before = resources();
  await startAndStopMachine();
  for (let i = 0; i < 50 && resources().length > before.length; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(resources().sort()).toEqual(before.sort());
});

/** Runs the collector: what is still held afterwards is held by somebody. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

test('a stopped in-process cluster leaves no timer, and holds no promise that still waits', async () => {
  const timers = new Set<number>();
  const waiting = new Set<number>();
  const hook = createHook({
    init: (id, type) => void (type === 'Timeout' ? timers : type === 'PROMISE' ? waiting : undefined)?.add(id),
    promiseResolve: (id) => void waiting.delete(id),
    destroy: (id) => {
      timers.delete(id);
      waiting.delete(id);
    },
  });
  await (await startCluster()).stop(); // What is made once for the process is there from here on.
  hook.enable();
  for (let i = 0; i < 3; i++) await (await startCluster({ nodes: 2 })).stop();
  for (let i = 0; i < 5; i++) {
    await turn();
    collectGarbage();
  }
  await turn();
  hook.disable();
  expect(timers.size).toBe(0);
  // This test's own, and those of the runner around it.
  expect(waiting.size).toBeLessThan(5);
});

test('200 definitions that come and go leave nothing', async () => {
  const cluster = await startCluster({ clock: 'virtual', nodes: 0 });
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object', properties: { a: { type: 'string' } } } } } };
  const caches: WeakRef<object>[] = [];
  for (let i = 0; i < 200; i++) {
    const [group, plural, kind] = ['example.com', `things${i}`, `Thing${i}`];
    const name = `${plural}.${group}`;
    const versions = [{ name: 'v1', served: true, storage: true, schema }];
    await cluster.client.create(customresourcedefinitions, {
      metadata: { name },
      spec: { group, scope: 'Namespaced', names: { plural, kind }, versions },
    });
    const type = { group, version: 'v1', resource: plural, kind, namespaced: true };
    const isServed = () => cluster.informers.of(customresourcedefinitions).get(name)?.status?.acceptedNames?.kind === kind;
    expect(await cluster.time.advanceUntil(isServed, 5_000)).toBe(true);
    // The one that the cluster's own controllers follow.
    caches.push(new WeakRef(cluster.informers.of<KubeObject>(type)));
    await cluster.client.delete(customresourcedefinitions, { name });
    expect(await cluster.time.advanceUntil(() => !cluster.informers.of(customresourcedefinitions).get(name), 5_000)).toBe(true);
  }
  await cluster.time.advance(60_000);
  for (let i = 0; i < 5; i++) {
    await turn();
    collectGarbage();
  }
  // The last ones are held by variables of this test, and by what the engine has yet to forget.
  expect(caches.filter((cache) => cache.deref() !== undefined).length).toBeLessThan(5);
  await cluster.stop();
});
