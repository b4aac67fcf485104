// Admission in a whole cluster: what controllers write in process goes the same way as what clients send; custom resources too.
import { afterEach, expect, test } from 'vitest';
import {
  customresourcedefinitions,
  mutatingwebhookconfigurations,
  type ResourceType,
  validatingwebhookconfigurations,
} from '../../src/api/mod.ts';
import { startTestWebhook } from '../../src/apiserver/testing/webhook-server.ts';
import { type Cluster, deployments, pods, startCluster } from '../../src/cluster/mod.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(): Promise<Cluster> {
  const cluster = await startCluster();
  cleanups.push(() => cluster.stop());
  return cluster;
}

type Answer = (request: { object: { metadata: object; data?: object } | null; operation: string }) => object;

async function serve(answer: Answer) {
  const webhook = await startTestWebhook({
    answer: ({ body }) => ({
      apiVersion: body.apiVersion,
      kind: body.kind,
      response: { uid: body.request.uid, allowed: true, ...answer(body.request) },
    }),
  });
  cleanups.push(() => webhook.close());
  const config = (apiGroups: string[], resources: string[], operations = ['*']) => ({
    metadata: { name: 'hook' },
    webhooks: [
      {
        name: 'hook.test.example',
        clientConfig: { url: webhook.url, caBundle: webhook.caBundle },
        rules: [{ operations, apiGroups, apiVersions: ['*'], resources }],
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  });
  return { webhook, config };
}

const patchOf = (...operations: object[]) => ({
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});

async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('the pods of a Deployment go through webhooks', async () => {
  const cluster = await start();
  const { config } = await serve(() => patchOf({ op: 'add', path: '/metadata/labels/seen', value: 'yes' }));
  await cluster.client.create(mutatingwebhookconfigurations, config([''], ['pods'], ['CREATE']));
  await cluster.client.create(deployments, {
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  });
  const made = await until(async () => {
    const { items } = await cluster.client.list(pods, { namespace: 'default' });
    return items.length === 2 && items;
  });
  expect(made.map(({ metadata }) => metadata.labels?.seen)).toEqual(['yes', 'yes']);
});

test('custom resources: changed and pruned, refused', async () => {
  const cluster = await start();
  const properties = { data: { type: 'object', properties: { start: { type: 'string' }, first: { type: 'string' } } } };
  await cluster.client.create(customresourcedefinitions, {
    metadata: { name: 'things.test.example' },
    spec: {
      group: 'test.example',
      scope: 'Namespaced',
      names: { plural: 'things', kind: 'Thing' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties } } }],
    },
  });
  const things: ResourceType = { group: 'test.example', version: 'v1', kind: 'Thing', resource: 'things', namespaced: true };
  const thing = (name: string) => ({
    apiVersion: 'test.example/v1',
    kind: 'Thing',
    metadata: { name, namespace: 'default' },
    data: { start: 'yes' },
  });
  await until(() =>
    cluster.client.list(things, {}).then(
      () => true,
      () => false,
    ),
  );
  const { config } = await serve(({ object, operation }) =>
    operation === 'DELETE' || (object?.data as { start?: string } | undefined)?.start === 'no'
      ? { allowed: false, status: { message: 'it must stay' } }
      : patchOf({ op: 'add', path: '/data/first', value: 'set' }, { op: 'add', path: '/data/unknown', value: 'pruned' }),
  );
  await cluster.client.create(mutatingwebhookconfigurations, config(['test.example'], ['things']));
  expect(await cluster.client.create(things, thing('a') as never)).toMatchObject({ data: { start: 'yes', first: 'set' } });
  expect(await cluster.client.get(things, { namespace: 'default', name: 'a' })).not.toHaveProperty('data.unknown');
  const change = cluster.client.patch(things, { namespace: 'default', name: 'a' }, 'application/merge-patch+json', {
    data: { start: 'no' },
  });
  await expect(change).rejects.toThrow('admission webhook "hook.test.example" denied the request: it must stay');
  await expect(cluster.client.delete(things, { namespace: 'default', name: 'a' })).rejects.toThrow('it must stay');
});

test('a definition itself can be refused', async () => {
  const cluster = await start();
  const { config } = await serve(() => ({ allowed: false, status: { message: 'the crd contains unwanted label' } }));
  await cluster.client.create(validatingwebhookconfigurations, config(['apiextensions.k8s.io'], ['customresourcedefinitions'], ['CREATE']));
  const made = cluster.client.create(customresourcedefinitions, {
    metadata: { name: 'things.test.example' },
    spec: {
      group: 'test.example',
      scope: 'Namespaced',
      names: { plural: 'things', kind: 'Thing' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
    },
  });
  await expect(made).rejects.toThrow('denied the request: the crd contains unwanted label');
});
