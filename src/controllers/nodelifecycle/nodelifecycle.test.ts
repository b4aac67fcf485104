// Nodes that fall silent, come back, or go, over an API in memory: conditions, taints, evictions, orphaned pods.
import { describe, expect, test } from 'vitest';
import { formatMicroTime } from '../../api/mod.ts';
import { runPodGarbageCollector } from '../podgc/podgc.ts';
import { leaseType, nodeType, podType } from '../runtime/resource-types.ts';
import { createWorld } from '../runtime/world.fake.ts';
import { runNodeLifecycleController } from './nodelifecycle.ts';
import { runTaintEvictionController } from './taint-eviction.ts';

async function setup() {
  const world = createWorld();
  const running = Promise.all([
    runNodeLifecycleController(world.context),
    runTaintEvictionController(world.context),
    runPodGarbageCollector(world.context),
  ]);
  const alive = new Set<string>();
  const makeNode = async (name: string) => {
    await world.client.create(nodeType, {
      metadata: { name },
      status: { conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }] },
    });
    await world.client.create(leaseType, { metadata: { name, namespace: 'kube-node-lease' }, spec: { holderIdentity: name } });
    alive.add(name);
  };
  /** Time passes while the nodes that are alive renew their leases. */
  const pass = async (seconds: number) => {
    for (let left = seconds; left > 0; left -= 10) {
      for (const name of alive) {
        const renewTime = formatMicroTime(world.clock.nowMs());
        await world.client.patch(leaseType, { namespace: 'kube-node-lease', name }, 'application/merge-patch+json', {
          spec: { renewTime },
        });
      }
      await world.clock.advance(Math.min(10, left) * 1000);
    }
  };
  const makePod = async (name: string, nodeName: string, tolerationSeconds?: number) => {
    const tolerations = ['not-ready', 'unreachable', 'by-hand'].map((key) => ({
      key: `node.kubernetes.io/${key}`,
      operator: 'Exists',
      effect: 'NoExecute',
      ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
    }));
    const pod = await world.client.create(podType, {
      metadata: { name, namespace: 'default' },
      spec: { containers: [], nodeName, tolerations },
    });
    await world.setReady(pod);
  };
  const node = (name: string) => world.client.get(nodeType, { name });
  const taints = async (name: string) => (await node(name)).spec?.taints?.map(({ key, effect }) => `${key.slice(19)}:${effect}`) ?? [];
  const setNodeReady = async (name: string, status: string) => {
    const fresh = await node(name);
    await world.client.updateStatus(nodeType, { ...fresh, status: { conditions: [{ type: 'Ready', status, reason: 'x' }] } });
  };
  await makeNode('n1');
  await makeNode('n2');
  await world.clock.settle();
  return { ...world, running, alive, makeNode, pass, makePod, node, taints, setNodeReady };
}

const podNames = async (world: Awaited<ReturnType<typeof setup>>) => (await world.list(podType)).map((pod) => pod.metadata.name);

