// Kinds of which nothing is stored: bindings by the old path, component statuses; and what deletes and requesters leave behind.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type KindDefinition, servedKinds, virtualKinds } from '../../api/mod.ts';
import { bodyOf, jsonBody, podOf, startTestCore, type TestCore } from '../testing/fixture.ts';

const kindOf = (resource: string): KindDefinition => {
  const found = servedKinds.find((kind) => kind.resource === resource);
  if (!found) throw new Error(`${resource} is not served`);
  return found;
};

let on: TestCore;
beforeEach(async () => {
  on = await startTestCore({ kinds: servedKinds });
});
afterEach(() => on.stop());

describe('Binding', () => {
  const kind = kindOf('bindings');
  const pods = kindOf('pods');
  const bind = (binding: object) => ({ verb: 'create', kind, body: jsonBody(binding) }) as const;
  const binding = (more: object = {}) => ({
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name: 'web' },
    target: { kind: 'Node', name: 'n1' },
    ...more,
  });

  test('puts the pod that it is named after on a node, once', async () => {
    await on.create(kindOf('serviceaccounts'), { metadata: { name: 'default', namespace: 'default' } }).catch(() => {});
    await on.create(pods, podOf('web'));
    const done = await on.run(bind(binding()));
    expect(done).toMatchObject({ as: 'other', code: 201, object: { kind: 'Status', status: 'Success' } });
    expect((await on.call({ verb: 'get', kind: pods, name: 'web' })).spec.nodeName).toBe('n1');
    expect((await on.fail(bind(binding()))).code).toBe(409);
  });

  test.each([
    ['of no pod', binding({ metadata: { name: 'gone' } }), 404],
    ['without a name', binding({ metadata: {} }), 400],
    ['without a target', binding({ target: {} }), 500],
  ])('%s is refused', async (_, sent, code) => {
    expect((await on.fail(bind(sent))).code).toBe(code);
  });

  test.each(['get', 'list', 'watch', 'update', 'patch', 'delete', 'deletecollection'] as const)('has no %s', async (verb) => {
    expect((await on.fail({ verb, kind, name: 'web', body: bodyOf({}) })).code).toBe(405);
  });
});

describe('ComponentStatus', () => {
  const kind = kindOf('componentstatuses');
  const list = async (query = {}) => {
    const result = await on.run({ verb: 'list', kind, query });
    if (result.as !== 'list') throw new Error('expected a list');
    return result;
  };

  test('lists the parts of the control plane, healthy, and says that it is deprecated', async () => {
    const { entries, resourceVersion } = await list();
    expect(resourceVersion).toBe('');
    expect(entries.map(({ object }) => object.metadata?.name)).toEqual(['etcd-0', 'scheduler', 'controller-manager']);
    expect(JSON.parse(Buffer.from(entries[0]?.bytes ?? '').toString())).toEqual({
      kind: 'ComponentStatus',
      apiVersion: 'v1',
      metadata: { name: 'etcd-0' },
      conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
    });
    expect(on.warnings).toEqual(['v1 ComponentStatus is deprecated in v1.19+']);
  });

  test('one, by name or by selector', async () => {
    expect((await on.call({ verb: 'get', kind, name: 'scheduler' })).metadata?.name).toBe('scheduler');
    expect((await list({ fieldSelector: 'metadata.name=scheduler' })).entries).toHaveLength(1);
    expect((await list({ labelSelector: 'a=b' })).entries).toHaveLength(0);
    expect(await on.fail({ verb: 'get', kind, name: 'x' })).toMatchObject({ code: 500, message: 'Component not found: x' });
    expect((await on.fail({ verb: 'watch', kind })).code).toBe(405);
  });
});

test.each(['get', 'list', 'create'] as const)('every request to a deprecated kind says so: %s', async (verb) => {
  const kind = kindOf('endpoints');
  await on.run({ verb, kind, name: verb === 'get' ? 'web' : undefined, body: bodyOf({ metadata: { name: 'web' } }) }).catch(() => {});
  expect(on.warnings).toEqual([kind.deprecation]);
});

test('no virtual kind has a cache, and every stored object has one', () => {
  for (const kind of virtualKinds) {
    expect(on.core.find(kind)).toBe(kind);
    expect(on.core.registry.find(kind)).toBeUndefined();
  }
  const prefixes = on.core.registry.resources.map(({ cache }) => cache.resource.prefix);
  expect(new Set(prefixes).size).toBe(prefixes.length);
  expect(prefixes).not.toContain('/registry/events.k8s.io/events/');
  expect(on.core.kinds).toBe(servedKinds);
});

describe('the warning of a delete that orphans', () => {
  const kind = kindOf('jobs');
  const job = (name: string) => ({
    metadata: { name, namespace: 'default' },
    spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
  });
  test.each([
    ['nothing said', undefined, {}, true],
    ['a policy in the body', { propagationPolicy: 'Background' }, {}, false],
    ['a policy in the query', undefined, { propagationPolicy: 'Foreground' }, false],
    ['the older form', { orphanDependents: true }, {}, false],
  ])('%s', async (_, body, query, warns) => {
    await on.create(kind, job('once'));
    const sent = body ? { body: bodyOf(body) } : {};
    await on.run({ verb: 'delete', kind, name: 'once', query, ...sent });
    expect(on.warnings).toEqual(warns ? [kind.deleteWarning] : []);
  });
  test('a collection', async () => {
    await on.create(kind, job('once'));
    await on.run({ verb: 'deletecollection', kind });
    expect(on.warnings).toEqual([kind.deleteWarning]);
  });
});

/** Made by `openssl req -new` for CN=jane with a P-256 key. */
const signingRequest = `-----BEGIN CERTIFICATE REQUEST-----
MIHJMHECAQAwDzENMAsGA1UEAwwEamFuZTBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABOqZy1SNgMTK8O3dAvl4dWM9abgtN1lKnXZQL133xPCVqdxLRGf7bX5Cicud
uZXJGFWx6g2XoyiUsrvsczDYJX2gADAKBggqhkjOPQQDAgNIADBFAiEAwm+j+DVn
meRTvMQ2xp6r8fO4OA6YtyBt86ENgAJC9kUCIH/P0Nv3RBMxVRpKHyTVoe+RlaEc
TKrjG9wfzbUu2R2e
-----END CERTIFICATE REQUEST-----
`;

test('a CertificateSigningRequest records who asks, whatever it says itself', async () => {
  const kind = kindOf('certificatesigningrequests');
  const spec = {
    request: Buffer.from(signingRequest).toString('base64'),
    signerName: 'kubernetes.io/kube-apiserver-client',
    usages: ['client auth'],
    username: 'root',
    groups: ['system:masters', 'others'],
  };
  const made = await on.call({ verb: 'create', kind, body: jsonBody({ metadata: { name: 'jane' }, spec }) });
  expect(made.spec).toMatchObject({ username: 'admin', groups: ['system:masters'] });
});
