// Priority and fairness over a whole server: which flow a request belongs to, what a flood leaves to others, and the objects that say so.
import { describe, expect, test } from 'vitest';
import type { V1FlowSchema, V1PriorityLevelConfiguration } from '../../api/mod.ts';
import { SeededRandom, silentLogger, sleep, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import type { UserInfo } from '../../client/mod.ts';
import { staticTokens } from '../authn/static-tokens.ts';
import { edgeRequest } from '../core.fake.ts';
import { parseRequestInfo } from '../http/request-info.ts';
import { createPipeline } from '../pipeline.ts';
import { danglingStatus, isKeptByServer } from './bootstrap.ts';
import { flowSchemasOf } from './classify.ts';
import { defaultLevels, defaultSchemas } from './default-objects.ts';
import { createFairness } from './fairness.ts';
import { limitsOf } from './limits.ts';

const person = (name: string, ...groups: string[]): UserInfo => ({ name, groups: [...groups, 'system:authenticated'] });
const account = (namespace: string, name: string) =>
  person(`system:serviceaccount:${namespace}:${name}`, 'system:serviceaccounts', `system:serviceaccounts:${namespace}`);
const node = person('system:node:n1', 'system:nodes');
const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1';

describe('the default flow schemas', () => {
  const schemas = flowSchemasOf(defaultSchemas);
  test.each([
    ['an administrator', person('root', 'system:masters'), 'GET', '/api/v1/pods', 'exempt', ''],
    ['a probe', { name: 'system:anonymous', groups: ['system:unauthenticated'] }, 'GET', '/readyz', 'probes', ''],
    ['a part of a probe', person('jane'), 'GET', '/readyz/ping', 'global-default', 'jane'],
    ['a node renewing its lease', node, 'PUT', lease, 'system-node-high', 'system:node:n1'],
    ['a node reporting its status', node, 'PATCH', '/api/v1/nodes/n1/status', 'system-node-high', 'system:node:n1'],
    ['a node reading a secret', node, 'GET', '/api/v1/namespaces/a/secrets/s', 'system-nodes', 'system:node:n1'],
    ['the scheduler’s lease', person('system:kube-scheduler'), 'PUT', lease, 'system-leader-election', 'system:kube-scheduler'],
    [
      'the scheduler watching leases',
      person('system:kube-scheduler'),
      'GET',
      '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases?watch=1',
      'kube-scheduler',
      'kube-node-lease',
    ],
    [
      'a controller of the system',
      account('kube-system', 'job-controller'),
      'GET',
      '/api/v1/namespaces/a/pods',
      'kube-system-service-accounts',
      'a',
    ],
    ['an operator', account('ops', 'operator'), 'GET', '/api/v1/pods', 'service-accounts', 'system:serviceaccount:ops:operator'],
    ['a person', person('jane'), 'POST', '/api/v1/namespaces/a/pods', 'global-default', 'jane'],
  ] as const)('%s', (_what, user, method, path, schema, flow) => {
    const info = parseRequestInfo(method, path);
    const found = schemas.find((one) => one.matches(user, info));
    expect([found?.name, found?.distinguisher(user, info)]).toEqual([schema, flow]);
  });

  test('every one has its level', () => {
    const levels = new Set(defaultLevels.map((level) => level.metadata?.name));
    expect(schemas.filter((schema) => !levels.has(schema.level))).toEqual([]);
  });
});

test('seats are shared out by shares', () => {
  const limits = limitsOf(defaultLevels, 600);
  expect(Object.fromEntries([...limits].map(([name, { nominal, lendable }]) => [name, [nominal, lendable]]))).toEqual({
    exempt: [0, 0],
    'catch-all': [13, 0],
    system: [74, 24],
    'node-high': [98, 25],
    'leader-election': [25, 0],
    'workload-high': [98, 49],
    'workload-low': [245, 221],
    'global-default': [49, 25],
  });
  expect(limits.get('exempt')?.exempt).toBe(true);
  expect(limits.get('catch-all')?.queuing).toBeUndefined();
});

describe('the objects', () => {
  const schema = (over: Partial<V1FlowSchema> = {}): V1FlowSchema => ({ ...(defaultSchemas[4] as V1FlowSchema), ...over });

  test('say whether their level is there, once', () => {
    const status = danglingStatus(schema(), () => true, 0);
    expect(status?.conditions).toEqual([
      {
        type: 'Dangling',
        status: 'False',
        reason: 'Found',
        message: 'This FlowSchema references the PriorityLevelConfiguration object named "system" and it exists',
        lastTransitionTime: '1970-01-01T00:00:00Z',
      },
    ]);
    expect(danglingStatus(schema({ status }), () => true, 5_000)).toBeUndefined();
    expect(danglingStatus(schema({ status }), () => false, 5_000)?.conditions?.[0]).toMatchObject({
      status: 'True',
      reason: 'NotFound',
      message: 'This FlowSchema references the PriorityLevelConfiguration object named "system" but there is no such object',
      lastTransitionTime: '1970-01-01T00:00:05Z',
    });
  });

  test('belong to whoever says so, but for the two that must be', () => {
    const taken = { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'false' } };
    const levelNamed = (name: string): V1PriorityLevelConfiguration => ({ metadata: { name, ...taken } });
    expect(isKeptByServer(schema())).toBe(true);
    expect(isKeptByServer(levelNamed('system'))).toBe(false);
    expect(isKeptByServer(levelNamed('exempt'))).toBe(true);
  });
});

/** A server that does one thing at a time, a millisecond each: what waits, waits behind everything that was let in before. */
function serverOf(fair: boolean) {
  const clock = new VirtualClock({ settle: turn });
  let freeAtMs = 0;
  const serve = createPipeline({
    clock,
    random: new SeededRandom(1),
    log: silentLogger,
    tokens: [staticTokens([node, person('jane')].map((user) => ({ token: user.name, user })))],
    authorizer: { decide: () => ({ decision: 'allow' }) },
    ...(fair ? { fairness: createFairness({ clock, seats: 60 }) } : {}),
    async dispatch() {
      const now = clock.monotonicMs();
      freeAtMs = Math.max(now, freeAtMs) + 1;
      await sleep(clock, freeAtMs - now);
      return { status: 200, headers: {}, body: { as: 'none' } };
    },
  });
  const ask = async (who: string, method: string, path: string) => {
    const sentMs = clock.monotonicMs();
    const { status, headers } = await serve(edgeRequest(method, path, { headers: { authorization: `Bearer ${who}` } }));
    return { status, headers, tookMs: clock.monotonicMs() - sentMs };
  };
  return { clock, ask };
}

describe('a flood of one user', () => {
  const flooded = async (fair: boolean) => {
    const { clock, ask } = serverOf(fair);
    const flood = Promise.all(Array.from({ length: 2_000 }, () => ask('jane', 'POST', '/api/v1/namespaces/a/pods')));
    await turn();
    const renewal = ask(node.name, 'PUT', lease);
    await clock.advance(10_000);
    return { renewal: await renewal, flood: await flood };
  };

  test('leaves room for a node’s lease, and is told to come back later', async () => {
    const { renewal, flood } = await flooded(true);
    expect(renewal.status).toBe(200);
    // Behind no more than what runs: jane's own seats and those that others lend.
    expect(renewal.tookMs).toBeLessThan(60);
    const refused = flood.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(1_000);
    expect(refused[0]?.headers['retry-after']).toBe('1');
    expect(flood.filter(({ status }) => status === 200).length).toBe(2_000 - refused.length);
    expect((await flooded(false)).renewal.tookMs).toBeGreaterThan(2_000);
  });
});
