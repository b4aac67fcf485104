// Jobs, DaemonSets and StatefulSets on the real API under seeded faults: the controllers' calls fail before or after they were
// carried out, and the controllers themselves die and start anew. No pod's result may be lost or counted twice, and once the faults
// end, everything must come out as it was wanted last, and stay so.
import { expect, test } from 'vitest';
import {
  builtinKinds,
  cronjobs,
  daemonsets,
  formatTime,
  hasReason,
  jobs,
  type KubeObject,
  nodes,
  type Persisted,
  pods as podKind,
  statefulsets,
  type V1Job,
  type V1Pod,
} from '../api/mod.ts';
import { createApiCore } from '../apiserver/mod.ts';
import { SeededRandom, StoppedError, silentLogger, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { createClient, createInformers, createInProcessTransport } from '../client/mod.ts';
import { openMemoryStore } from '../store/mod.ts';
import { runControllers } from './mod.ts';
import { isActive, isFinished, isReady } from './runtime/pods.ts';

const merge = 'application/merge-patch+json';
const inDefault = (name: string) => ({ namespace: 'default', name });
/** No node lifecycle here: the nodes report nothing, and nobody minds. */
const container = (image: string) => ({ containers: [{ name: 'c', image }], tolerations: [{ operator: 'Exists' }] });
const nodeNames = ['n1', 'n2', 'n3'];

async function setup(seed: number) {
  const clock = new VirtualClock({ settle: turn });
  const random = new SeededRandom(seed);
  const stop = new AbortController();
  const store = openMemoryStore();
  const log = silentLogger;
  const shared = { clock, log, signal: stop.signal };
  const core = await createApiCore({ ...shared, store, kinds: builtinKinds, random: random.child('api'), serviceCidr: '10.96.0.0/16' });
  const user = { name: 'admin', groups: ['system:masters', 'system:authenticated'] };
  const client = createClient(createInProcessTransport({ handler: core.handler, user }), { clock, userAgent: 'user' });
  let faults = true;
  const handler: typeof core.handler = {
    ...core.handler,
    async send(request, as) {
      const chance = faults ? random.below(100) : 100;
      if (chance < 6) throw new Error('lost on the way');
      const answer = await core.handler.send(request, as);
      if (chance < 10 && request.verb !== 'list') throw new Error('the answer was lost');
      return answer;
    },
    watch: (request, as) => core.handler.watch(request, as),
  };
  let life = 0;
  const startControllers = () => {
    const own = new AbortController();
    const faulty = createClient(createInProcessTransport({ handler, user }), { clock, userAgent: 'controllers' });
    const context = { clock, log, random: random.child(`life ${life++}`), signal: own.signal };
    const informers = createInformers({ ...context, client: faulty });
    const running = runControllers({ ...context, client: faulty, informers, kinds: builtinKinds });
    return async () => {
      own.abort(new StoppedError());
      await Promise.all([running, informers.stopped]);
    };
  };
  let stopControllers = startControllers();
  return {
    clock,
    random,
    client,
    restart: async () => {
      await stopControllers();
      stopControllers = startControllers();
    },
    calm: () => {
      faults = false;
    },
    stop: async () => {
      await stopControllers();
      stop.abort(new StoppedError());
      await core.stopped();
      await store.close();
      expect(clock.timers).toBe(0);
    },
  };
}

type World = Awaited<ReturnType<typeof setup>>;

/** What each pod of the jobs came to, by its uid, as the node saw it. */
type Ledger = Map<string, { readonly job: string; readonly result: 'Succeeded' | 'Failed' }>;

async function actNode({ client, clock, random }: World, ledger: Ledger): Promise<void> {
  const all = (await client.list(podKind, { namespace: 'default' })).items;
  for (const [i, pod] of all.entries()) await actPod(pod, i).catch(ignoreGone);

  async function actPod(pod: Persisted<V1Pod>, i: number): Promise<void> {
    const key = inDefault(pod.metadata.name);
    const job = pod.metadata.labels?.['batch.kubernetes.io/job-name'];
    const write = (status: object) => client.updateStatus(podKind, { ...pod, status: { ...pod.status, ...status } });
    if (pod.metadata.deletionTimestamp !== undefined) {
      // A pod of a job that goes before its end counts as failed.
      if (job !== undefined && !isFinished(pod)) {
        await write({ phase: 'Failed' });
        ledger.set(pod.metadata.uid, { job, result: 'Failed' });
      }
      await client.delete(podKind, key, { gracePeriodSeconds: 0 });
    } else if (!pod.spec?.nodeName) {
      const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
      const name = terms?.[0]?.matchFields?.[0]?.values?.[0] ?? nodeNames[i % 3] ?? '';
      const body = { apiVersion: 'v1', kind: 'Binding', metadata: key, target: { kind: 'Node', name } };
      await client.call({ verb: 'create', resource: podKind, ...key, subresource: 'binding', body });
    } else if (isActive(pod) && !isReady(pod)) {
      const condition = { type: 'Ready', status: 'True', lastTransitionTime: formatTime(clock.nowMs()) };
      await write({ phase: 'Running', conditions: [...(pod.status?.conditions ?? []).filter(({ type }) => type !== 'Ready'), condition] });
    } else if (job !== undefined && isActive(pod) && random.below(3) === 0) {
      const result = random.below(5) === 0 ? 'Failed' : 'Succeeded';
      await write({ phase: result, conditions: [] });
      ledger.set(pod.metadata.uid, { job, result });
    }
  }
}

const ignoreGone = (error: unknown): void => {
  if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
};

async function disturb({ client, random }: World, ledger: Ledger): Promise<void> {
  const choice = random.below(8);
  const all = (await client.list(podKind, { namespace: 'default' })).items;
  const victim = all[random.below(Math.max(1, all.length))];
  if (choice <= 1 && victim) {
    // One that no node has yet is gone before anybody sees it leave.
    const job = victim.metadata.labels?.['batch.kubernetes.io/job-name'];
    if (job !== undefined && isActive(victim)) ledger.set(victim.metadata.uid, { job, result: 'Failed' });
    await client.delete(podKind, victim.metadata).catch(ignoreGone);
  }
  if (choice === 2) await client.patch(statefulsets, inDefault('db'), merge, { spec: { replicas: 1 + random.below(3) } });
  if (choice === 3)
    await client.patch(statefulsets, inDefault('db'), merge, { spec: { template: { spec: container(`v${random.below(3)}`) } } });
  if (choice === 4)
    await client.patch(daemonsets, inDefault('agent'), merge, { spec: { template: { spec: container(`v${random.below(3)}`) } } });
  if (choice === 5) await client.patch(jobs, inDefault('plain'), merge, { spec: { suspend: random.below(2) === 0 } });
}

async function create({ client }: World): Promise<void> {
  for (const name of nodeNames) await client.create(nodes, { metadata: { name } });
  const job = (name: string, spec: object): V1Job => ({
    metadata: inDefault(name),
    spec: {
      completions: 8,
      parallelism: 3,
      backoffLimit: 1000,
      ...spec,
      template: { spec: { restartPolicy: 'Never', ...container('x') } },
    },
  });
  await client.create(jobs, job('plain', {}));
  await client.create(jobs, job('indexed', { completionMode: 'Indexed' }));
  const labelled = (app: string) => ({
    selector: { matchLabels: { app } },
    template: { metadata: { labels: { app } }, spec: { ...container('v0'), terminationGracePeriodSeconds: 1 } },
  });
  await client.create(statefulsets, { metadata: inDefault('db'), spec: { ...labelled('db'), replicas: 3 } });
  await client.create(daemonsets, { metadata: inDefault('agent'), spec: labelled('agent') });
}

async function runSeed(seed: number): Promise<void> {
  const world = await setup(seed);
  const { client, clock, random } = world;
  const ledger: Ledger = new Map();
  await create(world);
  for (let step = 0; step < 60; step++) {
    await clock.advance(random.below(5_000));
    await actNode(world, ledger);
    if (random.below(3) === 0) await disturb(world, ledger);
    if (random.below(20) === 0) await world.restart();
  }
  world.calm();
  await client.patch(jobs, inDefault('plain'), merge, { spec: { suspend: false } });
  const isOver = async () =>
    (await client.list(jobs)).items.every(({ status }) =>
      status?.conditions?.some(({ type, status: is }) => type === 'Complete' && is === 'True'),
    );
  for (let step = 0; step < 600 && !(step > 60 && (await isOver())); step++) {
    await clock.advance(5_000);
    await actNode(world, ledger);
  }
  await checkJobs(world, ledger);
  await checkSets(world);
  await checkQuiet(world);
  await world.stop();
}

async function checkJobs({ client }: World, ledger: Ledger): Promise<void> {
  const results = (job: string, result: string) => [...ledger.values()].filter((each) => each.job === job && each.result === result).length;
  const plain = (await client.get(jobs, inDefault('plain'))).status;
  expect(plain).toMatchObject({ uncountedTerminatedPods: {}, ready: 0, terminating: 0 });
  expect(plain?.succeeded).toBe(results('plain', 'Succeeded'));
  // Pods that the controller itself took away while the job was suspended never count.
  expect(plain?.failed ?? 0).toBeLessThanOrEqual(results('plain', 'Failed'));
  const indexed = (await client.get(jobs, inDefault('indexed'))).status;
  expect(indexed).toMatchObject({ succeeded: 8, completedIndexes: '0-7' });
  const left = (await client.list(podKind)).items.flatMap((pod) => pod.metadata.finalizers ?? []);
  expect(left).toEqual([]);
}

async function checkSets({ client }: World): Promise<void> {
  const all = (await client.list(podKind, { namespace: 'default' })).items;
  const of = (app: string) => all.filter((pod) => pod.metadata.labels?.app === app);
  const db = await client.get(statefulsets, inDefault('db'));
  expect(
    of('db')
      .map((pod) => pod.metadata.name)
      .sort(),
  ).toEqual(Array.from({ length: db.spec?.replicas ?? 0 }, (_, i) => `db-${i}`));
  for (const pod of of('db')) expect(pod.spec?.containers[0]?.image).toBe(db.spec?.template.spec?.containers[0]?.image);
  expect(db.status).toMatchObject({ readyReplicas: db.spec?.replicas, updatedReplicas: db.spec?.replicas });
  expect(db.status?.currentRevision).toBe(db.status?.updateRevision);
  const agent = await client.get(daemonsets, inDefault('agent'));
  expect(
    of('agent')
      .map((pod) => pod.spec?.nodeName)
      .sort(),
  ).toEqual(nodeNames);
  for (const pod of of('agent')) expect(pod.spec?.containers[0]?.image).toBe(agent.spec?.template.spec?.containers[0]?.image);
  expect(agent.status).toMatchObject({ desiredNumberScheduled: 3, numberReady: 3, updatedNumberScheduled: 3, numberMisscheduled: 0 });
}

async function checkQuiet({ client, clock }: World): Promise<void> {
  const kinds = [jobs, cronjobs, daemonsets, statefulsets, podKind, ...builtinKinds.filter(({ kind }) => kind === 'ControllerRevision')];
  const versions = async () => {
    const lines: string[] = [];
    for (const kind of kinds) {
      for (const { metadata } of (await client.list<KubeObject>(kind)).items)
        lines.push(`${kind.kind} ${metadata.name} ${metadata.resourceVersion}`);
    }
    return lines;
  };
  await clock.advance(10_000);
  const before = await versions();
  await clock.advance(600_000);
  expect(await versions()).toEqual(before);
}

const seeds = Array.from({ length: Number(process.env.MINKE_TEST_SEEDS ?? 6) }, (_, i) => i + 1);
test.each(seeds)('seed %i', runSeed, 60_000);
