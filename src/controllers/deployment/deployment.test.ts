// The Deployment controller together with the ReplicaSet controller over an API in memory: rollouts from end to end.
import { describe, expect, test } from 'vitest';
import { forbidden, type V1DeploymentSpec, type V1Pod } from '../../api/mod.ts';
import { runReplicaSetController } from '../replicaset/replicaset.ts';
import { isReady } from '../runtime/pods.ts';
import { deploymentType, podType, replicaSetType } from '../runtime/resource-types.ts';
import { createWorld } from '../runtime/world.fake.ts';
import { runDeploymentController } from './deployment.ts';
import { revisionOf } from './replica-sets.ts';

const key = { namespace: 'default', name: 'web' };
const labels = { app: 'web' };
const merge = 'application/merge-patch+json';

const template = (image: string) => ({ metadata: { labels }, spec: { containers: [{ name: 'c', image }] } });

async function setup(spec: Partial<V1DeploymentSpec> = {}) {
  const world = createWorld();
  const running = Promise.all([runDeploymentController(world.context), runReplicaSetController(world.context)]);
  await world.client.create(deploymentType, {
    metadata: { ...key, annotations: { team: 'a', 'kubectl.kubernetes.io/last-applied-configuration': '{}' } },
    spec: { replicas: 3, selector: { matchLabels: labels }, template: template('v1'), progressDeadlineSeconds: 600, ...spec },
  });
  const current = () => world.client.get(deploymentType, key);
  const sets = async () => [...(await world.list(replicaSetType))].sort((a, b) => revisionOf(a) - revisionOf(b));
  const pods = () => world.list(podType);
  /** Lets every pod become ready as it comes, until nothing changes any more. */
  const run = async (rounds = 20) => {
    for (let i = 0; i < rounds; i++) {
      await world.clock.advance(1_000);
      for (const pod of await pods()) if (!isReady(pod)) await world.setReady(pod);
    }
    await world.clock.settle();
  };
  const change = (patch: object) => world.client.patch(deploymentType, key, merge, { spec: patch });
  const progressing = async () => (await current()).status?.conditions?.find(({ type }) => type === 'Progressing');
  return { ...world, running, current, sets, pods, run, change, progressing };
}

const imageOf = (pod: V1Pod) => pod.spec?.containers[0]?.image;

