// Evictions and disruption budgets, as kubectl drain uses them.
import { afterEach, expect, test } from 'vitest';
import {
  deployments,
  hasReason,
  poddisruptionbudgets,
  pods,
  StatusError,
  startCluster,
  type VirtualCluster,
} from '../../src/cluster/mod.ts';

let cluster: VirtualCluster;
afterEach(() => cluster.stop());
const namespace = 'default';
const labels = { app: 'web' };

async function evict(name: string): Promise<StatusError | undefined> {
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
  try {
    await cluster.client.call({ verb: 'create', resource: pods, namespace, name, subresource: 'eviction', body });
    return undefined;
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
}

test('a budget lets go as many as it can spare, and no more until others have come', async () => {
  cluster = await startCluster({ clock: 'virtual', nodes: 3 });
  const template = { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: 'i:1' }] } };
  await cluster.client.create(deployments, {
    metadata: { name: 'web', namespace },
    spec: { replicas: 3, selector: { matchLabels: labels }, template },
  });
  await cluster.client.create(poddisruptionbudgets, {
    metadata: { name: 'web', namespace },
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  });
  await cluster.time.advance(10_000);
  const budget = await cluster.client.get(poddisruptionbudgets, { namespace, name: 'web' });
  expect(budget.status).toMatchObject({ disruptionsAllowed: 1, currentHealthy: 3, desiredHealthy: 2, expectedPods: 3 });

  const [first, second] = (await cluster.client.list(pods, { namespace })).items.map((pod) => pod.metadata.name);
  expect(await evict(first ?? '')).toBeUndefined();
  const refused = await evict(second ?? '');
  expect(refused?.code).toBe(429);
  expect(hasReason(refused, 'TooManyRequests')).toBe(true);
  expect(refused?.details?.causes).toEqual([
    {
      reason: 'DisruptionBudget',
      message: expect.stringMatching(/^The disruption budget web needs 2 healthy pods and has [23] currently$/),
    },
  ]);

  await cluster.time.advance(20_000);
  expect(await evict(second ?? '')).toBeUndefined();
});

test('two budgets for one pod are refused with 500', async () => {
  cluster = await startCluster({ clock: 'virtual' });
  await cluster.client.create(pods, { metadata: { name: 'p', namespace, labels }, spec: { containers: [{ name: 'c', image: 'i:1' }] } });
  for (const name of ['a', 'b'])
    await cluster.client.create(poddisruptionbudgets, {
      metadata: { name, namespace },
      spec: { minAvailable: 0, selector: { matchLabels: labels } },
    });
  await cluster.time.advance(5_000);
  expect((await evict('p'))?.code).toBe(500);
});
