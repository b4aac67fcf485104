import { describe, expect, test } from 'vitest';
import { builtinKinds, subresourcesOf, verbsOf } from '../../api/mod.ts';
import { createEdge, deploymentKind, fakeKinds, jsonOf, podKind, textOf } from '../core.fake.ts';
import { aggregatedType } from './documents.ts';

const all = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const onObject = ['get', 'patch', 'update'];

describe('the legacy documents', () => {
  const get = async (path: string) => jsonOf(await createEdge().ask('GET', path));

  test('/api and /apis', async () => {
    expect(await get('/api')).toEqual({
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '10.96.0.1:443' }],
    });
    const apps = { groupVersion: 'apps/v1', version: 'v1' };
    expect((await get('/apis')).groups).toContainEqual({ name: 'apps', versions: [apps], preferredVersion: apps });
    expect(await get('/apis/apps')).toEqual({ kind: 'APIGroup', apiVersion: 'v1', name: 'apps', versions: [apps], preferredVersion: apps });
    expect((await createEdge().ask('GET', '/api/')).status).toBe(200);
  });

  test('a group version lists its resources and their subresources', async () => {
    expect(await get('/apis/apps/v1')).toEqual({
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: 'apps/v1',
      resources: [
        {
          name: 'deployments',
          singularName: 'deployment',
          namespaced: true,
          kind: 'Deployment',
          verbs: all,
          shortNames: ['deploy'],
          categories: ['all'],
        },
        {
          name: 'deployments/scale',
          singularName: '',
          namespaced: true,
          group: 'autoscaling',
          version: 'v1',
          kind: 'Scale',
          verbs: onObject,
        },
        { name: 'deployments/status', singularName: '', namespaced: true, kind: 'Deployment', verbs: onObject },
      ],
    });
    const core = await get('/api/v1');
    expect([core.apiVersion, core.groupVersion]).toEqual([undefined, 'v1']);
    expect((core.resources as { name: string }[]).map(({ name }) => name)).toEqual([
      'namespaces',
      'namespaces/finalize',
      'namespaces/status',
      'nodes',
      'nodes/proxy',
      'nodes/status',
      'pods',
      'pods/attach',
      'pods/binding',
      'pods/eviction',
      'pods/exec',
      'pods/log',
      'pods/portforward',
      'pods/proxy',
      'pods/status',
    ]);
  });
});

describe('the aggregated document', () => {
  const get = (path: string, headers = {}) =>
    createEdge().ask('GET', path, { headers: { accept: `${aggregatedType},application/json`, ...headers } });

  test('has all groups, in the form of v2', async () => {
    const response = await get('/apis');
    expect(response.headers['content-type']).toBe(aggregatedType);
    const { items, ...head } = await jsonOf(response);
    expect(head).toEqual({ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {} });
    expect((items as unknown[])[0]).toEqual({
      metadata: { name: 'apps' },
      versions: [
        {
          version: 'v1',
          freshness: 'Current',
          resources: [
            {
              resource: 'deployments',
              responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
              scope: 'Namespaced',
              singularResource: 'deployment',
              verbs: all,
              shortNames: ['deploy'],
              categories: ['all'],
              subresources: [
                { subresource: 'scale', responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' }, verbs: onObject },
                { subresource: 'status', responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' }, verbs: onObject },
              ],
            },
          ],
        },
      ],
    });
    expect(((await jsonOf(await get('/api'))).items as object[])[0]).toMatchObject({ metadata: {}, versions: [{ version: 'v1' }] });
  });

  test('is not sent again to who has it', async () => {
    const { etag = '' } = (await get('/apis')).headers;
    const again = await get('/apis', { 'if-none-match': etag });
    expect([again.status, again.headers.etag, await textOf(again)]).toEqual([304, etag, '']);
  });

  test.each([
    ['application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json', 'APIGroupList'],
    ['application/json', 'APIGroupList'],
    ['*/*', 'APIGroupList'],
  ])('is not sent for Accept %s', async (accept, kind) => {
    expect(await jsonOf(await get('/apis', { accept }))).toMatchObject({ kind });
  });

  test('what cannot be served is a 406', async () => {
    expect((await get('/apis', { accept: 'text/html' })).status).toBe(406);
  });
});

test('subresourcesOf() and verbsOf()', () => {
  expect(subresourcesOf(podKind).map(({ name, verbs }) => `${name}: ${verbs}`)).toEqual([
    'attach: create,get',
    'binding: create',
    'eviction: create',
    'exec: create,get',
    'log: get',
    'portforward: create,get',
    'proxy: create,delete,get,patch,update',
    'status: get,patch,update',
  ]);
  expect(verbsOf(deploymentKind)).toEqual(all);
  expect(fakeKinds.length).toBeGreaterThan(0);
});

test.each([
  ['configmaps', 'configmap ConfigMap true cm', ''],
  ['events', 'event Event true ev', ''],
  ['namespaces', 'namespace Namespace false ns', 'finalize status'],
  ['nodes', 'node Node false no', 'proxy status'],
  ['pods', 'pod Pod true po', 'attach binding ephemeralcontainers eviction exec log portforward proxy resize status'],
  ['secrets', 'secret Secret true ', ''],
  ['serviceaccounts', 'serviceaccount ServiceAccount true sa', 'token'],
  ['services', 'service Service true svc', 'proxy status'],
  ['deployments', 'deployment Deployment true deploy', 'scale status'],
  ['replicasets', 'replicaset ReplicaSet true rs', 'scale status'],
  ['leases', 'lease Lease true ', ''],
  ['endpointslices', 'endpointslice EndpointSlice true ', ''],
])('%s are listed as upstream lists them', (resource, wanted, subresources) => {
  const kind = builtinKinds.find((one) => one.resource === resource);
  expect(kind && `${kind.singular} ${kind.kind} ${kind.namespaced} ${kind.shortNames ?? ''}`).toBe(wanted);
  expect(
    kind &&
      subresourcesOf(kind)
        .map(({ name }) => name)
        .join(' '),
  ).toBe(subresources);
});
