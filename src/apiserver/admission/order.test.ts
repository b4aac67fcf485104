import { expect, test } from 'vitest';
import { builtinKinds } from '../../api/mod.ts';
import { startTestCore } from '../testing/fixture.ts';
import { admissionOrder, inOrder } from './order.ts';

test('the plugins of a server run in their order, and each has its place in it', async () => {
  const t = await startTestCore({ kinds: builtinKinds });
  try {
    const names = t.core.admissionPlugins;
    expect(names).toEqual(admissionOrder.filter((name) => names.includes(name)));
    expect(new Set(names).size).toBe(names.length);
    // What runs by default upstream, and is about resources that are served.
    expect(names).toEqual(
      expect.arrayContaining([
        'NamespaceLifecycle',
        'LimitRanger',
        'ServiceAccount',
        'NodeRestriction',
        'TaintNodesByCondition',
        'PodSecurity',
        'Priority',
        'DefaultTolerationSeconds',
        'DefaultStorageClass',
        'StorageObjectInUseProtection',
        'PersistentVolumeClaimResize',
        'RuntimeClass',
        'CertificateApproval',
        'CertificateSigning',
        'CertificateSubjectRestriction',
        'DefaultIngressClass',
        'PodTopologyLabels',
        'ResourceQuota',
      ]),
    );
  } finally {
    await t.stop();
  }
});

test('plugins without a place run before the policies, as they are given', () => {
  const names = ['AlwaysDeny', 'mine', 'NamespaceLifecycle', 'other', 'ResourceQuota', 'RuntimeClass'];
  expect(inOrder(names.map((name) => ({ name }))).map(({ name }) => name)).toEqual([
    'NamespaceLifecycle',
    'RuntimeClass',
    'mine',
    'other',
    'ResourceQuota',
    'AlwaysDeny',
  ]);
});
