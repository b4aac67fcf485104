// The Job controller in a whole cluster under the virtual clock: real API, scheduler and kubelets, containers that are simulated.
import { afterEach, describe, expect, test } from 'vitest';
import {
  events as eventKind,
  jobs,
  type KubeObject,
  pods as podKind,
  type ResourceType,
  type V1Job,
  type V1JobSpec,
  type V1Pod,
} from '../../api/mod.ts';
import { startCluster, type VirtualCluster } from '../../cluster/mod.ts';
import { trackingFinalizer } from './pods.ts';

const running: VirtualCluster[] = [];
afterEach(async () => {
  for (const cluster of running.splice(0)) await cluster.stop();
});

const key = { namespace: 'default', name: 'work' };
const merge = 'application/merge-patch+json';
const sim = (annotations: Record<string, string>) =>
  Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`sim.minke.dev/${name}`, value]));

function jobOf(spec: Partial<V1JobSpec>, annotations: Record<string, string> = { 'run-ms': '1000' }): V1Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: key,
    spec: {
      ...spec,
      template: {
        metadata: { annotations: sim(annotations) },
        spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'x' }], ...spec.template?.spec },
      },
    },
  };
}

async function start(job: V1Job, seed = 1) {
  const cluster = await startCluster({ clock: 'virtual', seed });
  running.push(cluster);
  const { client, time } = cluster;
  await client.create(jobs, job);
  const list = async <T extends KubeObject>(type: ResourceType<T>) => (await client.list(type, { namespace: 'default' })).items;
  return {
    client,
    time,
    cluster,
    list,
    job: () => client.get(jobs, key),
    status: async () => (await client.get(jobs, key)).status ?? {},
    pods: () => list<V1Pod>(podKind),
    conditions: async () =>
      ((await client.get(jobs, key)).status?.conditions ?? []).map(({ type, status, reason }) => `${type}=${status} ${reason}`),
    events: async () =>
      (await list(eventKind))
        .filter(({ involvedObject }) => involvedObject.kind === 'Job')
        .map(({ type, reason, message }) => `${type} ${reason} ${message}`),
  };
}

