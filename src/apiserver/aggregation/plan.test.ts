// The pure parts of aggregation: order in discovery, APIServices of what is served here, availability, and other servers' documents.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type KindDefinition, servedKinds, type V1APIService, type V1EndpointSlice, type V1Service } from '../../api/mod.ts';
import { kindOf } from '../core.fake.ts';
import { compareVersions, inDiscoveryOrder, priorityOf } from '../discovery/priorities.ts';
import { remoteOf } from './api-services.ts';
import { unreachable } from './availability.ts';
import { automanagedLabel, planServices, wantedServices } from './local-services.ts';
import { mergeSwagger, ownPart } from './merge-openapi.ts';
import { resourcesOf } from './remote-discovery.ts';

describe('the order of discovery', () => {
  test('versions: stable, beta, alpha, the highest first; then whatever else', () => {
    const sorted = ['v10', 'v2', 'v1', 'v11beta2', 'v10beta3', 'v3beta1', 'v12alpha1', 'v11alpha2', 'foo1', 'foo10'];
    expect([...sorted].reverse().sort(compareVersions)).toEqual(sorted);
    expect(compareVersions('v1', 'v1')).toBe(0);
  });

  test('built-in groups stand as a v1.36 server has them', () => {
    const facts = JSON.parse(readFileSync(new URL('../../api/testdata/resources.json', import.meta.url), 'utf8')) as {
      groupVersion: string;
    }[];
    const served = new Set(
      facts.map(({ groupVersion }) => groupVersion.split('/')).flatMap(([group, version]) => (version ? [group] : [])),
    );
    const versions = servedKinds.map(({ group, version }) => ({ group, version, priority: priorityOf(group, version) }));
    const names = inDiscoveryOrder(versions).map(({ name }) => name);
    expect(names.slice(0, 4)).toEqual(['', 'apiregistration.k8s.io', 'apps', 'events.k8s.io']);
    expect(names.slice(-4)).toEqual(['node.k8s.io', 'discovery.k8s.io', 'resource.k8s.io', 'flowcontrol.apiserver.k8s.io']);
    for (const group of served) expect(names).toContain(group);
  });

  test('what is equal goes by name, custom resources come last', () => {
    const of = (group: string, version: string) => ({ group, version, priority: priorityOf(group, version) });
    const ordered = inDiscoveryOrder([of('b.example', 'v1alpha1'), of('apps', 'v1'), of('b.example', 'v1'), of('a.example', 'v1')]);
    expect(ordered.map(({ name, versions }) => [name, versions.map(({ version }) => version)])).toEqual([
      ['apps', ['v1']],
      ['a.example', ['v1']],
      ['b.example', ['v1', 'v1alpha1']],
    ]);
  });
});

describe('planServices()', () => {
  const apps = kindOf({ group: 'apps', kind: 'Deployment', resource: 'deployments' });
  const custom = kindOf({ group: 'example.com', kind: 'Foo', resource: 'foos' });
  const made = (kinds: readonly KindDefinition[]) => wantedServices(kinds);
  const names = (list: readonly V1APIService[]) => list.map(({ metadata }) => metadata?.name);
  const plan = (kinds: readonly KindDefinition[], standing: readonly V1APIService[], atStart: boolean) => {
    const { create, update, delete: gone } = planServices(kinds, standing, atStart);
    return [names(create), names(update), names(gone)];
  };
  const changed = (object: V1APIService, more: object): V1APIService => ({
    ...object,
    spec: { ...object.spec, ...more } as V1APIService['spec'],
  });
  const figures = kindOf({ group: 'metrics.k8s.io', kind: 'PodMetrics', resource: 'pods' });
  const [ofApps, ofCustom, ofFigures] = made([apps, custom, figures]) as [V1APIService, V1APIService, V1APIService];
  const remote = changed({ ...ofCustom, metadata: { name: 'v1.example.com' } }, { service: { namespace: 'a', name: 'b' } });

  test.each([
    ['all missing, at the start', [apps, custom], [], true, [['v1.apps', 'v1.example.com'], [], []]],
    ['all missing, later', [apps, custom], [], false, [['v1.example.com'], [], []]],
    ['all there', [apps, custom], [ofApps, ofCustom], true, [[], [], []]],
    ['changed, at the start', [apps], [changed(ofApps, { groupPriorityMinimum: 1 })], true, [[], ['v1.apps'], []]],
    ['changed, later', [apps], [changed(ofApps, { groupPriorityMinimum: 1 })], false, [[], [], []]],
    ['a custom resource goes', [apps], [ofApps, ofCustom], false, [[], [], ['v1.example.com']]],
    ['somebody else’s stays', [apps, custom], [ofApps, remote], true, [[], [], []]],
    ['given to another server, where that is foreseen', [figures], [changed(ofFigures, { service: { name: 'x' } })], true, [[], [], []]],
    ['given to another server, taken back', [custom], [changed(ofCustom, { service: { name: 'x' } })], false, [[], ['v1.example.com'], []]],
  ] as const)('%s', (_, kinds, standing, atStart, wanted) => expect(plan(kinds, standing, atStart)).toEqual(wanted));

  test('labels say how long each is looked after', () => {
    expect([ofApps, ofCustom].map(({ metadata }) => metadata?.labels?.[automanagedLabel])).toEqual(['onstart', 'true']);
    expect(ofCustom.spec).toEqual({ group: 'example.com', version: 'v1', groupPriorityMinimum: 1000, versionPriority: 100 });
  });
});

