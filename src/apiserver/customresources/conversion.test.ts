// Conversion webhooks, asked over TLS: every version is read and written, also of what was stored in an older one.
import { afterEach, expect, test } from 'vitest';
import { customresourcedefinitions, type KindDefinition, type KubeObject, servedKinds } from '../../api/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { frameText, type Loose, startTestCore, type TestCore, testKinds } from '../testing/fixture.ts';
import { startTestWebhook } from '../testing/webhook-server.ts';
import { convertedObjects } from './conversion.ts';

const definitions = customresourcedefinitions as unknown as KindDefinition;
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Review {
  readonly request: { readonly uid: string; readonly desiredAPIVersion: string; readonly objects: readonly Loose[] };
}

/** v1 has `spec.hostPort`, v2 has `spec.host` and `spec.port`. */
function convert(object: Loose, apiVersion: string): Loose {
  if (object.apiVersion === apiVersion) return object;
  const { hostPort, host, port } = object.spec;
  if (apiVersion.endsWith('/v1')) return { ...object, apiVersion, spec: { hostPort: `${host}:${port}` } };
  const [first, second] = String(hostPort).split(':');
  return { ...object, apiVersion, spec: { host: first, port: second } };
}

const text = { type: 'string' };
const schemaWith = (names: readonly string[]) => ({
  openAPIV3Schema: {
    type: 'object',
    properties: { spec: { type: 'object', properties: Object.fromEntries(names.map((name) => [name, text])), required: names } },
  },
});
const selectable = (...names: string[]) => names.map((name) => ({ jsonPath: `.spec.${name}` }));
const versionsStoring = (stored: string) => [
  { name: 'v1', served: true, storage: stored === 'v1', schema: schemaWith(['hostPort']), selectableFields: selectable('hostPort') },
  {
    name: 'v2',
    served: true,
    storage: stored === 'v2',
    schema: schemaWith(['host', 'port']),
    selectableFields: selectable('host', 'port'),
  },
];

async function start(
  kinds: readonly KindDefinition[] = [...testKinds, definitions],
): Promise<{ api: TestCore; asked: readonly unknown[]; kind: (version: string) => KindDefinition }> {
  const webhook = await startTestWebhook({
    answer: ({ body }) => {
      const { uid, desiredAPIVersion, objects } = (body as Review).request;
      const made = objects.map((object) => convert(object, desiredAPIVersion));
      return {
        kind: 'ConversionReview',
        apiVersion: 'apiextensions.k8s.io/v1',
        response: { uid, result: { status: 'Success' }, convertedObjects: made },
      };
    },
  });
  cleanups.push(() => webhook.close());
  const api = await startTestCore({ kinds });
  cleanups.push(() => api.stop());
  const clientConfig = { url: `${webhook.url}/convert`, caBundle: webhook.caBundle };
  const conversion = { strategy: 'Webhook', webhook: { clientConfig, conversionReviewVersions: ['v1'] } };
  const names = { plural: 'sites', kind: 'Site', singular: 'site' };
  await api.create(definitions, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'sites.example.com' },
    spec: { group: 'example.com', scope: 'Namespaced', names, versions: versionsStoring('v1'), conversion },
  });
  const kind = (version: string) => api.core.find({ group: 'example.com', version, resource: 'sites' }) as KindDefinition;
  for (let i = 0; i < 2000 && !kind('v1'); i++) await turn();
  return { api, asked: webhook.asked, kind };
}

const site = (version: string, name: string, spec: object): Loose => ({
  ...{ apiVersion: `example.com/${version}`, kind: 'Site', metadata: { name, namespace: 'default' } },
  spec,
});
const specsOf = async (api: TestCore, kind: KindDefinition) => {
  const list = await api.run({ verb: 'list', kind });
  return list.as === 'list' ? list.entries.map(({ object }) => [object.apiVersion, (object as Loose).spec]) : [];
};

test('each version is created, read, patched, listed and watched through the webhook', async () => {
  const { api, kind } = await start();
  const made = await api.create(kind('v2'), site('v2', 'a', { host: 'x', port: '80' }));
  expect(made).toMatchObject({ apiVersion: 'example.com/v2', spec: { host: 'x', port: '80' } });
  const stored = await api.call({ verb: 'get', kind: kind('v1'), namespace: 'default', name: 'a' });
  expect(stored).toMatchObject({ apiVersion: 'example.com/v1', spec: { hostPort: 'x:80' } });
  const object = { spec: { port: '81' } };
  const patch = { verb: 'patch', kind: kind('v2'), namespace: 'default', name: 'a', patchType: 'application/merge-patch+json' } as const;
  expect((await api.call({ ...patch, body: { as: 'object', object } })).spec).toEqual({ host: 'x', port: '81' });
  expect(await specsOf(api, kind('v1'))).toEqual([['example.com/v1', { hostPort: 'x:81' }]]);
  const watch = await api.run({ verb: 'watch', kind: kind('v2'), query: { timeoutSeconds: '1' } });
  const seen: unknown[] = [];
  if (watch.as === 'watch') {
    for await (const batch of watch.frames) {
      for (const frame of batch) if ('entry' in frame) seen.push([frameText(frame), (frame.entry.object as Loose).spec]);
      await api.clock.advance(2000);
    }
  }
  expect(seen).toEqual([['ADDED default/a', { host: 'x', port: '81' }]]);
});

