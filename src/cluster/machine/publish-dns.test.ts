// The kube-dns Service: made once, and told where the server is at each start.
import { expect, test } from 'vitest';
import { type KubeObject, StatusError, type V1EndpointSlice } from '../../api/mod.ts';
import type { Client } from '../../client/mod.ts';
import { publishDns } from './publish-dns.ts';

/** A client of a server that keeps objects by kind and name. */
function fakeClient() {
  const objects = new Map<string, KubeObject>();
  const writes: string[] = [];
  const fail = (code: number, reason: 'NotFound' | 'AlreadyExists'): never => {
    throw new StatusError({ code, reason, message: reason });
  };
  const store = (verb: string, resource: string, object: KubeObject) => {
    writes.push(`${verb} ${resource}`);
    objects.set(`${resource}/${object.metadata?.name}`, object);
    return object;
  };
  const client = {
    get: async (type: { resource: string }, { name }: { name: string }) => objects.get(`${type.resource}/${name}`) ?? fail(404, 'NotFound'),
    create: async (type: { resource: string }, object: KubeObject) =>
      objects.has(`${type.resource}/${object.metadata?.name}`) ? fail(409, 'AlreadyExists') : store('create', type.resource, object),
    update: async (type: { resource: string }, object: KubeObject) => store('update', type.resource, object),
  };
  return { client: client as unknown as Client, objects, writes };
}

test('creates what is missing, corrects the port, and writes nothing when all is right', async () => {
  const { client, objects, writes } = fakeClient();
  const place = { clusterIp: '10.96.0.10', address: '10.42.0.1', port: 40_001 };
  await publishDns(client, [place]);
  expect(writes.splice(0)).toEqual(['create services', 'create endpointslices']);
  expect(objects.get('services/kube-dns')).toMatchObject({ spec: { clusterIP: '10.96.0.10' } });
  await publishDns(client, [place]);
  expect(writes.splice(0)).toEqual([]);
  await publishDns(client, [{ ...place, port: 40_002 }]);
  expect(writes).toEqual(['update endpointslices']);
  const slice = objects.get('endpointslices/kube-dns') as V1EndpointSlice;
  expect([slice.endpoints?.[0]?.addresses, slice.ports?.map(({ port }) => port)]).toEqual([['10.42.0.1'], [40_002, 40_002]]);
});

test('of two families: one Service with both addresses, and a slice of each', async () => {
  const { client, objects } = fakeClient();
  const place = { clusterIp: '10.96.0.10', address: '10.42.0.1', port: 40_001 };
  await publishDns(client, [place, { clusterIp: 'fd00:96::a', address: 'fd00:42::1', port: 40_002 }]);
  expect(objects.get('services/kube-dns')).toMatchObject({
    spec: { clusterIPs: ['10.96.0.10', 'fd00:96::a'], ipFamilyPolicy: 'PreferDualStack' },
  });
  expect(objects.get('endpointslices/kube-dns')).toMatchObject({ addressType: 'IPv4', endpoints: [{ addresses: ['10.42.0.1'] }] });
  expect(objects.get('endpointslices/kube-dns-ipv6')).toMatchObject({
    addressType: 'IPv6',
    endpoints: [{ addresses: ['fd00:42::1'] }],
    ports: [{ port: 40_002 }, { port: 40_002 }],
  });
});