describe('a job', () => {
  test('runs its completions, no more at a time than it may, and says so', async () => {
    const { time, status, pods, conditions, events } = await start(jobOf({ completions: 3, parallelism: 2 }));
    await time.advance(500);
    expect(await status()).toMatchObject({ active: 2, startTime: '2026-01-01T00:00:00Z' });
    await time.advance(30_000);
    expect(await status()).toMatchObject({ succeeded: 3, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
    expect((await status()).completionTime).toBeDefined();
    expect((await status()).active).toBeUndefined();
    expect(await conditions()).toEqual(['SuccessCriteriaMet=True CompletionsReached', 'Complete=True CompletionsReached']);
    const all = await pods();
    expect(all).toHaveLength(3);
    expect(all.flatMap((pod) => pod.metadata.finalizers ?? [])).toEqual([]);
    const said = await events();
    expect(said.filter((line) => /^Normal SuccessfulCreate Created pod: work-/.test(line))).toHaveLength(3);
    expect(said.filter((line) => line === 'Normal Completed Job completed')).toHaveLength(1);
  });

  test('fails after its back-off limit, with growing pauses between its pods', async () => {
    const { time, pods, status, conditions, events } = await start(jobOf({ backoffLimit: 2 }, { 'run-ms': '100', 'exit-code': '3' }));
    await time.advance(120_000);
    expect(await status()).toMatchObject({ failed: 3 });
    expect(await conditions()).toEqual(['FailureTarget=True BackoffLimitExceeded', 'Failed=True BackoffLimitExceeded']);
    expect(await events()).toContain('Warning BackoffLimitExceeded Job has reached the specified backoff limit');
    const created = (await pods()).map((pod) => Date.parse(pod.metadata.creationTimestamp) / 1000).sort((a, b) => a - b);
    const pauses = created.slice(1).map((at, i) => at - (created[i] ?? 0));
    expect(pauses).toHaveLength(2);
    expect(pauses[0]).toBeGreaterThanOrEqual(10);
    expect(pauses[0]).toBeLessThan(14);
    expect(pauses[1]).toBeGreaterThanOrEqual(20);
    expect(pauses[1]).toBeLessThan(24);
  });

  test('holds a pod until it is counted', async () => {
    const { time, pods } = await start(jobOf({ completions: 1 }, { 'run-ms': '5000' }));
    await time.advance(1_000);
    const [pod] = await pods();
    expect(pod?.metadata.finalizers).toEqual([trackingFinalizer]);
    expect(pod?.metadata.ownerReferences?.[0]).toMatchObject({ kind: 'Job', name: 'work', controller: true });
  });

  test('counts a pod that was deleted as failed, and replaces it', async () => {
    const { client, time, pods, status } = await start(jobOf({ completions: 1 }, { 'run-ms': '60000' }));
    await time.advance(1_000);
    const [pod] = await pods();
    if (!pod) throw new Error('no pod');
    await client.delete(podKind, pod.metadata);
    await time.advance(100_000);
    expect(await status()).toMatchObject({ succeeded: 1, failed: 1 });
  });

  test('is over after its deadline', async () => {
    const { time, status, conditions, events, pods } = await start(jobOf({ activeDeadlineSeconds: 30 }, {}));
    await time.advance(29_000);
    expect(await status()).toMatchObject({ active: 1, ready: 1 });
    await time.advance(60_000);
    expect(await conditions()).toEqual(['FailureTarget=True DeadlineExceeded', 'Failed=True DeadlineExceeded']);
    expect(await status()).toMatchObject({ failed: 1, ready: 0, terminating: 0 });
    expect(await events()).toContain('Warning DeadlineExceeded Job was active longer than specified deadline');
    expect(await pods()).toEqual([]);
  });

  test('can be suspended and resumed', async () => {
    const { client, time, status, conditions, events, pods } = await start(jobOf({ suspend: true, completions: 2 }, { 'run-ms': '20000' }));
    await time.advance(5_000);
    expect(await pods()).toEqual([]);
    expect((await status()).startTime).toBeUndefined();
    expect(await conditions()).toEqual(['Suspended=True JobSuspended']);
    await client.patch(jobs, key, merge, { spec: { suspend: false } });
    await time.advance(5_000);
    expect(await conditions()).toEqual(['Suspended=False JobResumed']);
    expect(await pods()).toHaveLength(1);
    await client.patch(jobs, key, merge, { spec: { suspend: true } });
    await time.advance(5_000);
    expect(await pods()).toEqual([]);
    expect((await status()).failed).toBeUndefined();
    await client.patch(jobs, key, merge, { spec: { suspend: false, parallelism: 2 } });
    await time.advance(60_000);
    expect(await status()).toMatchObject({ succeeded: 2 });
    expect((await events()).filter((line) => / (Suspended|Resumed|Completed) /.test(line))).toEqual([
      'Normal Suspended Job suspended',
      'Normal Resumed Job resumed',
      'Normal Completed Job completed',
    ]);
  });

  test('goes, with its pods, some time after its end', async () => {
    const { time, pods, list } = await start(jobOf({ ttlSecondsAfterFinished: 30 }));
    await time.advance(20_000);
    expect(await list(jobs)).toHaveLength(1);
    await time.advance(60_000);
    expect(await list(jobs)).toEqual([]);
    expect(await pods()).toEqual([]);
  });

  test('lets go of its pods when it is deleted and they are kept', async () => {
    const { client, time, pods } = await start(jobOf({}, {}));
    await time.advance(5_000);
    await client.delete(jobs, key, { propagationPolicy: 'Orphan' });
    await time.advance(5_000);
    const [pod] = await pods();
    expect(pod?.metadata.finalizers).toBeUndefined();
  });
});

describe('a job that cannot have its pods', () => {
  test('says so, and does not try without pause', async () => {
    const job = jobOf({}, {});
    const { time, events, cluster, status } = await start({
      ...job,
      spec: {
        ...job.spec,
        template: { spec: { ...job.spec?.template.spec, serviceAccountName: 'nobody', containers: [{ name: 'main', image: 'x' }] } },
      },
    });
    await time.advance(300_000);
    const said = (await events()).filter((line) => line.startsWith('Warning FailedCreate Error creating: '));
    expect(said[0]).toContain('nobody');
    const before = await cluster.store.revision();
    await time.advance(120_000);
    // Leases and the node's own reports go on; of the job there are a few events at most.
    expect((await cluster.store.revision()) - before).toBeLessThan(40);
    expect((await status()).active ?? 0).toBe(0);
  });
});

describe('an indexed job', () => {
  test('gives each pod its index, and one pod to each index', async () => {
    const { time, pods, status } = await start(jobOf({ completions: 5, parallelism: 3, completionMode: 'Indexed' }));
    await time.advance(500);
    const [first] = await pods();
    expect(first).toMatchObject({
      metadata: {
        name: expect.stringMatching(/^work-0-/),
        annotations: { 'batch.kubernetes.io/job-completion-index': '0' },
        labels: { 'batch.kubernetes.io/job-completion-index': '0' },
      },
      spec: {
        hostname: 'work-0',
        containers: [
          {
            env: [
              {
                name: 'JOB_COMPLETION_INDEX',
                valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/job-completion-index']" } },
              },
            ],
          },
        ],
      },
    });
    await time.advance(60_000);
    expect(await status()).toMatchObject({ succeeded: 5, completedIndexes: '0-4' });
    expect((await pods()).map((pod) => pod.metadata.labels?.['batch.kubernetes.io/job-completion-index']).sort()).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
    ]);
  });

  test('gives up each index by itself', async () => {
    const spec = { completions: 2, parallelism: 2, completionMode: 'Indexed', backoffLimitPerIndex: 1 };
    const { time, pods, status, conditions } = await start(jobOf(spec, { 'run-ms': '100', 'exit-code': '1' }));
    await time.advance(120_000);
    expect(await status()).toMatchObject({ failed: 4, failedIndexes: '0,1' });
    expect(await conditions()).toEqual(['FailureTarget=True FailedIndexes', 'Failed=True FailedIndexes']);
    const counts = (await pods()).map((pod) => pod.metadata.annotations?.['batch.kubernetes.io/job-index-failure-count']).sort();
    expect(counts).toEqual(['0', '0', '1', '1']);
  });

  test('is done early by its success policy; what still runs is ended', async () => {
    const spec = {
      completions: 3,
      parallelism: 1,
      completionMode: 'Indexed',
      successPolicy: { rules: [{ succeededIndexes: '0-1', succeededCount: 1 }] },
    };
    const { time, status, conditions } = await start(jobOf(spec));
    await time.advance(120_000);
    expect(await conditions()).toEqual(['SuccessCriteriaMet=True SuccessPolicy', 'Complete=True SuccessPolicy']);
    expect(await status()).toMatchObject({ completedIndexes: '0' });
  });
});

