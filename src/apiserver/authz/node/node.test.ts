// What a node may read and write, over the real core.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtinKinds, type KindDefinition, type KubeObject } from '../../../api/mod.ts';
import { SeededRandom } from '../../../base/mod.ts';
import { generateSigningKeyPem, openSigningKey } from '../../../base/ports/signing-key.ts';
import type { RequestContext } from '../../request.ts';
import { bodyOf, startTestCore, type TestCore } from '../../testing/fixture.ts';
import type { ResourceAttributes } from '../authorizer.ts';

const kindOf = (resource: string, group = ''): KindDefinition => {
  const found = builtinKinds.find((kind) => kind.resource === resource && kind.group === group);
  if (!found) throw new Error(`no kind ${resource}`);
  return found;
};

const node = (name: string) => ({ name: `system:node:${name}`, groups: ['system:nodes', 'system:authenticated'] });
let core: TestCore;

const podOn = (name: string, nodeName: string, more: object = {}): KubeObject =>
  ({
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName,
      containers: [
        {
          name: 'a',
          image: 'a',
          env: [{ name: 'E', valueFrom: { secretKeyRef: { name: 'env-secret', key: 'k' } } }],
          envFrom: [{ configMapRef: { name: 'env-map' } }],
        },
      ],
      imagePullSecrets: [{ name: 'pull' }],
      volumes: [
        { name: 's', secret: { secretName: 'volume-secret' } },
        { name: 'p', projected: { sources: [{ configMap: { name: 'projected-map' } }, { secret: { name: 'projected-secret' } }] } },
        { name: 'c', persistentVolumeClaim: { claimName: 'claim' } },
      ],
      ...more,
    },
  }) as KubeObject;

beforeAll(async () => {
  core = await startTestCore({ kinds: builtinKinds, serviceAccountKey: openSigningKey(generateSigningKeyPem()) });
  for (const name of ['n1', 'n2']) await core.create(kindOf('nodes'), { metadata: { name } });
  await core.create(kindOf('pods'), podOn('web', 'n1'));
  await core.create(kindOf('pods'), { ...podOn('other', 'n2'), ...{ spec: { nodeName: 'n2', containers: [{ name: 'a', image: 'a' }] } } });
});
afterAll(() => core.stop());

const may = async (verb: string, path: string, more: Partial<ResourceAttributes> & { of?: string } = {}) => {
  const { of = 'n1', ...rest } = more;
  const [resource = '', name = '', subresource = ''] = path.split('/');
  const attributes: ResourceAttributes = {
    as: 'resource',
    user: node(of),
    verb,
    group: '',
    version: 'v1',
    resource,
    subresource,
    namespace: 'default',
    name,
    ...rest,
  };
  const { decision, reason } = await core.core.access.authorizer.decide(attributes);
  return decision === 'allow' ? 'allow' : (reason ?? 'no');
};

const unrelated = "no relationship found between node 'n1' and this object";

describe('the node authorizer', () => {
  test.each<[string, string, Parameters<typeof may>[2], string]>([
    ['get', 'secrets/env-secret', {}, 'allow'],
    ['get', 'secrets/pull', {}, 'allow'],
    ['watch', 'secrets/volume-secret', {}, 'allow'],
    ['list', 'secrets/projected-secret', {}, 'allow'],
    ['get', 'secrets/other', {}, unrelated],
    ['get', 'secrets/env-secret', { of: 'n2' }, "no relationship found between node 'n2' and this object"],
    ['get', 'secrets/env-secret', { namespace: 'kube-system' }, unrelated],
    ['list', 'secrets', {}, 'No Object name found'],
    ['update', 'secrets/env-secret', {}, 'can only read resources of this type'],
    ['get', 'configmaps/env-map', {}, 'allow'],
    ['get', 'configmaps/projected-map', {}, 'allow'],
    ['get', 'configmaps/kube-root-ca.crt', {}, 'allow'],
    ['get', 'configmaps/other', {}, unrelated],
    ['get', 'persistentvolumeclaims/claim', {}, 'allow'],
    ['patch', 'persistentvolumeclaims/claim/status', {}, 'allow'],
    ['list', 'persistentvolumeclaims', {}, 'can only get individual resources of this type'],
    ['create', 'serviceaccounts/default/token', {}, 'allow'],
    ['create', 'serviceaccounts/other/token', {}, unrelated],
    ['delete', 'serviceaccounts/default', {}, 'can only create tokens for individual service accounts'],
    ['get', 'nodes/n1', { namespace: '' }, 'allow'],
    ['get', 'nodes/n2', { namespace: '' }, "node 'n1' cannot read 'n2', only its own Node object"],
    ['list', 'nodes', { namespace: '' }, "node 'n1' cannot read all nodes, only its own Node object"],
    ['patch', 'nodes/n1/status', { namespace: '' }, 'allow'],
    ['delete', 'nodes/n1', { namespace: '' }, 'no'],
    ['get', 'pods/web', {}, 'allow'],
    ['get', 'pods/other', {}, unrelated],
    ['list', 'pods', { namespace: '', fieldSelector: 'spec.nodeName=n1' }, 'allow'],
    ['watch', 'pods', { namespace: '', fieldSelector: 'status.phase!=Failed,spec.nodeName=n1' }, 'allow'],
    ['list', 'pods', { namespace: '', fieldSelector: 'spec.nodeName=n2' }, 'can only list/watch pods with spec.nodeName field selector'],
    ['list', 'pods', { namespace: '' }, 'can only list/watch pods with spec.nodeName field selector'],
    ['patch', 'pods/web/status', {}, 'allow'],
    ['create', 'pods/web/exec', {}, 'no'],
    ['get', 'leases/n1', { group: 'coordination.k8s.io', namespace: 'kube-node-lease' }, 'allow'],
    [
      'update',
      'leases/n2',
      { group: 'coordination.k8s.io', namespace: 'kube-node-lease' },
      'can only access node lease with the same name as the requesting node',
    ],
    ['get', 'leases/n1', { group: 'coordination.k8s.io' }, 'can only access leases in the "kube-node-lease" system namespace'],
    ['list', 'services', { namespace: '' }, 'allow'],
    ['create', 'events', {}, 'allow'],
    ['create', 'subjectaccessreviews', { group: 'authorization.k8s.io', namespace: '' }, 'allow'],
    ['list', 'deployments', { group: 'apps' }, 'no'],
  ])('%s %s %j', async (verb, path, more, wanted) => {
    expect(await may(verb, path, more)).toBe(wanted);
  });

  test('what was allowed for a pod is not when the pod is gone', async () => {
    const spec = { containers: [{ name: 'a', image: 'a', envFrom: [{ secretRef: { name: 'brief' } }] }] };
    await core.create(kindOf('pods'), podOn('short', 'n1', spec));
    expect(await may('get', 'secrets/brief')).toBe('allow');
    await core.call({ verb: 'delete', kind: kindOf('pods'), name: 'short', query: { gracePeriodSeconds: '0' } });
    expect(await may('get', 'secrets/brief')).toBe(unrelated);
  });
});

