// Autoscalers over simulated pods, whose load a test turns by annotations.
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  customresourcedefinitions,
  deployments,
  events,
  horizontalpodautoscalers,
  type KubeObject,
  pods,
  type ResourceType,
  startCluster,
  statefulsets,
  type VirtualCluster,
} from '../../src/cluster/mod.ts';

let cluster: VirtualCluster;
beforeEach(async () => {
  cluster = await startCluster({ clock: 'virtual', nodes: 2 });
});
afterEach(() => cluster.stop());
const namespace = 'default';
const minute = 60_000;

const workload = (name: string, replicas: number, requests: Record<string, string> = { cpu: '500m' }) => ({
  metadata: { name, namespace },
  spec: {
    replicas,
    serviceName: name,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name }, annotations: { 'sim.minke.dev/usage-cpu': '250m' } },
      spec: { containers: [{ name: 'app', image: 'i:1', resources: { requests } }] },
    },
  },
});

const autoscaler = (name: string, more: object = {}, target: object = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }) => ({
  metadata: { name, namespace },
  spec: {
    ...{ minReplicas: 1, maxReplicas: 10, scaleTargetRef: target as { kind: string; name: string } },
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } }],
    ...more,
  },
});

/** Every pod of the app uses so much cpu from now on. */
async function load(app: string, cpu: string): Promise<void> {
  const patch = { metadata: { annotations: { 'sim.minke.dev/usage-cpu': cpu } } };
  for (const { metadata } of (await cluster.client.list(pods, { namespace, labelSelector: `app=${app}` })).items) {
    await cluster.client.patch(pods, { namespace, name: metadata.name }, 'application/merge-patch+json', patch);
  }
}
const replicas = async (name = 'web') => (await cluster.client.get(deployments, { namespace, name })).spec?.replicas;
const shown = (name = 'web') => cluster.client.get(horizontalpodautoscalers, { namespace, name });
const reasons = async (name = 'web') =>
  (await shown(name)).status?.conditions?.map(({ type, status, reason }) => `${type} ${status} ${reason}`);
const told = async () =>
  (await cluster.client.list(events, { namespace })).items
    .filter(({ involvedObject }) => involvedObject.kind === 'HorizontalPodAutoscaler')
    .map(({ type, reason, message }) => `${type} ${reason} ${message}`);

test('follows the load up at once and down after five minutes', async () => {
  await cluster.client.create(deployments, workload('web', 2));
  await cluster.time.advance(6 * minute);
  await cluster.client.create(horizontalpodautoscalers, autoscaler('web'));
  await cluster.time.advance(minute);
  expect(await replicas()).toBe(2);
  expect(await reasons()).toEqual([
    'AbleToScale True ReadyForNewScale',
    'ScalingActive True ValidMetricFound',
    'ScalingLimited False DesiredWithinRange',
  ]);
  expect((await shown()).status).toMatchObject({
    ...{ currentReplicas: 2, desiredReplicas: 2 },
    currentMetrics: [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 50, averageValue: '250m' } } }],
  });

  await load('web', '450m');
  await cluster.time.advance(20_000);
  expect(await replicas()).toBe(4);
  expect((await shown()).status?.lastScaleTime).toBeDefined();
  expect(await told()).toEqual([
    'Normal SuccessfulRescale New size: 4; reason: cpu resource utilization (percentage of request) above target',
  ]);

  await load('web', '250m');
  await cluster.time.advance(minute);
  expect(await replicas()).toBe(4);
  await load('web', '100m');
  await cluster.time.advance(4 * minute);
  expect(await replicas()).toBe(4);
  expect(await reasons()).toContain('AbleToScale True ScaleDownStabilized');
  await cluster.time.advance(2 * minute);
  expect(await replicas()).toBe(2);
  expect(await told()).toContain('Normal SuccessfulRescale New size: 2; reason: All metrics below target');
});

test('does not write when there is nothing to say', async () => {
  await cluster.client.create(deployments, workload('web', 2));
  await cluster.client.create(horizontalpodautoscalers, autoscaler('web'));
  await cluster.time.advance(8 * minute);
  const before = (await shown()).metadata.resourceVersion;
  await cluster.time.advance(10 * minute);
  expect((await shown()).metadata.resourceVersion).toBe(before);
});

test('goes no faster than its behaviour says', async () => {
  const policies = [{ type: 'Pods', value: 1, periodSeconds: 60 }];
  await cluster.client.create(deployments, workload('web', 1));
  await cluster.time.advance(6 * minute);
  await load('web', '2');
  await cluster.client.create(horizontalpodautoscalers, autoscaler('web', { behavior: { scaleUp: { policies } } }));
  await cluster.time.advance(5_000);
  expect(await replicas()).toBe(2);
  expect(await reasons()).toContain('ScalingLimited True ScaleUpLimit');
  await cluster.time.advance(30_000);
  expect(await replicas()).toBe(2);
  await cluster.time.advance(40_000);
  expect(await replicas()).toBe(3);
});

