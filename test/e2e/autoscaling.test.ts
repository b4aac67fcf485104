// Figures and autoscaling on real containers: what pods burn is measured, shown by kubectl top, and makes an autoscaler add pods.
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { V2HorizontalPodAutoscaler } from '../../src/api/mod.ts';
import { eventually, root, startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster();
  await cluster.kubectl('apply', '-f', join(root, 'examples', 'autoscaling.yaml'));
  await cluster.kubectl('wait', '--for=condition=Available', 'deployment/burner', '--timeout=60s');
}, 90_000);
afterAll(() => cluster?.destroy());

/** `burner-abc   99m   1Mi` as numbers. */
const figures = (line: string | undefined) => [...(line ?? '').matchAll(/ (\d+)(?:m|Mi|%)/g)].map(([, value]) => Number(value));

test('kubectl top prints what nodes, pods and containers use', async () => {
  const nodes = (await cluster.kubectl('top', 'nodes')).trim().split('\n');
  expect(nodes[0]).toMatch(/^NAME +CPU\(cores\) +CPU\(%\) +MEMORY\(bytes\) +MEMORY\(%\)/);
  const [cpu = 0, , memory = 0] = figures(nodes[1]);
  expect(cpu).toBeGreaterThan(20);
  expect(memory).toBeGreaterThan(20);
  const pods = await cluster.kubectl('top', 'pods', '--containers', '--no-headers', '-l', 'app=burner');
  expect(pods).toMatch(/^burner-\S+ +burn +\d+m +\d+Mi/);
  // Its limit is a tenth of a cpu.
  const [burnt = 0] = figures(pods);
  expect(burnt).toBeGreaterThan(40);
  expect(burnt).toBeLessThan(150);
  expect(await cluster.kubectl('get', 'pods.metrics.k8s.io', '-l', 'app=burner')).toMatch(
    /NAME +CPU +MEMORY +WINDOW\nburner-\S+ +\d+n +\S+ +\S+s/,
  );
});

test('a pod that burns makes its autoscaler add pods, which tells what it did', async () => {
  const replicas = () => cluster.kubectl('get', 'deployment', 'burner', '-o', 'jsonpath={.spec.replicas}');
  await eventually(replicas, (count) => count === '3', 60_000);
  const shown = JSON.parse(await cluster.kubectl('get', 'hpa', 'burner', '-o', 'json')) as V2HorizontalPodAutoscaler;
  const [metric] = shown.status?.currentMetrics ?? [];
  expect(metric?.resource?.current.averageUtilization).toBeGreaterThan(100);
  expect(shown.status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'ScalingActive', status: 'True', reason: 'ValidMetricFound' }),
  );
  const told = await cluster.kubectl('describe', 'hpa', 'burner');
  expect(told).toContain('New size: 3; reason: cpu resource utilization (percentage of request) above target');
  expect(await cluster.kubectl('get', 'hpa', 'burner', '--no-headers')).toMatch(/^burner +Deployment\/burner +cpu: \d+%\/50% +1 +3 +[13]/);
}, 90_000);

test('kubectl autoscale makes one that brings its target within the bounds', async () => {
  await cluster.kubectl('create', 'deployment', 'quiet', '--image=minke.local/tools', '--', 'sleep', '1000');
  await cluster.kubectl('autoscale', 'deployment', 'quiet', '--min=2', '--max=4');
  const available = () => cluster.kubectl('get', 'deployment', 'quiet', '-o', 'jsonpath={.status.replicas}');
  await eventually(available, (count) => count === '2');
  expect(
    await cluster.kubectl(
      'get',
      'events',
      '--field-selector=involvedObject.name=quiet,reason=SuccessfulRescale',
      '-o',
      'jsonpath={.items[0].message}',
    ),
  ).toBe('New size: 2; reason: Current number of replicas below Spec.MinReplicas');
});