describe('NodeRestriction', () => {
  const as = (name: string, request: Pick<Parameters<TestCore['run']>[0], 'verb'> & { resource: string; group?: string } & object) => {
    const { resource, group, ...rest } = request;
    const kind = kindOf(resource, group);
    const context: RequestContext = {
      user: node(name),
      clock: core.clock,
      random: new SeededRandom(3),
      log: { debug() {}, info() {}, warn() {}, error() {}, with: () => context.log },
      signal: new AbortController().signal,
      userAgent: 'kubelet',
      warn: () => {},
    };
    return core.core.execute({ kind, ...(kind.namespaced ? { namespace: 'default' } : {}), ...rest }, context).then(
      () => 'done',
      (error: unknown) => (error as Error).message,
    );
  };
  const merge = { verb: 'patch', patchType: 'application/merge-patch+json' } as const;

  test.each<[string, string, Parameters<typeof as>[1], string]>([
    [
      'its own labels',
      'n1',
      { ...merge, resource: 'nodes', name: 'n1', body: bodyOf({ metadata: { labels: { zone: 'a' } } }) } as never,
      'done',
    ],
    [
      'another node',
      'n1',
      { ...merge, resource: 'nodes', name: 'n2', body: bodyOf({ metadata: { labels: { zone: 'a' } } }) } as never,
      'nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2"',
    ],
    [
      'labels that are not for kubelets',
      'n1',
      {
        ...merge,
        resource: 'nodes',
        name: 'n1',
        body: bodyOf({ metadata: { labels: { 'node-role.kubernetes.io/control-plane': '', 'kubernetes.io/os': 'linux' } } }),
      } as never,
      'nodes "n1" is forbidden: is not allowed to modify labels: node-role.kubernetes.io/control-plane',
    ],
    [
      'its taints',
      'n1',
      { ...merge, resource: 'nodes', name: 'n1', body: bodyOf({ spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }) } as never,
      'nodes "n1" is forbidden: node "n1" is not allowed to modify taints',
    ],
    [
      'a pod that is no mirror',
      'n1',
      {
        verb: 'create',
        resource: 'pods',
        body: bodyOf({ metadata: { name: 'x' }, spec: { containers: [{ name: 'a', image: 'a' }] } }),
      } as never,
      'pods "x" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
    ],
    [
      'the status of a pod of another',
      'n1',
      { ...merge, resource: 'pods', name: 'other', subresource: 'status', body: bodyOf({ status: { phase: 'Failed' } }) } as never,
      'pods "other" is forbidden: node "n1" can only update pod status for pods with spec.nodeName set to itself',
    ],
    [
      'the status of its own',
      'n2',
      { ...merge, resource: 'pods', name: 'other', subresource: 'status', body: bodyOf({ status: { phase: 'Running' } }) } as never,
      'done',
    ],
    [
      'a pod of another goes',
      'n1',
      { verb: 'delete', resource: 'pods', name: 'other' } as never,
      'pods "other" is forbidden: node "n1" can only delete pods with spec.nodeName set to itself',
    ],
    [
      "a lease that is not a node's",
      'n1',
      { verb: 'create', resource: 'leases', group: 'coordination.k8s.io', body: bodyOf({ metadata: { name: 'n1' }, spec: {} }) } as never,
      'leases.coordination.k8s.io "n1" is forbidden: can only access leases in the "kube-node-lease" system namespace',
    ],
    [
      'a token for no pod',
      'n1',
      {
        verb: 'create',
        resource: 'serviceaccounts',
        name: 'default',
        subresource: 'token',
        body: bodyOf({ spec: { audiences: [] } }),
      } as never,
      'serviceaccounts "default" is forbidden: node requested token not bound to a pod',
    ],
  ])('%s', async (_name, of, request, wanted) => {
    expect(await as(of, request)).toBe(wanted);
  });

  test('tokens of its own pods, and of no others', async () => {
    const pod = await core.call({ verb: 'get', kind: kindOf('pods'), name: 'web' });
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: pod.metadata?.uid };
    const request = {
      verb: 'create',
      resource: 'serviceaccounts',
      name: 'default',
      subresource: 'token',
      body: bodyOf({ spec: { boundObjectRef } }),
    };
    expect(await as('n1', request as never)).toBe('done');
    expect(await as('n2', request as never)).toBe(
      'serviceaccounts "default" is forbidden: node requested token bound to a pod scheduled on a different node',
    );
  });
});