test('brings a target within its bounds, leaves one at zero alone, and scales any kind that can be scaled', async () => {
  await cluster.client.create(statefulsets, workload('db', 1));
  await cluster.client.create(
    horizontalpodautoscalers,
    autoscaler('db', { minReplicas: 3 }, { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db' }),
  );
  await cluster.client.create(deployments, workload('web', 0));
  await cluster.client.create(horizontalpodautoscalers, autoscaler('web'));
  await cluster.time.advance(minute);
  expect((await cluster.client.get(statefulsets, { namespace, name: 'db' })).spec?.replicas).toBe(3);
  expect(await told()).toEqual(['Normal SuccessfulRescale New size: 3; reason: Current number of replicas below Spec.MinReplicas']);
  expect(await replicas()).toBe(0);
  expect(await reasons()).toEqual(['AbleToScale True SucceededGetScale', 'ScalingActive False ScalingDisabled']);
});

test('says what is wrong', async () => {
  await cluster.client.create(deployments, workload('web', 2, {}));
  await cluster.client.create(horizontalpodautoscalers, autoscaler('web'));
  await cluster.client.create(
    horizontalpodautoscalers,
    autoscaler('gone', {}, { apiVersion: 'apps/v1', kind: 'Deployment', name: 'gone' }),
  );
  await cluster.client.create(horizontalpodautoscalers, autoscaler('odd', {}, { apiVersion: 'acme.com/v1', kind: 'Thing', name: 'x' }));
  await cluster.time.advance(7 * minute);
  const [pod] = (await cluster.client.list(pods, { namespace })).items;
  expect(await reasons('gone')).toEqual(['AbleToScale False FailedGetScale']);
  expect((await shown('odd')).status?.conditions?.[0]?.message).toBe(
    `the HPA controller was unable to get the target's current scale: no matches for kind "Thing" in version "acme.com/v1"`,
  );
  const problem = `failed to get cpu utilization: missing request for cpu in container app of Pod `;
  expect(await reasons()).toContain('ScalingActive False FailedGetResourceMetric');
  expect((await shown()).status?.conditions?.[1]?.message).toContain(`the HPA was unable to compute the replica count: ${problem}`);
  const lines = await told();
  expect(lines).toContainEqual(expect.stringContaining(`Warning FailedGetResourceMetric ${problem}`));
  expect(lines).toContainEqual(
    expect.stringContaining(`Warning FailedComputeMetricsReplicas invalid metrics (1 invalid out of 1), first error is: ${problem}`),
  );
  expect(lines).toContainEqual('Warning FailedGetScale deployments.apps "gone" not found');
  expect(pod?.status?.phase).toBe('Running');
});

test('two for the same pods stand still until one goes', async () => {
  await cluster.client.create(deployments, workload('web', 2));
  await cluster.time.advance(6 * minute);
  await cluster.client.create(horizontalpodautoscalers, autoscaler('web'));
  await cluster.client.create(horizontalpodautoscalers, autoscaler('web-2'));
  await cluster.time.advance(minute);
  await load('web', '450m');
  await cluster.time.advance(minute);
  expect(await replicas()).toBe(2);
  expect((await shown()).status?.conditions?.[1]).toMatchObject({
    ...{ type: 'ScalingActive', status: 'False', reason: 'AmbiguousSelector' },
    message: 'pods by selector app=web are controlled by multiple HPAs: [default/web default/web-2]',
  });
  await cluster.client.delete(horizontalpodautoscalers, { namespace, name: 'web-2' });
  await cluster.time.advance(minute);
  expect(await replicas()).toBeGreaterThan(2);
});

test('scales a custom resource through its scale subresource', async () => {
  interface Fleet extends KubeObject {
    readonly spec?: { readonly ships?: number };
    readonly status?: { readonly ships?: number; readonly selector?: string };
  }
  const fleets: ResourceType<Fleet> = { group: 'example.com', version: 'v1', kind: 'Fleet', resource: 'fleets', namespaced: true };
  const whole = { type: 'integer' };
  const openAPIV3Schema = {
    type: 'object',
    properties: {
      spec: { type: 'object', properties: { ships: whole } },
      status: { type: 'object', properties: { ships: whole, selector: { type: 'string' } } },
    },
  };
  const scale = { specReplicasPath: '.spec.ships', statusReplicasPath: '.status.ships', labelSelectorPath: '.status.selector' };
  await cluster.client.create(customresourcedefinitions, {
    metadata: { name: 'fleets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'fleets', kind: 'Fleet' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema }, subresources: { status: {}, scale } }],
    },
  });
  await cluster.time.advance(1_000);
  const fleet = await cluster.client.create(fleets, { metadata: { name: 'whales', namespace }, spec: { ships: 2 } });
  await cluster.client.updateStatus(fleets, { ...fleet, status: { ships: 2, selector: 'app=web' } });
  await cluster.client.create(deployments, workload('web', 2));
  await cluster.time.advance(6 * minute);
  await cluster.client.create(
    horizontalpodautoscalers,
    autoscaler('whales', {}, { apiVersion: 'example.com/v1', kind: 'Fleet', name: 'whales' }),
  );
  await load('web', '500m');
  await cluster.time.advance(2 * minute);
  expect((await cluster.client.get(fleets, { namespace, name: 'whales' })).spec?.ships).toBe(4);
  expect(await told()).toContain(
    'Normal SuccessfulRescale New size: 4; reason: cpu resource utilization (percentage of request) above target',
  );
});