describe('unreachable()', () => {
  const remote = remoteOf({
    metadata: { name: 'v1.example.com' },
    spec: {
      group: 'example.com',
      version: 'v1',
      groupPriorityMinimum: 1,
      versionPriority: 1,
      service: { namespace: 'a', name: 'api', port: 8443 },
    },
  } as V1APIService);
  const service = (spec: object) => ({ spec }) as V1Service;
  const ports = [{ name: 'tls', port: 8443 }];
  const slice = (endpoints: object[], name = 'tls') => ({ ports: [{ name, port: 1 }], endpoints }) as unknown as V1EndpointSlice;
  const ready = { addresses: ['10.0.0.1'], conditions: { ready: true } };
  test.each([
    ['ServiceNotFound', { service: undefined, slices: [] }, 'service/api in "a" is not present'],
    ['ServicePortError', { service: service({ ports: [{ port: 443 }] }), slices: [] }, 'service/api in "a" is not listening on port 8443'],
    ['EndpointsNotFound', { service: service({ ports }), slices: [] }, 'cannot find endpointslices for service/api in "a"'],
    [
      'MissingEndpoints',
      { service: service({ ports }), slices: [slice([ready], 'other'), slice([{ ...ready, conditions: { ready: false } }])] },
      'endpoints for service/api in "a" have no addresses with port name "tls"',
    ],
    [undefined, { service: service({ ports }), slices: [slice([ready])] }, undefined],
    [undefined, { service: service({ type: 'ExternalName', externalName: 'api.example' }), slices: [] }, undefined],
  ] as const)('%s', (reason, view, message) => {
    const verdict = remote && unreachable(remote, view);
    expect([verdict?.reason, verdict?.message]).toEqual([reason, message]);
  });

  test('the core group is never given away', () => {
    expect(
      remoteOf({ spec: { version: 'v1', groupPriorityMinimum: 1, versionPriority: 1, service: { namespace: 'a', name: 'b' } } }),
    ).toBeUndefined();
  });
});

test.each([[undefined], [null], ['text'], [{}], [{ resources: 'x' }], [{ resources: [null, 1, {}, { name: 5 }] }]])(
  'a discovery document that is none has no resources: %j',
  (document) => expect(resourcesOf(document, { group: 'g', version: 'v1' })).toEqual([]),
);

test('what is no text in a discovery document is left out', () => {
  expect(
    resourcesOf({ resources: [{ name: 'foos', kind: {}, verbs: ['get', 1], shortNames: 'f' }] }, { group: 'g', version: 'v1' }),
  ).toEqual([
    { resource: 'foos', responseKind: { group: 'g', version: 'v1', kind: '' }, scope: 'Cluster', singularResource: '', verbs: ['get'] },
  ]);
});

describe('merging Swagger documents', () => {
  const ref = (name: string) => ({ $ref: `#/definitions/${name}` });
  const theirs = {
    paths: { '/apis/g/v1/foos': { get: ref('Foo') }, '/apis/g/v1alpha1/foos': { get: ref('Old') }, '/api/v1/pods': { get: ref('Bar') } },
    definitions: { Foo: { properties: { bar: ref('Bar'), self: ref('Foo') } }, Bar: { type: 'string' }, Old: {} },
  };

  test('a part has its own paths and the types that they reach, whatever goes round', () => {
    const { paths, definitions } = ownPart(theirs, '/apis/g/v1') as { paths: object; definitions: object };
    expect([Object.keys(paths), Object.keys(definitions).sort()]).toEqual([['/apis/g/v1/foos'], ['Bar', 'Foo']]);
    expect(
      ownPart({ paths: { '/apis/g/v1': ref('__proto__') }, definitions: JSON.parse('{"__proto__":{"a":1}}') }, '/apis/g/v1'),
    ).toBeDefined();
    expect(({} as { a?: number }).a).toBeUndefined();
  });

  test('equal types are shared, others get a name of their own', () => {
    const part = ownPart(theirs, '/apis/g/v1');
    const same = mergeSwagger({ swagger: '2.0', paths: {}, definitions: { Bar: { type: 'string' } } }, [part]);
    expect(same.definitions).toEqual({ Bar: { type: 'string' }, Foo: theirs.definitions.Foo });
    const other = mergeSwagger({ paths: { '/apis/g/v1/foos': 'mine' }, definitions: { Bar: { type: 'integer' }, Bar_v2: {} } }, [part]);
    expect(other).toEqual({
      paths: { '/apis/g/v1/foos': 'mine' },
      definitions: {
        Bar: { type: 'integer' },
        Bar_v2: {},
        Bar_v3: { type: 'string' },
        Foo: { properties: { bar: ref('Bar_v3'), self: ref('Foo') } },
      },
    });
  });
});
