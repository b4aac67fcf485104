// Jobs, CronJobs, DaemonSets and StatefulSets on real containers, driven by kubectl.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { V1Job, V1JobSpec, V1PodSpec, V1StatefulSet } from '../../src/api/mod.ts';
import { eventually, startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster();
}, 60_000);
afterAll(() => cluster?.destroy());

const podSpec = (script: string, more: Partial<V1PodSpec> = {}): V1PodSpec => ({
  terminationGracePeriodSeconds: 1,
  containers: [{ name: 'main', image: 'minke.local/tools', command: ['sh', '-c', script] }],
  ...more,
});
const serve = 'trap "exit 0" TERM; while true; do sleep 0.1; done';

async function apply(object: object): Promise<void> {
  const done = await cluster.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(object) });
  if (done.code !== 0) throw new Error(done.stderr);
}
const names = async (selector: string): Promise<string[]> =>
  (await cluster.kubectl('get', 'pods', '-l', selector, '-o', 'jsonpath={.items[*].metadata.name}')).split(' ').filter(Boolean);
const jobOf = (name: string, script: string, spec: Partial<V1JobSpec> = {}): V1Job => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name },
  spec: { ...spec, template: { spec: podSpec(script, { restartPolicy: 'Never' }) } },
});

describe('jobs', () => {
  test('a job of three completions is complete, and its pods tell what they did', async () => {
    await apply(jobOf('three', 'echo done', { completions: 3, parallelism: 3 }));
    await cluster.kubectl('wait', '--for=condition=Complete', 'job/three', '--timeout=30s');
    const job = JSON.parse(await cluster.kubectl('get', 'job', 'three', '-o', 'json')) as V1Job;
    expect(job.status).toMatchObject({ succeeded: 3, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
    expect(await cluster.kubectl('get', 'job', 'three')).toMatch(/three +Complete +3\/3/);
    expect(await cluster.kubectl('logs', '-l', 'job-name=three')).toBe('done\ndone\ndone\n');
    expect(await cluster.kubectl('describe', 'job', 'three')).toContain('Job completed');
  });

  test('an indexed job gives each pod its index', async () => {
    await apply(
      jobOf('indexed', 'echo index $JOB_COMPLETION_INDEX on $(hostname)', { completions: 3, parallelism: 3, completionMode: 'Indexed' }),
    );
    await cluster.kubectl('wait', '--for=condition=Complete', 'job/indexed', '--timeout=30s');
    expect(await cluster.kubectl('get', 'job', 'indexed', '-o', 'jsonpath={.status.completedIndexes}')).toBe('0-2');
    const lines = (await cluster.kubectl('logs', '-l', 'job-name=indexed')).trim().split('\n').sort();
    expect(lines).toEqual([0, 1, 2].map((i) => `index ${i} on indexed-${i}`));
  });

  test('a job whose pod fails as its policy says fails at once', async () => {
    const podFailurePolicy = { rules: [{ action: 'FailJob', onExitCodes: { operator: 'In', values: [42] } }] };
    await apply(jobOf('failing', 'exit 42', { podFailurePolicy }));
    await cluster.kubectl('wait', '--for=condition=Failed', 'job/failing', '--timeout=30s');
    const failed = '{.status.conditions[?(@.type=="Failed")]';
    expect(await cluster.kubectl('get', 'job', 'failing', '-o', `jsonpath=${failed}.reason} ${failed}.message}`)).toMatch(
      /^PodFailurePolicy Container main for pod default\/failing-\w+ failed with exit code 42 matching FailJob rule at index 0$/,
    );
  });

  test('a suspended cron job starts nothing; a job can be made from it', async () => {
    const jobTemplate = { spec: jobOf('', 'echo by hand').spec };
    await apply({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'nightly' },
      spec: { schedule: '0 3 * * *', timeZone: 'Europe/Berlin', suspend: true, jobTemplate },
    });
    await cluster.kubectl('create', 'job', 'now', '--from=cronjob/nightly');
    await cluster.kubectl('wait', '--for=condition=Complete', 'job/now', '--timeout=30s');
    expect(await cluster.kubectl('logs', 'job/now')).toBe('by hand\n');
    expect(await cluster.kubectl('get', 'cronjob', 'nightly')).toMatch(/nightly +0 3 \* \* \* +Europe\/Berlin +True +0 +<none>/);
  });

  test('deleting a job takes its pods along', async () => {
    await cluster.kubectl('delete', 'job', 'three', 'indexed', 'failing', 'now', '--wait=true', '--timeout=30s');
    await eventually(
      () => names('job-name'),
      (left) => left.length === 0,
    );
  });
});

describe('a daemon set', () => {
  const greeting = () => cluster.kubectl('get', 'pods', '-l', 'app=agent', '-o', 'jsonpath={.items[*].spec.containers[0].env[0].value}');

  test('runs on the node, is rolled out, and back', async () => {
    const pod = podSpec(serve);
    await apply({
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'agent' },
      spec: { selector: { matchLabels: { app: 'agent' } }, template: { metadata: { labels: { app: 'agent' } }, spec: pod } },
    });
    await cluster.kubectl('rollout', 'status', 'ds/agent', '--timeout=30s');
    expect(await names('app=agent')).toHaveLength(1);
    await cluster.kubectl('set', 'env', 'ds/agent', 'GREETING=hola');
    await cluster.kubectl('rollout', 'status', 'ds/agent', '--timeout=30s');
    await eventually(greeting, (value) => value === 'hola');
    const history = await cluster.kubectl('rollout', 'history', 'ds/agent');
    expect(history).toMatch(/^1 .*\n2 /m);
    expect(await cluster.kubectl('rollout', 'history', 'ds/agent', '--revision=2')).toContain('hola');
    await cluster.kubectl('rollout', 'undo', 'ds/agent');
    await cluster.kubectl('rollout', 'status', 'ds/agent', '--timeout=30s');
    await eventually(greeting, (value) => value === '');
    await cluster.kubectl('delete', 'ds', 'agent');
  }, 60_000);
});

