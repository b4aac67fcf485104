// What bounds pods on a real node: their space on its disk, and a new definition of a running container.
// Every pod is created at once at the beginning; each test then looks at its own.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { V1Container, V1Pod, V1PodSpec } from '../../src/api/mod.ts';
import { eventually, startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
const tools = 'minke.local/tools';
const sh = (script: string, more: Partial<V1Container> = {}): V1Container => ({
  name: 'app',
  image: tools,
  command: ['sh', '-c', script],
  ...more,
});
const waits = 'trap "exit 0" TERM; while true; do sleep 0.1; done';
const pod = (name: string, spec: Partial<V1PodSpec>): V1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: { terminationGracePeriodSeconds: 2, containers: [sh(waits)], ...spec },
});
const space = (limit: string) => ({ resources: { limits: { 'ephemeral-storage': limit } } });

async function apply(...items: object[]): Promise<void> {
  const done = await cluster.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  if (done.code !== 0) throw new Error(done.stderr);
}
const get = async (name: string): Promise<V1Pod> => JSON.parse(await cluster.kubectl('get', 'pod', name, '-o', 'json')) as V1Pod;
const until = (name: string, good: (pod: V1Pod) => boolean, timeoutMs?: number): Promise<V1Pod> =>
  eventually(() => get(name), good, timeoutMs);
const isRunning = (one: V1Pod): boolean => one.status?.phase === 'Running';
const app = (one: V1Pod) => one.status?.containerStatuses?.[0];

beforeAll(async () => {
  cluster = await startTestCluster();
  const fill = (mebibytes: number) => `dd if=/dev/zero of=/filled bs=1M count=${mebibytes}; ${waits}`;
  await apply(
    pod('layer', { containers: [sh(fill(12), space('10Mi')), sh(waits, { name: 'other', ...space('50Mi') })] }),
    pod('sum', { containers: [sh(fill(4), { name: 'one', ...space('5Mi') }), sh(fill(8), { name: 'two' })] }),
    pod('within', { containers: [sh(fill(4), space('10Mi'))] }),
    pod('changed', { restartPolicy: 'Never' }),
  );
});
afterAll(() => cluster?.destroy());

test('a new image replaces the container whatever the restart policy', async () => {
  const before = await until('changed', isRunning);
  // The same image by another name.
  await cluster.kubectl('set', 'image', 'pod/changed', 'app=minke.local/tools:latest');
  const after = await until('changed', (one) => app(one)?.restartCount === 1 && app(one)?.ready === true);
  expect(after.status?.phase).toBe('Running');
  expect(app(after)?.image).toBe('minke.local/tools:latest');
  expect(app(after)?.containerID).not.toBe(app(before)?.containerID);
  expect(app(after)?.lastState?.terminated?.exitCode).toBe(0);
  const events = await eventually(
    () => cluster.kubectl('get', 'events', '--field-selector', 'involvedObject.name=changed', '-o', 'jsonpath={.items[*].message}'),
    (text) => text.includes('definition changed'),
  );
  expect(events).toContain('Container app definition changed, will be restarted');
});

test('what a container writes beside its volumes counts against its limit, and against the limit of all', async () => {
  const alone = await until('layer', (one) => one.status?.phase === 'Failed', 60_000);
  expect(alone.status).toMatchObject({
    reason: 'Evicted',
    message: 'Container app exceeded its local ephemeral storage limit "10Mi". ',
  });
  const together = await until('sum', (one) => one.status?.phase === 'Failed', 60_000);
  expect(together.status).toMatchObject({
    reason: 'Evicted',
    message: 'Pod ephemeral local storage usage exceeds the total limit of containers 5Mi. ',
  });
  expect(isRunning(await get('within'))).toBe(true);
});

test('the summary tells what containers and images have on the disk', async () => {
  const node = JSON.parse(await cluster.kubectl('get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}').then((name) => `"${name}"`));
  const summary = JSON.parse(await cluster.kubectl('get', '--raw', `/api/v1/nodes/${node}/proxy/stats/summary`)) as {
    node: { runtime: { imageFs: { usedBytes: number; capacityBytes: number } } };
    pods: { podRef: { name: string }; containers: { rootfs?: { usedBytes: number } }[] }[];
  };
  const { imageFs } = summary.node.runtime;
  expect(imageFs.usedBytes).toBeGreaterThan(1024 ** 2);
  expect(imageFs.usedBytes).toBeLessThan(imageFs.capacityBytes);
  const within = summary.pods.find(({ podRef }) => podRef.name === 'within');
  expect(within?.containers[0]?.rootfs?.usedBytes).toBeGreaterThan(4 * 1024 ** 2);
});
