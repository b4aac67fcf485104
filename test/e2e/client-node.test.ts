// The JavaScript client library that knows nothing of Minke: typed calls, watches and informers, patches, logs and exec.
import { PassThrough } from 'node:stream';
import {
  AppsV1Api,
  CoreV1Api,
  type CoreV1Event,
  Exec,
  KubeConfig,
  Log,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
let config: KubeConfig;
let core: CoreV1Api;
beforeAll(async () => {
  cluster = await startTestCluster();
  config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  core = config.makeApiClient(CoreV1Api);
});
afterAll(() => cluster?.destroy());

const namespace = 'default';

test('creates, reads, lists, patches and deletes', async () => {
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'settings', labels: { app: 'x' } }, data: { a: '1' } } });
  expect((await core.readNamespacedConfigMap({ namespace, name: 'settings' })).data).toEqual({ a: '1' });
  const patched = await core.patchNamespacedConfigMap(
    { namespace, name: 'settings', body: { data: { b: '2' } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
  expect(patched.data).toEqual({ a: '1', b: '2' });
  expect((await core.listNamespacedConfigMap({ namespace, labelSelector: 'app=x' })).items).toHaveLength(1);
  await core.deleteNamespacedConfigMap({ namespace, name: 'settings' });
  await expect(core.readNamespacedConfigMap({ namespace, name: 'settings' })).rejects.toMatchObject({ code: 404 });
});

test('an informer sees what comes, changes and goes', async () => {
  const seen: string[] = [];
  const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/secrets`, () => core.listNamespacedSecret({ namespace }));
  for (const verb of ['add', 'update', 'delete'] as const)
    informer.on(verb, (object) => void seen.push(`${verb} ${object.metadata?.name}`));
  await informer.start();
  await core.createNamespacedSecret({ namespace, body: { metadata: { name: 's' }, stringData: { k: 'v' } } });
  await core.patchNamespacedSecret(
    { namespace, name: 's', body: [{ op: 'add', path: '/data/more', value: 'dg==' }] },
    setHeaderOptions('Content-Type', PatchStrategy.JsonPatch),
  );
  await core.deleteNamespacedSecret({ namespace, name: 's' });
  await eventually(
    async () => seen,
    (all) => all.includes('delete s'),
  );
  await informer.stop();
  expect(seen.filter((line) => line.endsWith(' s'))).toEqual(['add s', 'update s', 'delete s']);
});

test('a Deployment comes up, is watched, logs and runs a command', async () => {
  const apps = config.makeApiClient(AppsV1Api);
  const labels = { app: 'node' };
  await apps.createNamespacedDeployment({
    namespace,
    body: {
      metadata: { name: 'node' },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [{ name: 'c', image: 'minke.local/tools', command: ['sh', '-c', 'echo started; sleep 1000'] }] },
        },
      },
    },
  });
  const phases: string[] = [];
  const watching = await new Watch(config).watch(
    `/api/v1/namespaces/${namespace}/pods`,
    { labelSelector: 'app=node' },
    (_type, pod: { status?: { phase?: string } }) => phases.push(pod.status?.phase ?? ''),
    () => {},
  );
  await eventually(
    async () => phases,
    (all) => all.includes('Running'),
  );
  watching.abort();
  const [pod] = (await core.listNamespacedPod({ namespace, labelSelector: 'app=node' })).items;
  const name = pod?.metadata?.name ?? '';

  const text = new PassThrough();
  let log = '';
  text.on('data', (chunk) => (log += chunk));
  await new Log(config).log(namespace, name, 'c', text, { follow: false });
  await eventually(
    async () => log,
    (seen) => seen === 'started\n',
  );

  const out = new PassThrough();
  let answer = '';
  out.on('data', (chunk) => (answer += chunk));
  const status = await new Promise<{ status?: string; reason?: string }>((resolve, reject) => {
    new Exec(config).exec(namespace, name, 'c', ['sh', '-c', 'echo from inside; exit 4'], out, null, null, false, resolve).catch(reject);
  });
  expect(answer).toBe('from inside\n');
  expect(status).toMatchObject({ status: 'Failure', reason: 'NonZeroExitCode' });

  const events: CoreV1Event[] = (await core.listNamespacedEvent({ namespace, fieldSelector: `involvedObject.name=${name}` })).items;
  expect(events.map((event) => event.reason)).toEqual(expect.arrayContaining(['Scheduled', 'Created', 'Started']));
});
