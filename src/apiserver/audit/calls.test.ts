// What components of the process do is recorded as whom they act for, as far as the policy wants it, and is nothing where it wants none.
import { afterEach, expect, test } from 'vitest';
import { configmaps, type KubeObject } from '../../api/mod.ts';
import { SeededRandom, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { createClient, createInProcessTransport, type UserInfo } from '../../client/mod.ts';
import { startTestCore, type TestCore } from '../testing/fixture.ts';
import { createCallAudit } from './calls.ts';
import { readPolicy } from './policy.ts';

let on: TestCore | undefined;
afterEach(async () => {
  await on?.stop();
  on = undefined;
});

type Event = Readonly<Record<string, unknown>>;
const gc: UserInfo = {
  name: 'system:serviceaccount:kube-system:generic-garbage-collector',
  groups: ['system:serviceaccounts', 'system:authenticated'],
};

async function recorded(...rules: object[]) {
  const events: Event[] = [];
  const refuse = (what: string): never => {
    throw new Error(what);
  };
  const policy = readPolicy({ kind: 'Policy', apiVersion: 'audit.k8s.io/v1', omitStages: ['RequestReceived'], rules }, refuse);
  const callAudit = createCallAudit({
    policy,
    backends: [{ take: (text) => void events.push(JSON.parse(text) as Event) }],
    clock: new VirtualClock({ settle: turn }),
    random: new SeededRandom(1),
  });
  on = await startTestCore({ callAudit });
  const client = createClient(createInProcessTransport({ handler: on.core.handler, user: gc }), { clock: on.clock, userAgent: 'gc' });
  return { client, events };
}

const key = { namespace: 'default', name: 'a' };

test('writes, failures and watches, with what was sent and answered', async () => {
  const { client, events } = await recorded({ level: 'RequestResponse', users: [gc.name] });
  await client.create(configmaps, { metadata: key, data: { k: 'v' } });
  await expect(client.get(configmaps, { ...key, name: 'none' })).rejects.toThrow('not found');
  for await (const event of client.watch(configmaps, { namespace: 'default', timeoutSeconds: 60 })) {
    expect((event.object as KubeObject).metadata?.name).toBe('a');
    break;
  }
  const common = { user: { username: gc.name, groups: gc.groups }, sourceIPs: ['127.0.0.1'], userAgent: 'kube-controller-manager' };
  expect(events).toMatchObject([
    {
      ...common,
      ...{ stage: 'ResponseComplete', verb: 'create', requestURI: '/api/v1/namespaces/default/configmaps?fieldManager=gc' },
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'a', apiVersion: 'v1' },
      requestObject: { data: { k: 'v' } },
      responseObject: { kind: 'ConfigMap', metadata: { name: 'a', managedFields: [{ manager: 'gc' }] } },
      responseStatus: { code: 201 },
      annotations: { 'authorization.k8s.io/decision': 'allow' },
    },
    { ...common, stage: 'ResponseComplete', verb: 'get', responseStatus: { code: 404, reason: 'NotFound' } },
    { ...common, stage: 'ResponseStarted', verb: 'watch', responseStatus: { code: 200 } },
    { ...common, stage: 'ResponseComplete', verb: 'watch', responseStatus: { code: 200 } },
  ]);
});

test('what the policy does not want leaves nothing', async () => {
  const { client, events } = await recorded({ level: 'None', users: [gc.name] }, { level: 'Metadata' });
  await client.create(configmaps, { metadata: key });
  expect(events).toEqual([]);
});
