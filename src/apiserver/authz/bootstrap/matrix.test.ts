// Role by verb by resource: what the default roles let people and components do, over the real core with its real bootstrap and aggregation.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtinKinds, type KindDefinition, type V1ClusterRole } from '../../../api/mod.ts';
import { startTestCore, type TestCore } from '../../testing/fixture.ts';
import type { Attributes } from '../authorizer.ts';
import { aggregateLabel } from './objects.ts';

const rbac = (resource: string): KindDefinition => {
  const found = builtinKinds.find((kind) => kind.group === 'rbac.authorization.k8s.io' && kind.resource === resource);
  if (!found) throw new Error(`no kind ${resource}`);
  return found;
};
let core: TestCore;

beforeAll(async () => {
  core = await startTestCore({ kinds: builtinKinds });
  for (const role of ['cluster-admin', 'admin', 'edit', 'view']) {
    const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: role }];
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role };
    await core.create(rbac('rolebindings'), { metadata: { name: role, namespace: 'default' }, subjects, roleRef } as never);
  }
  // What the aggregation controller does: `view` is a part of `edit`, and that of `admin`.
  const all = async () => {
    const result = await core.run({ verb: 'list', kind: rbac('clusterroles') });
    return result.as === 'list' ? result.entries.map(({ object }) => object) : [];
  };
  for (const name of ['view', 'edit', 'admin']) {
    const roles = await all();
    const role = roles.find(({ metadata }) => metadata?.name === name) ?? {};
    const parts: readonly V1ClusterRole[] = roles.filter(({ metadata }) => metadata?.labels?.[aggregateLabel(name)] === 'true');
    const object = { ...role, rules: parts.flatMap(({ rules }) => rules ?? []) };
    await core.call({ verb: 'update', kind: rbac('clusterroles'), name, body: { as: 'object', object } });
  }
});
afterAll(() => core.stop());

const decide = async (user: { name: string; groups: readonly string[] }, verb: string, path: string, namespace = 'default') => {
  const [full = '', subresource = ''] = path.split('/');
  const [resource = '', ...group] = full.split('.');
  const attributes: Attributes = {
    as: 'resource',
    user,
    verb,
    group: group.join('.'),
    version: 'v1',
    resource,
    subresource,
    namespace,
    name: 'x',
  };
  return (await core.core.access.authorizer.decide(attributes)).decision === 'allow';
};

/** Columns: cluster-admin, admin, edit, view; all bound in the namespace `default`. */
const people = ['cluster-admin', 'admin', 'edit', 'view'] as const;

test.each<[string, string, string]>([
  ['get', 'pods', 'yyyy'],
  ['list', 'deployments.apps', 'yyyy'],
  ['watch', 'events', 'yyyy'],
  ['get', 'pods/log', 'yyyy'],
  ['create', 'pods', 'yyy-'],
  ['create', 'pods/exec', 'yyy-'],
  ['create', 'pods/eviction', 'yyy-'],
  ['create', 'serviceaccounts/token', 'yyy-'],
  ['patch', 'deployments.apps/scale', 'yyy-'],
  ['get', 'deployments.apps/scale', 'yyyy'],
  ['delete', 'jobs.batch', 'yyy-'],
  ['get', 'secrets', 'yyy-'],
  ['impersonate', 'serviceaccounts', 'yyy-'],
  ['get', 'roles.rbac.authorization.k8s.io', 'yy--'],
  ['create', 'rolebindings.rbac.authorization.k8s.io', 'yy--'],
  ['create', 'localsubjectaccessreviews.authorization.k8s.io', 'yy--'],
  ['get', 'resourcequotas', 'yyyy'],
  ['update', 'resourcequotas', 'y---'],
  ['get', 'nodes', 'y---'],
  ['get', 'clusterroles.rbac.authorization.k8s.io', 'y---'],
  ['get', 'things.acme.com', 'y---'],
  ['escalate', 'roles.rbac.authorization.k8s.io', 'y---'],
])('%s %s: %s', async (verb, path, wanted) => {
  const found = await Promise.all(people.map((name) => decide({ name, groups: ['system:authenticated'] }, verb, path)));
  expect(found.map((yes) => (yes ? 'y' : '-')).join('')).toBe(wanted);
  const elsewhere = await Promise.all(people.map((name) => decide({ name, groups: ['system:authenticated'] }, verb, path, 'kube-system')));
  expect(elsewhere).not.toContain(true);
});

test.each<[string, string, string, boolean]>([
  ['system:kube-scheduler', 'create', 'pods/binding', true],
  ['system:kube-scheduler', 'delete', 'pods', true],
  ['system:kube-scheduler', 'create', 'pods', false],
  ['system:kube-scheduler', 'update', 'leases.coordination.k8s.io', true],
  ['system:kube-controller-manager', 'list', 'things.acme.com', true],
  ['system:kube-controller-manager', 'create', 'pods', false],
  ['system:kube-proxy', 'watch', 'endpointslices.discovery.k8s.io', true],
  ['system:kube-proxy', 'get', 'secrets', false],
  ['system:serviceaccount:kube-system:deployment-controller', 'create', 'replicasets.apps', true],
  ['system:serviceaccount:kube-system:deployment-controller', 'create', 'pods', false],
  ['system:serviceaccount:kube-system:replicaset-controller', 'create', 'pods', true],
  ['system:serviceaccount:kube-system:clusterrole-aggregation-controller', 'escalate', 'clusterroles.rbac.authorization.k8s.io', true],
  ['system:serviceaccount:default:default', 'get', 'pods', false],
])('%s may %s %s: %s', async (name, verb, path, wanted) => {
  expect(await decide({ name, groups: ['system:authenticated'] }, verb, path, 'kube-system')).toBe(wanted);
});

test.each<[readonly string[], string, boolean]>([
  [['system:unauthenticated'], '/healthz', true],
  [['system:unauthenticated'], '/version', true],
  [['system:unauthenticated'], '/api', false],
  [['system:authenticated'], '/apis/apps/v1', true],
  [['system:authenticated'], '/openapi/v3', true],
  [['system:authenticated'], '/metrics', false],
  [['system:authenticated'], '/openid/v1/jwks', false],
  [['system:serviceaccounts', 'system:authenticated'], '/openid/v1/jwks', true],
  [['system:monitoring', 'system:authenticated'], '/metrics', true],
  [['system:monitoring', 'system:authenticated'], '/livez/ping', true],
  [['system:masters'], '/anything', true],
])('%j may get %s: %s', async (groups, path, wanted) => {
  const { decision } = await core.core.access.authorizer.decide({ as: 'path', user: { name: 'x', groups }, verb: 'get', path });
  expect(decision === 'allow').toBe(wanted);
});
