// Custom resources as their users have them: kubectl over a definition, and an operator written with the JavaScript client.
import {
  ApiextensionsV1Api,
  CustomObjectsApi,
  KubeConfig,
  type KubernetesListObject,
  type KubernetesObject,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1CustomResourceDefinition,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, startTestCluster, type TestCluster } from './harness.ts';

const group = 'stable.example.com';
const at = { group, version: 'v1', namespace: 'default', plural: 'crontabs' };
const namedPort = { type: 'object', required: ['name'], properties: { name: { type: 'string' }, port: { type: 'integer' } } };
const spec = {
  type: 'object',
  description: 'What it does.',
  properties: {
    cronSpec: { type: 'string', pattern: '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$', description: 'When it runs.' },
    replicas: { type: 'integer', default: 1, minimum: 1 },
    ports: { type: 'array', 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['name'], items: namedPort },
  },
};
const status = { type: 'object', properties: { replicas: { type: 'integer' }, phase: { type: 'string' } } };
const definition: V1CustomResourceDefinition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `crontabs.${group}` },
  spec: {
    group,
    scope: 'Namespaced',
    names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'], categories: ['all'] },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {}, scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' } },
        additionalPrinterColumns: [
          { name: 'Spec', type: 'string', jsonPath: '.spec.cronSpec' },
          { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
        ],
        schema: { openAPIV3Schema: { type: 'object', properties: { spec, status } } },
      },
    ],
  },
};
const crontab = (name: string, more: object = {}) => ({
  ...{ apiVersion: `${group}/v1`, kind: 'CronTab', metadata: { name } },
  spec: { cronSpec: '* * * * */5', ports: [{ name: 'http', port: 80 }], ...more },
});

let cluster: TestCluster;
const send = (object: object, ...args: string[]) => cluster.tryKubectl([...args, '-f', '-'], { input: JSON.stringify(object) });
beforeAll(async () => {
  cluster = await startTestCluster('--no-node');
});
afterAll(() => cluster?.destroy());

describe('kubectl', () => {
  beforeAll(async () => {
    expect(await send(definition, 'apply')).toMatchObject({ code: 0 });
    await cluster.kubectl('wait', '--for=condition=Established', `crd/crontabs.${group}`, '--timeout=10s');
  });

  test('creates, shows columns, explains, scales and applies', async () => {
    expect(await send(crontab('a'), 'create')).toMatchObject({ code: 0 });
    expect(
      (await cluster.kubectl('get', 'ct'))
        .split('\n')
        .slice(0, 2)
        .map((line) => line.trim().split(/\s{2,}/)),
    ).toEqual([
      ['NAME', 'SPEC', 'REPLICAS'],
      ['a', '* * * * */5', '1'],
    ]);
    expect(await cluster.kubectl('get', 'all')).toContain('crontab.stable.example.com/a');
    expect(await cluster.kubectl('explain', 'crontab.spec.cronSpec')).toContain('When it runs.');
    await cluster.kubectl('scale', 'ct/a', '--replicas=3');
    expect(await cluster.kubectl('get', 'ct/a', '-o', 'jsonpath={.spec.replicas}')).toBe('3');
    expect(
      await send(crontab('a', { ports: [{ name: 'https', port: 443 }] }), 'apply', '--server-side', '--field-manager=me'),
    ).toMatchObject({ code: 0 });
    expect(await cluster.kubectl('get', 'ct/a', '-o', 'jsonpath={.spec.ports[*].name}')).toBe('http https');
    expect(await send(crontab('b'), 'apply')).toMatchObject({ code: 0 });
    expect(await send(crontab('b', { replicas: 2 }), 'apply')).toMatchObject({ code: 0 });
    expect(await cluster.kubectl('get', 'ct/b', '-o', 'jsonpath={.spec.replicas}')).toBe('2');
    await cluster.kubectl('delete', 'ct', '--all');
  });

  test('is told what is wrong', async () => {
    const unknown = await send(crontab('c', { wheels: 4 }), 'create');
    expect(unknown.stderr).toContain('strict decoding error: unknown field "spec.wheels"');
    const invalid = await send(crontab('c', { cronSpec: 'bad' }), 'create');
    expect(invalid.stderr).toContain("spec.cronSpec in body should match '^(\\d+|\\*)(/\\d+)?(\\s+(\\d+|\\*)(/\\d+)?){4}$'");
  });

  test('keeps objects and definition over a restart, and deletes both', async () => {
    expect(await send(crontab('kept'), 'create')).toMatchObject({ code: 0 });
    await cluster.restart();
    expect(await cluster.kubectl('get', 'ct', '-o', 'name')).toContain('crontab.stable.example.com/kept');
    await cluster.kubectl('delete', 'crd', `crontabs.${group}`);
    expect((await cluster.tryKubectl(['get', 'ct'])).code).toBe(1);
  });
});

interface CronTab extends KubernetesObject {
  spec?: { replicas?: number };
  status?: { phase?: string; replicas?: number };
}
const finalizer = 'stable.example.com/cleanup';

test('an operator with an informer, a finalizer and a status does its work', async () => {
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  await config.makeApiClient(ApiextensionsV1Api).createCustomResourceDefinition({ body: definition });
  await cluster.kubectl('wait', '--for=condition=Established', `crd/crontabs.${group}`, '--timeout=10s');
  const objects = config.makeApiClient(CustomObjectsApi);
  const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
  const failures: unknown[] = [];
  const cleaned: string[] = [];
  const reconcile = async ({ metadata, spec: wanted, status: is }: CronTab) => {
    const name = metadata?.name ?? '';
    if (metadata?.deletionTimestamp) {
      if (!metadata.finalizers?.includes(finalizer)) return;
      cleaned.push(name);
      return void (await objects.patchNamespacedCustomObject({ ...at, name, body: { metadata: { finalizers: [] } } }, merge));
    }
    if (!metadata?.finalizers?.includes(finalizer))
      return void (await objects.patchNamespacedCustomObject({ ...at, name, body: { metadata: { finalizers: [finalizer] } } }, merge));
    if (is?.replicas === wanted?.replicas) return;
    const body = { status: { phase: 'Ready', replicas: wanted?.replicas } };
    await objects.patchNamespacedCustomObjectStatus({ ...at, name, body }, merge);
  };
  const list = async () => (await objects.listNamespacedCustomObject(at)) as KubernetesListObject<CronTab>;
  const informer = makeInformer<CronTab>(config, `/apis/${group}/v1/namespaces/default/crontabs`, list);
  for (const verb of ['add', 'update'] as const)
    informer.on(verb, (object) => void reconcile(object).catch((error: unknown) => failures.push(error)));
  await informer.start();
  await objects.createNamespacedCustomObject({ ...at, body: crontab('worked', { replicas: 2 }) });
  const read = async () => (await objects.getNamespacedCustomObject({ ...at, name: 'worked' })) as CronTab;
  const ready = await eventually(read, (object) => object.status?.replicas === 2);
  expect(ready).toMatchObject({ metadata: { generation: 1, finalizers: [finalizer] }, status: { phase: 'Ready' } });
  await objects.deleteNamespacedCustomObject({ ...at, name: 'worked' });
  await eventually(
    async () => (await list()).items,
    (items) => items.length === 0,
  );
  await informer.stop();
  expect([cleaned, failures]).toEqual([['worked'], []]);
});