describe('a stateful set', () => {
  const greetings = async () =>
    (
      await cluster.kubectl(
        'get',
        'pods',
        '-l',
        'app=db',
        '-o',
        'jsonpath={range .items[*]}{.metadata.name}={.spec.containers[0].env[0].value} {end}',
      )
    ).trim();
  const set: V1StatefulSet = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db' },
    spec: {
      replicas: 2,
      serviceName: 'db',
      selector: { matchLabels: { app: 'db' } },
      template: { metadata: { labels: { app: 'db' } }, spec: podSpec(serve) },
    },
  };

  test('has pods with names of their own, is rolled out from the top, and back', async () => {
    await apply(set);
    await cluster.kubectl('rollout', 'status', 'sts/db', '--timeout=30s');
    expect(await names('app=db')).toEqual(['db-0', 'db-1']);
    expect((await cluster.kubectl('exec', 'db-1', '--', 'hostname')).trim()).toBe('db-1');
    await cluster.kubectl('set', 'env', 'sts/db', 'GREETING=hola');
    await cluster.kubectl('rollout', 'status', 'sts/db', '--timeout=60s');
    expect(await greetings()).toBe('db-0=hola db-1=hola');
    expect(await cluster.kubectl('rollout', 'history', 'sts/db')).toMatch(/^1 .*\n2 /m);
    await cluster.kubectl('rollout', 'undo', 'sts/db');
    await cluster.kubectl('rollout', 'status', 'sts/db', '--timeout=60s');
    expect(await greetings()).toBe('db-0= db-1=');
  }, 60_000);

  test('is scaled', async () => {
    await cluster.kubectl('scale', 'sts/db', '--replicas=3');
    await cluster.kubectl('rollout', 'status', 'sts/db', '--timeout=30s');
    expect(await names('app=db')).toEqual(['db-0', 'db-1', 'db-2']);
    await cluster.kubectl('scale', 'sts/db', '--replicas=1');
    await eventually(
      () => names('app=db'),
      (left) => left.join() === 'db-0',
    );
  }, 60_000);
});
