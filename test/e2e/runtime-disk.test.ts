// A node whose runtime's disk fills up: what cannot be pulled or made says why, what runs goes on, and all of it comes once there is room.
// Mounts a small file system.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { V1Node, V1Pod } from '../../src/api/mod.ts';
import { clusterIdOf } from '../../src/cluster/machine/data-dir.ts';
import { runtimePaths } from '../../src/kubelet/containerd/mod.ts';
import { eventually, freePort, minke, startTestClusterIn, type TestCluster } from './harness.ts';
import { startTestRegistry, type TestRegistry } from './runtime/test-registry.ts';

const megabyte = 1024 * 1024;
const scratch = mkdtempSync(join(tmpdir(), 'minke-runtime-disk-'));
const dataDir = join(scratch, 'data');
const disk = join(dataDir, 'containerd/root');
const filler = join(disk, 'filler');
const configuration = {
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  // The condition comes at once, and nobody has to go: this is about those who stay.
  evictionHard: { 'memory.available': '50Mi' },
  evictionSoft: { 'imagefs.available': '20%' },
  evictionSoftGracePeriod: { 'imagefs.available': '1h' },
  evictionPressureTransitionPeriod: '1s',
  // The images of this test are not to be collected meanwhile.
  imageGCHighThresholdPercent: 100,
  crashLoopBackOff: { maxContainerRestartPeriod: '2s' },
};
let cluster: TestCluster;
let registry: TestRegistry;

/** Critical: no pressure keeps it from the node. */
const podOf = (name: string, image = 'minke.local/tools'): V1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: {
    priorityClassName: 'system-node-critical',
    tolerations: [{ operator: 'Exists' }],
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'app', image, command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'] }],
  },
});
async function create(pod: V1Pod): Promise<void> {
  const done = await cluster.tryKubectl(['create', '-f', '-'], { input: JSON.stringify(pod) });
  if (done.code !== 0) throw new Error(done.stderr);
}
const get = async (name: string): Promise<V1Pod> => JSON.parse(await cluster.kubectl('get', 'pod', name, '-o', 'json')) as V1Pod;
const until = (name: string, good: (pod: V1Pod) => boolean, timeoutMs = 60_000) => eventually(() => get(name), good, timeoutMs);
const app = (pod: V1Pod) => pod.status?.containerStatuses?.[0];
const isRunning = (pod: V1Pod): boolean => app(pod)?.ready === true;
const waitsFor = (reason: string) => (pod: V1Pod) => app(pod)?.state?.waiting?.reason === reason;
const messageOf = (pod: V1Pod) => app(pod)?.state?.waiting?.message;
const eventsOf = (name: string) =>
  cluster.kubectl(
    'get',
    'events',
    `--field-selector=involvedObject.name=${name}`,
    '-o',
    'jsonpath={range .items[*]}{.reason}: {.message}{"\\n"}{end}',
  );
async function pressure(): Promise<string | undefined> {
  const { items } = JSON.parse(await cluster.kubectl('get', 'nodes', '-o', 'json')) as { items: V1Node[] };
  return items[0]?.status?.conditions?.find(({ type }) => type === 'DiskPressure')?.status;
}

/** Leaves so many bytes. */
function fill(left: number): void {
  const file = openSync(filler, 'a');
  const piece = Buffer.alloc(64 * 1024, 1);
  try {
    for (;;) {
      const { bavail, bsize } = statfsSync(disk);
      if (bavail * bsize <= left) return;
      writeSync(file, piece, 0, Math.min(piece.length, bavail * bsize - left));
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

beforeAll(async () => {
  // The directory is the cluster's own before the disk is below it.
  const made = await minke('up', '--detach', '--no-node', '--data-dir', dataDir, '--port', String(await freePort()));
  expect(made).toMatchObject({ code: 0, stderr: '' });
  await minke('down', '--data-dir', dataDir);
  mkdirSync(disk, { recursive: true });
  const image = join(scratch, 'disk.img');
  execFileSync('truncate', ['--size', '200M', image]);
  execFileSync('mkfs.ext4', ['-q', '-m', '0', image]);
  execFileSync('mount', ['-o', 'loop', image, disk]);
  writeFileSync(join(scratch, 'kubelet.yaml'), JSON.stringify(configuration));
  cluster = await startTestClusterIn(dataDir, '--kubelet-config', join(scratch, 'kubelet.yaml'));
  registry = await startTestRegistry(scratch);
  await registry.load(runtimePaths({ clusterId: clusterIdOf(dataDir), dataDir }).socket);
  await registry.enlarge(40 * megabyte);
  await Promise.all(['beside', 'again'].map((name) => create(podOf(name))));
  for (const name of ['beside', 'again']) await until(name, isRunning);
});
afterAll(async () => {
  registry?.close();
  try {
    await cluster?.minke('down');
  } finally {
    execFileSync('umount', ['--lazy', disk]);
  }
  await cluster?.destroy();
  rmSync(scratch, { recursive: true, force: true });
});

test('an image for which there is no room says so, and is tried again', async () => {
  expect(await pressure()).toBe('False');
  fill(20 * megabyte);
  await create(podOf('large', `${registry.host}/large/app:1`));
  const failed = await until('large', waitsFor('ErrImagePull'));
  expect(messageOf(failed)).toMatch(/no space left on device/);
  expect(messageOf(await until('large', waitsFor('ImagePullBackOff')))).toMatch(/Back-off pulling image .*no space left on device/);
  expect(await eventsOf('large')).toMatch(/^Failed: Failed to pull image .*no space left on device$/m);
});

test('the node says that it is short of disk', async () => {
  await eventually(pressure, (status) => status === 'True', 60_000);
});

test('a container and a sandbox for which there is no room say so, and what runs goes on', async () => {
  fill(0);
  await cluster.kubectl('exec', 'again', '--', 'kill', '1');
  const failed = await until('again', waitsFor('CreateContainerError'));
  expect(messageOf(failed)).toMatch(/no space left on device/);
  await create(podOf('fresh'));
  await eventually(
    () => eventsOf('fresh'),
    (text) => /^FailedCreatePodSandBox: .*no space left on device/m.test(text),
    60_000,
  );
  const beside = await get('beside');
  expect([isRunning(beside), app(beside)?.restartCount]).toEqual([true, 0]);
  expect(await cluster.kubectl('exec', 'beside', '--', 'echo', 'well')).toBe('well\n');
});

test('once there is room, all of them run', async () => {
  rmSync(filler);
  for (const name of ['again', 'fresh', 'large']) await until(name, isRunning, 90_000);
  await eventually(pressure, (status) => status === 'False', 60_000);
  expect(await eventsOf('large')).toMatch(/^Pulled: Successfully pulled image .* Image size: 4\d{7} bytes\.$/m);
});