describe('node lifecycle', () => {
  test('a node whose lease is renewed stays ready; one that falls silent becomes unknown, tainted, its pods not ready', async () => {
    const world = await setup();
    await world.makePod('p', 'n1', 300);
    await world.pass(200);
    expect((await world.node('n1')).status?.conditions?.[0]?.status).toBe('True');
    world.alive.delete('n1');
    await world.pass(60);
    expect((await world.node('n1')).status?.conditions?.[0]).toMatchObject({
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    });
    expect(await world.taints('n1')).toEqual(['unreachable:NoSchedule', 'unreachable:NoExecute']);
    expect(await world.taints('n2')).toEqual([]);
    expect((await world.list(podType))[0]?.status?.conditions?.[0]).toMatchObject({ type: 'Ready', status: 'False' });
    expect(await world.events()).toEqual(
      expect.arrayContaining([
        'Normal RegisteredNode Node n1 event: Registered Node n1 in Controller',
        'Normal NodeNotReady Node n1 status is now: NodeNotReady',
        'Warning NodeNotReady Node is not ready',
      ]),
    );
  });

  test('pods leave a silent node when their toleration ends, those without end never', async () => {
    const world = await setup();
    await world.makePod('patient', 'n1');
    await world.makePod('hasty', 'n1', 30);
    await world.makePod('usual', 'n1', 300);
    world.alive.delete('n1');
    await world.pass(60);
    expect(await podNames(world)).toEqual(['patient', 'hasty', 'usual']);
    await world.pass(30);
    expect(await podNames(world)).toEqual(['patient', 'usual']);
    await world.pass(300);
    expect(await podNames(world)).toEqual(['patient']);
    expect(await world.events()).toContain('Normal TaintManagerEviction Marking for deletion Pod default/hasty');
  });

  test('a node that comes back loses its taints, and its pods stay', async () => {
    const world = await setup();
    await world.makePod('usual', 'n1', 300);
    world.alive.delete('n1');
    await world.pass(120);
    world.alive.add('n1');
    await world.setNodeReady('n1', 'True');
    await world.pass(600);
    expect(await world.taints('n1')).toEqual([]);
    expect(await podNames(world)).toEqual(['usual']);
    expect(await world.events()).toContain('Normal TaintManagerEviction Cancelling deletion of Pod default/usual');
  });

  test('a pod has its time from when it meets the taint, whatever the taint says of its age', async () => {
    const world = await setup();
    await world.pass(600);
    await world.makePod('early', 'n1', 30);
    const old = new Date(0).toISOString().replace('.000', '');
    for (const more of [{}, { timeAdded: old }]) {
      const fresh = await world.node('n1');
      const taints = [{ key: 'node.kubernetes.io/by-hand', effect: 'NoExecute', ...more }];
      await world.client.update(nodeType, { ...fresh, spec: { ...fresh.spec, taints } });
      await world.pass(10);
      expect(await podNames(world)).toEqual(['early']);
    }
    await world.pass(5);
    await world.makePod('late', 'n1', 30);
    await world.pass(10);
    expect(await podNames(world)).toEqual(['late']);
    await world.pass(30);
    expect(await podNames(world)).toEqual([]);
  });

  test('when no node is ready nothing is evicted', async () => {
    const world = await setup();
    await world.makePod('usual', 'n1', 10);
    world.alive.clear();
    await world.pass(900);
    expect(await world.taints('n1')).toEqual(['unreachable:NoSchedule']);
    expect(await podNames(world)).toEqual(['usual']);
  });

  test('the nodes of a zone are emptied one after the other, and not at all when most of them are gone', async () => {
    const world = await setup();
    for (const name of ['n3', 'n4', 'n5']) await world.makeNode(name);
    await world.clock.settle();
    const emptied = async () => {
      const all = await Promise.all(['n1', 'n2', 'n3'].map(async (name) => ({ name, taints: await world.taints(name) })));
      return all.filter(({ taints }) => taints.includes('unreachable:NoExecute')).map(({ name }) => name);
    };
    for (const name of ['n1', 'n2']) world.alive.delete(name);
    await world.pass(51);
    expect(await emptied()).toHaveLength(1);
    await world.pass(10);
    expect(await emptied()).toEqual(['n1', 'n2']);
    world.alive.delete('n3');
    await world.pass(300);
    expect(await emptied()).toEqual(['n1', 'n2']);
    expect(await world.taints('n3')).toEqual(['unreachable:NoSchedule']);
    world.alive.add('n1');
    await world.setNodeReady('n1', 'True');
    await world.pass(20);
    expect(await emptied()).toEqual(['n2', 'n3']);
  });

  test('pods of a node that is gone are ended after a while, unless it comes back', async () => {
    const world = await setup();
    await world.makePod('lost', 'n1');
    await world.makePod('back', 'n2');
    await world.client.delete(nodeType, { name: 'n1' });
    await world.client.delete(nodeType, { name: 'n2' });
    await world.clock.advance(20_000);
    await world.client.create(nodeType, { metadata: { name: 'n2' } });
    await world.clock.advance(60_000);
    expect(await podNames(world)).toEqual(['back']);
    await world.stop(world.running);
    expect(world.clock.timers).toBe(0);
  });
});
