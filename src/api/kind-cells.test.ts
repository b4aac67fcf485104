// What `kubectl get` shows of kinds beyond pods and deployments.
import { describe, expect, test } from 'vitest';
import type { KindDefinition } from './kind.ts';
import {
  apiservices,
  ingresses,
  ipaddresses,
  persistentvolumeclaims,
  persistentvolumes,
  resourceclaims,
  resourcequotas,
  rolebindings,
  storageclasses,
} from './kinds.ts';
import { exampleOf, type Loose } from './testing/validation.ts';

describe('cells and warnings', () => {
  const cellsOf = (kind: KindDefinition<Loose>, object: Loose) =>
    Object.fromEntries(kind.columns.map((column) => [column.name, column.cell(object, 0)]));

  test('of a volume', () => {
    const volume = exampleOf(persistentvolumes);
    volume.spec.claimRef = { namespace: 'ns', name: 'c' };
    volume.spec.accessModes = ['ReadWriteMany', 'ReadWriteOnce'];
    const cells = {
      Capacity: '1Gi',
      'Access Modes': 'RWO,RWX',
      'Reclaim Policy': 'Retain',
      Status: 'Pending',
      Claim: 'ns/c',
      VolumeAttributesClass: '<unset>',
    };
    expect(cellsOf(persistentvolumes, volume)).toMatchObject(cells);
    volume.metadata.deletionTimestamp = 'now';
    volume.metadata.annotations = { 'volume.beta.kubernetes.io/storage-class': 'old' };
    expect(cellsOf(persistentvolumes, volume)).toMatchObject({ Status: 'Terminating', StorageClass: 'old' });
    const deprecated =
      'metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead';
    expect(persistentvolumes.warnings?.(volume, undefined)).toEqual([deprecated]);
  });

  test('of a claim: what it has, once it is bound', () => {
    const claim = exampleOf(persistentvolumeclaims);
    claim.status = { phase: 'Bound', capacity: { storage: '2Gi' }, accessModes: ['ReadOnlyMany'] };
    expect(cellsOf(persistentvolumeclaims, claim)).toMatchObject({ Capacity: '', 'Access Modes': '' });
    claim.spec.volumeName = 'v';
    expect(cellsOf(persistentvolumeclaims, claim)).toMatchObject({ Volume: 'v', Capacity: '2Gi', 'Access Modes': 'ROX' });
  });

  test('of a quota', () => {
    const quota = {
      metadata: { name: 'q' },
      status: { hard: { pods: '10', 'limits.cpu': '4', 'requests.cpu': '2' }, used: { pods: '3' } },
    };
    expect(cellsOf(resourcequotas, quota)).toMatchObject({ Request: 'pods: 3/10, requests.cpu: 0/2', Limit: 'limits.cpu: 0/4' });
  });

  test('of an ingress, a binding, an address, a storage class', () => {
    const ingress = {
      spec: { tls: [{}], rules: ['a', 'b', 'c', 'd'].map((host) => ({ host })) },
      status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }, { hostname: 'h' }] } },
    };
    expect(cellsOf(ingresses, ingress)).toMatchObject({
      Class: '<none>',
      Hosts: 'a,b,c + 1 more...',
      Address: '1.2.3.4,h',
      Ports: '80, 443',
    });
    const binding = {
      roleRef: { kind: 'Role', name: 'r' },
      subjects: [
        { kind: 'User', name: 'u' },
        { kind: 'ServiceAccount', name: 's', namespace: 'n' },
        { kind: 'User', name: 'v' },
      ],
    };
    expect(cellsOf(rolebindings, binding)).toMatchObject({ Role: 'Role/r', Users: 'u, v', Groups: '', ServiceAccounts: 'n/s' });
    expect(cellsOf(ipaddresses, { spec: { parentRef: { resource: 'services', namespace: 'n', name: 's' } } })).toMatchObject({
      ParentRef: 'services/n/s',
    });
    const storage = { metadata: { name: 's', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } } };
    expect(cellsOf(storageclasses, storage)).toMatchObject({ Name: 's (default)', ReclaimPolicy: 'Delete', AllowVolumeExpansion: false });
  });

  test('of an API service and a resource claim', () => {
    const conditions = [{ type: 'Available', status: 'False', reason: 'Down' }];
    expect(cellsOf(apiservices, { spec: { service: { namespace: 'n', name: 's' } }, status: { conditions } })).toMatchObject({
      Service: 'n/s',
      Available: 'False (Down)',
    });
    expect(cellsOf(apiservices, { spec: {} })).toMatchObject({ Service: 'Local', Available: 'Unknown' });
    expect(cellsOf(resourceclaims, {})).toMatchObject({ State: 'pending' });
    expect(cellsOf(resourceclaims, { status: { allocation: {}, reservedFor: [{}] } })).toMatchObject({ State: 'allocated,reserved' });
  });
});