describe('the pods of a job', () => {
  test('are taken back when they lose their owner, and let go when they lose their labels', async () => {
    const { time, client, pods } = await start(jobOf({ completions: 2, parallelism: 2 }, {}));
    await time.advance(2_000);
    const [pod] = await pods();
    if (pod === undefined) throw new Error('the job has no pod');
    const change = async (metadata: object) => {
      await client.patch(podKind, pod.metadata, merge, { metadata });
      await time.advance(20_000);
      return (await client.get(podKind, pod.metadata)).metadata;
    };
    const { ownerReferences, finalizers } = await change({ ownerReferences: null });
    expect(ownerReferences).toEqual(pod.metadata.ownerReferences);
    expect(finalizers).toEqual([trackingFinalizer]);
    expect(await pods()).toHaveLength(2);
    const released = await change({ labels: null });
    expect(released.ownerReferences ?? []).toEqual([]);
    expect(released.finalizers ?? []).toEqual([]);
    expect(await pods()).toHaveLength(3);
  });
});

describe('the pod failure policy', () => {
  const rule = (action: string) => ({ rules: [{ action, onExitCodes: { operator: 'In', values: [42] } }] });

  test('FailJob ends the job at once and says which container, code and rule', async () => {
    const { time, status, conditions, job } = await start(
      jobOf({ podFailurePolicy: rule('FailJob') }, { 'run-ms': '100', 'exit-code': '42' }),
    );
    await time.advance(30_000);
    expect(await conditions()).toEqual(['FailureTarget=True PodFailurePolicy', 'Failed=True PodFailurePolicy']);
    expect(await status()).toMatchObject({ failed: 1 });
    expect((await job()).status?.conditions?.[1]?.message).toMatch(
      /^Container main for pod default\/work-\w+ failed with exit code 42 matching FailJob rule at index 0$/,
    );
  });

  test('Ignore does not count', async () => {
    const { time, pods, status } = await start(
      jobOf({ backoffLimit: 1, podFailurePolicy: rule('Ignore') }, { 'run-ms': '100', 'exit-code': '42' }),
    );
    await time.advance(100_000);
    expect((await pods()).length).toBeGreaterThan(2);
    expect((await status()).failed).toBeUndefined();
    expect(await status()).not.toHaveProperty('conditions');
  });
});