test('fields are selected as the version that is asked for shows them', async () => {
  const { api, kind } = await start();
  for (const [name, host] of [
    ['a', 'x'],
    ['b', 'y'],
    ['c', 'x'],
  ] as const)
    await api.create(kind('v1'), site('v1', name, { hostPort: `${host}:80` }));
  const names = async (version: string, fieldSelector: string) => {
    const list = await api.run({ verb: 'list', kind: kind(version), query: { fieldSelector } });
    return list.as === 'list' ? list.entries.map(({ object: { metadata } }) => metadata?.name) : [];
  };
  expect(await names('v2', 'spec.host=x')).toEqual(['a', 'c']);
  expect(await names('v2', 'spec.host=x,metadata.name=c')).toEqual(['c']);
  expect(await names('v2', 'spec.port!=80')).toEqual([]);
  expect(await names('v1', 'spec.hostPort=y:80')).toEqual(['b']);
  const watch = await api.run({ verb: 'watch', kind: kind('v2'), query: { fieldSelector: 'spec.host=x', timeoutSeconds: '1' } });
  const move = async (name: string, host: string) => {
    const body = { as: 'object', object: { spec: { host } } } as const;
    await api.call({ verb: 'patch', kind: kind('v2'), namespace: 'default', name, patchType: 'application/merge-patch+json', body });
  };
  await move('a', 'z');
  await move('b', 'x');
  await move('a', 'w');
  await api.call({ verb: 'delete', kind: kind('v2'), namespace: 'default', name: 'c' });
  await api.run({ verb: 'deletecollection', kind: kind('v2'), namespace: 'default', query: { fieldSelector: 'spec.host=x' } });
  const seen: string[] = [];
  if (watch.as === 'watch') {
    for await (const batch of watch.frames) {
      seen.push(...batch.map(frameText));
      if (seen.length === 6) await api.clock.advance(2000);
    }
  }
  expect(seen).toEqual([
    'ADDED default/a',
    'ADDED default/c',
    'DELETED default/a',
    'ADDED default/b',
    'DELETED default/c',
    'DELETED default/b',
  ]);
  expect(await names('v2', 'spec.host=w')).toEqual(['a']);
});

test('objects that were stored in two versions are listed in one', async () => {
  const { api, kind } = await start();
  await api.create(kind('v1'), site('v1', 'old', { hostPort: 'x:80' }));
  const object = { spec: { versions: versionsStoring('v2') } };
  await api.call({
    verb: 'patch',
    kind: definitions,
    name: 'sites.example.com',
    patchType: 'application/merge-patch+json',
    body: { as: 'object', object },
  });
  await api.create(kind('v2'), site('v2', 'young', { host: 'y', port: '90' }));
  expect(await specsOf(api, kind('v2'))).toEqual([
    ['example.com/v2', { host: 'x', port: '80' }],
    ['example.com/v2', { host: 'y', port: '90' }],
  ]);
  const next = { metadata: { labels: { touched: 'yes' } } };
  const patch = { verb: 'patch', kind: kind('v2'), namespace: 'default', name: 'old', patchType: 'application/merge-patch+json' } as const;
  expect(await api.call({ ...patch, body: { as: 'object', object: next } })).toMatchObject({ spec: { host: 'x', port: '80' } });
});

test('a list asks once for all that it does not know', async () => {
  const { api, asked, kind } = await start();
  for (const name of ['a', 'b', 'c']) await api.create(kind('v1'), site('v1', name, { hostPort: 'x:80' }));
  const before = asked.length;
  await specsOf(api, kind('v2'));
  await specsOf(api, kind('v2'));
  expect(asked.length - before).toBe(1);
});

test('what is written in a version is judged by the schema of that version', async () => {
  const { api, kind } = await start();
  const body = { as: 'object', object: site('v2', 'a', { host: 'x' }) } as const;
  const error = await api.fail({ verb: 'create', kind: kind('v2'), namespace: 'default', body });
  expect(error.status.details?.causes).toEqual([{ reason: 'FieldValueRequired', field: 'spec.port', message: 'Required value' }]);
});