describe('deployment controller', () => {
  test('creates one set, owned, labelled with the hash, and says so', async () => {
    const world = await setup();
    await world.clock.settle();
    const [set] = await world.sets();
    const hash = set?.metadata.labels?.['pod-template-hash'] ?? '';
    expect(hash).toMatch(/^[bcdf-hj-np-tv-z2-9]{1,10}$/);
    expect(set).toMatchObject({
      metadata: {
        name: `web-${hash}`,
        labels: { app: 'web', 'pod-template-hash': hash },
        annotations: {
          team: 'a',
          'deployment.kubernetes.io/revision': '1',
          'deployment.kubernetes.io/desired-replicas': '3',
          'deployment.kubernetes.io/max-replicas': '4',
        },
        ownerReferences: [{ kind: 'Deployment', name: 'web', controller: true }],
      },
      spec: { replicas: 3, selector: { matchLabels: { app: 'web', 'pod-template-hash': hash } } },
    });
    expect(Object.keys(set?.metadata.annotations ?? {})).not.toContain('kubectl.kubernetes.io/last-applied-configuration');
    expect((await world.current()).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    expect(await world.events()).toContain(`Normal ScalingReplicaSet Scaled up replica set web-${hash} from 0 to 3`);
    expect((await world.progressing())?.reason).toMatch(/NewReplicaSetCreated|ReplicaSetUpdated/);
    await world.run();
    expect((await world.current()).status).toMatchObject({ replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 });
    expect(await world.progressing()).toMatchObject({
      status: 'True',
      reason: 'NewReplicaSetAvailable',
      message: `ReplicaSet "web-${hash}" has successfully progressed.`,
    });
    expect((await world.current()).status?.conditions?.find(({ type }) => type === 'Available')).toMatchObject({
      status: 'True',
      reason: 'MinimumReplicasAvailable',
      message: 'Deployment has minimum availability.',
    });
  });

  test('rolls over to a new template, never below its minimum, and back again', async () => {
    const world = await setup({ replicas: 4, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } } });
    await world.run();
    await world.change({ template: template('v2') });
    for (let i = 0; i < 30; i++) {
      await world.clock.advance(1_000);
      const pods = await world.pods();
      expect(pods.length).toBeLessThanOrEqual(5);
      expect(pods.filter(isReady).length).toBeGreaterThanOrEqual(3);
      const waiting = pods.find((pod) => !isReady(pod));
      if (waiting) await world.setReady(waiting);
    }
    expect((await world.pods()).map(imageOf)).toEqual(['v2', 'v2', 'v2', 'v2']);
    const [first, second] = await world.sets();
    expect([first?.spec?.replicas, second?.spec?.replicas]).toEqual([0, 4]);
    expect(revisionOf(second ?? {})).toBe(2);
    // What `kubectl rollout undo` does: the template of the old set.
    await world.change({ template: template('v1') });
    await world.run();
    expect((await world.pods()).map(imageOf)).toEqual(['v1', 'v1', 'v1', 'v1']);
    const sets = await world.sets();
    expect(sets.map(revisionOf)).toEqual([2, 3]);
    expect(sets[1]?.metadata.annotations?.['deployment.kubernetes.io/revision-history']).toBe('1');
    expect((await world.current()).metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
  });

  test('recreate: no new pod before the last old one is gone', async () => {
    const world = await setup({ replicas: 2, strategy: { type: 'Recreate' } });
    await world.run();
    for (const pod of await world.pods()) {
      await world.client.patch(podType, pod.metadata, merge, { metadata: { finalizers: ['test/wait'] } });
    }
    await world.change({ template: template('v2') });
    await world.clock.advance(60_000);
    expect((await world.pods()).map(imageOf)).toEqual(['v1', 'v1']);
    for (const pod of await world.pods()) await world.client.patch(podType, pod.metadata, merge, { metadata: { finalizers: null } });
    await world.run();
    expect((await world.pods()).map(imageOf)).toEqual(['v2', 'v2']);
  });

  test('paused: scales, but does not roll; goes on when resumed', async () => {
    const world = await setup();
    await world.run();
    await world.change({ paused: true, template: template('v2'), replicas: 5 });
    await world.run();
    expect((await world.pods()).map(imageOf)).toEqual(Array(5).fill('v1'));
    expect(await world.progressing()).toMatchObject({ status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' });
    await world.change({ paused: false });
    await world.run();
    expect((await world.pods()).map(imageOf)).toEqual(Array(5).fill('v2'));
    expect((await world.progressing())?.reason).toBe('NewReplicaSetAvailable');
  });

  test('says when it does not get on within its deadline, and recovers', async () => {
    const world = await setup({ progressDeadlineSeconds: 30 });
    await world.clock.advance(29_000);
    expect((await world.progressing())?.status).toBe('True');
    await world.clock.advance(10_000);
    const [set] = await world.sets();
    expect(await world.progressing()).toMatchObject({
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: `ReplicaSet "${set?.metadata.name}" has timed out progressing.`,
    });
    await world.run();
    expect(await world.progressing()).toMatchObject({ status: 'True', reason: 'NewReplicaSetAvailable' });
  });

  test('cleans up history beyond its limit', async () => {
    const world = await setup({ revisionHistoryLimit: 1 });
    for (const image of ['v2', 'v3', 'v4']) {
      await world.run();
      await world.change({ template: template(image) });
    }
    await world.run();
    expect((await world.sets()).map(revisionOf)).toEqual([3, 4]);
  });

  test('another set of the same name makes it count a collision and take another name', async () => {
    const world = await setup();
    await world.clock.settle();
    const [set] = await world.sets();
    if (!set) throw new Error('no set');
    const other = await setup();
    other.handler.endWatches();
    await other.client.create(replicaSetType, {
      metadata: { namespace: 'default', name: set.metadata.name },
      spec: { replicas: 0, selector: {} },
    });
    await other.run();
    expect((await other.current()).status?.collisionCount).toBe(1);
    expect((await other.pods()).length).toBe(3);
    expect((await other.sets()).length).toBe(2);
  });

  test('a refused set shows as ReplicaSetCreateError, refused pods as ReplicaFailure', async () => {
    const world = createWorld();
    let refuse = 'replicasets';
    world.handler.before = (request) => {
      if (request.verb === 'create' && request.resource.resource === refuse) {
        throw forbidden({ group: '', resource: refuse, name: 'x' }, 'no');
      }
    };
    const running = Promise.all([runDeploymentController(world.context), runReplicaSetController(world.context)]);
    await world.client.create(deploymentType, {
      metadata: key,
      spec: { replicas: 1, selector: { matchLabels: labels }, template: template('v1'), progressDeadlineSeconds: 600 },
    });
    await world.clock.settle();
    const conditions = async () => (await world.client.get(deploymentType, key)).status?.conditions ?? [];
    expect(await conditions()).toMatchObject([{ type: 'Progressing', status: 'False', reason: 'ReplicaSetCreateError' }]);
    refuse = 'pods';
    await world.clock.advance(60_000);
    expect(await conditions()).toContainEqual(expect.objectContaining({ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }));
    refuse = '';
    await world.clock.advance(120_000);
    expect((await conditions()).map(({ type }) => type)).not.toContain('ReplicaFailure');
    expect(await world.list(podType)).toHaveLength(1);
    await world.stop(running);
    expect(world.clock.timers).toBe(0);
  });
});
