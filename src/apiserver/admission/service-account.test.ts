import { describe, expect, test } from 'vitest';
import { builtinKinds, type Draft, pods, StatusError, type V1Pod, type V1ServiceAccount } from '../../api/mod.ts';
import { SeededRandom } from '../../base/mod.ts';
import { startTestCore } from '../testing/fixture.ts';
import type { AdmissionAttributes } from './chain.ts';
import { podServiceAccount } from './service-account.ts';

const accounts: Record<string, V1ServiceAccount> = {
  default: { metadata: { name: 'default' } },
  silent: { metadata: { name: 'silent' }, automountServiceAccountToken: false },
  puller: { metadata: { name: 'puller' }, imagePullSecrets: [{ name: 'registry' }] },
};
const attributes = {
  operation: 'CREATE',
  kind: pods,
  namespace: 'ns',
  name: 'web',
  subresource: undefined,
  signal: new AbortController().signal,
} as unknown as AdmissionAttributes;
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';

async function admit(pod: V1Pod, tokens = true): Promise<V1Pod> {
  const plugin = podServiceAccount({
    tokens,
    random: new SeededRandom(1),
    accounts: { get: (_, name) => accounts[name], appears: async () => undefined },
  });
  const draft = structuredClone(pod) as Draft<V1Pod>;
  await plugin.mutate?.(attributes, draft);
  return draft as V1Pod;
}

const podOf = (spec: Partial<NonNullable<V1Pod['spec']>> = {}, annotations?: Record<string, string>): V1Pod => ({
  metadata: { name: 'web', namespace: 'ns', ...(annotations ? { annotations } : {}) },
  spec: { containers: [{ name: 'a' }], ...spec },
});

describe('podServiceAccount()', () => {
  test('a pod gets its account, and a volume in every container', async () => {
    const { spec } = await admit(podOf({ initContainers: [{ name: 'i' }] }));
    const [volume] = spec?.volumes ?? [];
    expect(volume).toEqual({
      name: expect.stringMatching(/^kube-api-access-[a-z0-9]{5}$/),
      projected: {
        defaultMode: 420,
        sources: [
          { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
          { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
          { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
        ],
      },
    });
    const mount = { name: volume?.name, mountPath, readOnly: true };
    expect(spec).toMatchObject({
      serviceAccountName: 'default',
      containers: [{ name: 'a', volumeMounts: [mount] }],
      initContainers: [{ name: 'i', volumeMounts: [mount] }],
    });
  });

  test.each<[string, V1Pod, boolean?]>([
    ['the pod wants none', podOf({ automountServiceAccountToken: false })],
    ['the account wants none', podOf({ serviceAccountName: 'silent' })],
    ['the container has its own there', podOf({ containers: [{ name: 'a', volumeMounts: [{ name: 'own', mountPath }] }] })],
    ['the server issues none', podOf(), false],
  ])('no volume when %s', async (_name, pod, tokens) => {
    const { spec } = await admit(pod, tokens);
    expect(spec?.volumes).toBeUndefined();
  });

  test('the pod says otherwise than its account', async () => {
    const { spec } = await admit(podOf({ serviceAccountName: 'silent', automountServiceAccountToken: true }));
    expect(spec?.volumes).toHaveLength(1);
  });

  test('a volume that is there is used again', async () => {
    const { spec } = await admit(podOf({ volumes: [{ name: 'kube-api-access-abcde' }] }));
    expect([spec?.volumes?.length, spec?.containers[0]?.volumeMounts?.[0]?.name]).toEqual([1, 'kube-api-access-abcde']);
  });

  test('pull secrets come from the account, unless the pod has its own', async () => {
    expect((await admit(podOf({ serviceAccountName: 'puller' }))).spec?.imagePullSecrets).toEqual([{ name: 'registry' }]);
    const own = [{ name: 'mine' }];
    expect((await admit(podOf({ serviceAccountName: 'puller', imagePullSecrets: own }))).spec?.imagePullSecrets).toEqual(own);
  });

  test('mirror pods stay as they are, and have no account', async () => {
    const mirror = podOf({}, { 'kubernetes.io/config.mirror': 'x' });
    expect(await admit(mirror)).toEqual(mirror);
    await expect(admit(podOf({ serviceAccountName: 'default' }, { 'kubernetes.io/config.mirror': 'x' }))).rejects.toThrow(
      'pods "web" is forbidden: a mirror pod may not reference service accounts',
    );
  });

  test('an account that is not there', async () => {
    await expect(admit(podOf({ serviceAccountName: 'gone' }))).rejects.toMatchObject({
      code: 403,
      message: 'pods "web" is forbidden: error looking up service account ns/gone: serviceaccount "gone" not found',
    });
  });
});

describe('the default account of a new namespace', () => {
  const start = async () => {
    const test = await startTestCore({ kinds: builtinKinds });
    const of = (resource: string) => builtinKinds.find((kind) => kind.group === '' && kind.resource === resource) ?? pods;
    await test.create(of('namespaces'), { metadata: { name: 'fresh' } });
    const pod = { metadata: { name: 'web', namespace: 'fresh' }, spec: { containers: [{ name: 'a', image: 'a' }] } };
    const created = test.create(of('pods'), pod).catch((error: unknown) => error);
    return { test, of, created };
  };

  test('a pod waits for it', async () => {
    const { test, of, created } = await start();
    await test.create(of('serviceaccounts'), { metadata: { name: 'default', namespace: 'fresh' } });
    expect(await created).toMatchObject({ spec: { serviceAccountName: 'default' } });
    await test.stop();
  });

  test('but not for long', async () => {
    const { test, created } = await start();
    await test.clock.advance(1500);
    expect(await created).toBeInstanceOf(StatusError);
    await test.stop();
  });
});