const object = (more: KubeObject = {}): KubeObject => ({ apiVersion: 'e/v2', kind: 'Site', metadata: { name: 'a', uid: '1' }, ...more });
test.each([
  ['no response', {}, 'no response provided'],
  ['another uid', { response: { uid: 'x' } }, 'expected response.uid="u", got "x"'],
  ['a failure', { response: { uid: 'u', result: { status: 'Failed', message: 'cannot' } } }, 'cannot'],
  [
    'too few objects',
    { response: { uid: 'u', result: { status: 'Success' }, convertedObjects: [] } },
    'expected 1 converted objects, got 0',
  ],
  [
    'another name',
    { response: { uid: 'u', result: { status: 'Success' }, convertedObjects: [object({ metadata: { name: 'b', uid: '1' } })] } },
    'invalid metadata in object at index 0: metadata.name must not be changed',
  ],
])('an answer with %s is refused', (_what, review, message) => {
  expect(() => convertedObjects(review, { uid: 'u', objects: [object({ apiVersion: 'e/v1' })], apiVersion: 'e/v2' })).toThrow(message);
});

/** Admission webhooks that each put one value into the version that they are shown. */
async function withMutatingHooks(rules: readonly { readonly version: string; readonly path: string; readonly value: string }[]) {
  const seen: Loose[] = [];
  const hooks = await startTestWebhook({
    answer: ({ path, body }) => {
      const { uid, object: shown } = (body as { readonly request: { readonly uid: string; readonly object: Loose } }).request;
      seen.push(shown);
      const { path: at, value } = rules[Number(path.split('?')[0]?.slice(1))] ?? rules[0] ?? { path: '', value: '' };
      const patch = Buffer.from(JSON.stringify([{ op: 'add', path: at, value }])).toString('base64');
      return {
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        response: { uid, allowed: true, patchType: 'JSONPatch', patch },
      };
    },
  });
  cleanups.push(() => hooks.close());
  const { api, kind } = await start(servedKinds);
  await api.create(
    servedKinds.find(({ resource }) => resource === 'mutatingwebhookconfigurations') as KindDefinition,
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'm' },
      webhooks: rules.map(({ version }, i) => ({
        name: `hook${i}.example.com`,
        clientConfig: { url: `${hooks.url}/${i}`, caBundle: hooks.caBundle },
        rules: [{ operations: ['*'], apiGroups: ['example.com'], apiVersions: [version], resources: ['sites'] }],
        matchPolicy: 'Equivalent',
        objectSelector: { matchExpressions: [{ key: 'unseen', operator: 'DoesNotExist' }] },
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      })),
    } as Loose,
  );
  return { api, kind, seen };
}

test.each(['v1', 'v2'])('admission webhooks change an object in each version, sent in %s, one after the other', async (sent) => {
  const { api, kind, seen } = await withMutatingHooks([
    { version: 'v2', path: '/spec/host', value: 'y' },
    { version: 'v2', path: '/spec/port', value: '81' },
    { version: 'v1', path: '/metadata/labels', value: { by: 'third' } as unknown as string },
  ]);
  const spec = sent === 'v1' ? { hostPort: 'x:80' } : { host: 'x', port: '80' };
  const made = await api.create(kind(sent), site(sent, 'a', spec));
  expect(made.spec).toEqual(sent === 'v1' ? { hostPort: 'y:81' } : { host: 'y', port: '81' });
  expect(made.metadata?.labels).toEqual({ by: 'third' });
  expect(seen.map((shown) => [shown.apiVersion, shown.spec])).toEqual([
    ['example.com/v2', { host: 'x', port: '80' }],
    ['example.com/v2', { host: 'y', port: '80' }],
    ['example.com/v1', { hostPort: 'y:81' }],
  ]);
  const patch = { verb: 'patch', kind: kind(sent), namespace: 'default', name: 'a', patchType: 'application/merge-patch+json' } as const;
  const patched = await api.call({ ...patch, body: { as: 'object', object: { metadata: { annotations: { touched: 'yes' } } } } });
  expect(patched).toMatchObject({ metadata: { annotations: { touched: 'yes' } }, spec: made.spec });
});

test('what admission makes of an object is judged by the schema of the version that was sent', async () => {
  const { api, kind } = await withMutatingHooks([{ version: 'v2', path: '/spec/port', value: 8 as unknown as string }]);
  const body = { as: 'object', object: site('v2', 'a', { host: 'x', port: '80' }) } as const;
  const error = await api.fail({ verb: 'create', kind: kind('v2'), namespace: 'default', body });
  expect(error.code).toBe(422);
  expect(error.status.details?.causes?.map(({ field }) => field)).toEqual(['spec.port']);
});
