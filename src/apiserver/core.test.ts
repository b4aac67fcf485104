import { afterEach, describe, expect, test } from 'vitest';
import { builtinKinds, pods as builtinPods, configmaps, hasReason, priorityclasses, StatusError, type V1Pod } from '../api/mod.ts';
import { createInProcessTransport, type Transport } from '../client/mod.ts';
import { openMemoryStore } from '../store/mod.ts';
import type { ApiCoreOptions } from './core.ts';
import { bodyOf, jsonBody, podOf, startTestCore, type TestCore } from './testing/fixture.ts';

const started: TestCore[] = [];
async function start(options: Partial<ApiCoreOptions> = {}): Promise<TestCore> {
  const core = await startTestCore({ kinds: builtinKinds, ...options });
  started.push(core);
  return core;
}
afterEach(async () => {
  for (const core of started.splice(0)) await core.stop();
});
const kindOf = (resource: string) => {
  const kind = builtinKinds.find((each) => each.resource === resource);
  if (!kind) throw new Error(`no kind ${resource}`);
  return kind;
};

describe('bootstrap', () => {
  test('makes the namespaces, the priority classes and the kubernetes service with its endpoints', async () => {
    const t = await start({ advertise: { address: '192.168.7.1', port: 6443 } });
    const namespaces = await t.run({ verb: 'list', kind: kindOf('namespaces') });
    expect(namespaces.as === 'list' && namespaces.entries.map(({ object }) => object)).toMatchObject(
      ['default', 'kube-node-lease', 'kube-public', 'kube-system'].map((name) => ({
        metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      })),
    );
    const service = await t.call({ verb: 'get', kind: kindOf('services'), name: 'kubernetes' });
    expect(service.spec).toMatchObject({
      clusterIP: '10.96.0.1',
      ports: [{ name: 'https', port: 443, targetPort: 6443, protocol: 'TCP' }],
    });
    const slice = await t.call({ verb: 'get', kind: kindOf('endpointslices'), name: 'kubernetes' });
    expect(slice).toMatchObject({
      addressType: 'IPv4',
      endpoints: [{ addresses: ['192.168.7.1'], conditions: { ready: true } }],
      ports: [{ port: 6443 }],
    });
    const endpoints = await t.call({ verb: 'get', kind: kindOf('endpoints'), name: 'kubernetes' });
    expect(endpoints).toMatchObject({ subsets: [{ addresses: [{ ip: '192.168.7.1' }], ports: [{ port: 6443 }] }] });
    const critical = await t.call({ verb: 'get', kind: kindOf('priorityclasses'), name: 'system-node-critical' });
    expect(critical).toMatchObject({ value: 2_000_001_000 });
  });

  test('leaves what stands at the next start, and corrects where the server is', async () => {
    const store = openMemoryStore();
    const before = await startTestCore({ kinds: builtinKinds, store, advertise: { address: '192.168.7.1', port: 6443 } });
    const uid = (await before.call({ verb: 'get', kind: kindOf('namespaces'), name: 'default' })).metadata?.uid;
    await before.stop();
    const same = await startTestCore({ kinds: builtinKinds, store, advertise: { address: '192.168.7.1', port: 6443 } });
    const revision = await store.revision();
    expect((await same.call({ verb: 'get', kind: kindOf('namespaces'), name: 'default' })).metadata?.uid).toBe(uid);
    await same.stop();
    expect(await store.revision()).toBe(revision);
    const moved = await startTestCore({ kinds: builtinKinds, store, advertise: { address: '192.168.7.2', port: 6443 } });
    expect(await moved.call({ verb: 'get', kind: kindOf('endpointslices'), name: 'kubernetes' })).toMatchObject({
      endpoints: [{ addresses: ['192.168.7.2'] }],
    });
    await moved.stop();
    await store.close();
  });

  test('makes again what someone has deleted', async () => {
    const t = await start();
    await t.run({ verb: 'delete', kind: kindOf('services'), name: 'kubernetes' });
    await t.clock.advance(10_000);
    const service = await t.call({ verb: 'get', kind: kindOf('services'), name: 'kubernetes' });
    expect(service.spec.clusterIP).toBe('10.96.0.1');
  });

  test('with a loopback address goes on without endpoints', async () => {
    const t = await start({ advertise: { address: '127.0.0.1', port: 6443 } });
    expect((await t.fail({ verb: 'get', kind: kindOf('endpointslices'), name: 'kubernetes' })).code).toBe(404);
  });
});

describe('pods are completed by admission', () => {
  const create = (t: TestCore, pod: object) => t.call({ verb: 'create', kind: builtinPods, body: jsonBody(pod) });

  test('with tolerations, priority and service account', async () => {
    const t = await start();
    const pod = await create(t, podOf('p'));
    expect(pod.spec).toMatchObject({ priority: 0, preemptionPolicy: 'PreemptLowerPriority', serviceAccountName: 'default' });
    expect(pod.spec.tolerations.map((each: { key: string }) => each.key)).toEqual([
      'node.kubernetes.io/not-ready',
      'node.kubernetes.io/unreachable',
    ]);
  });

  test('with the numbers of their priority class', async () => {
    const t = await start();
    await t.call({ verb: 'create', kind: priorityclasses, body: bodyOf({ metadata: { name: 'high' }, value: 1000 }) });
    expect((await create(t, podOf('p', { spec: { priorityClassName: 'high' } }))).spec.priority).toBe(1000);
    expect((await create(t, podOf('c', { spec: { priorityClassName: 'system-cluster-critical' } }))).spec.priority).toBe(2_000_000_000);
    const wrong = await t.fail({ verb: 'create', kind: builtinPods, body: jsonBody(podOf('w', { spec: { priorityClassName: 'nope' } })) });
    expect(wrong.message).toBe('pods "w" is forbidden: no PriorityClass with name nope was found');
    const sent = await t.fail({ verb: 'create', kind: builtinPods, body: jsonBody(podOf('w', { spec: { priority: 5 } })) });
    expect(sent.message).toContain('the integer value of priority (5) must not be provided in pod spec');
    await t.call({ verb: 'create', kind: priorityclasses, body: bodyOf({ metadata: { name: 'usual' }, value: 7, globalDefault: true }) });
    expect((await create(t, podOf('u'))).spec).toMatchObject({ priority: 7, priorityClassName: 'usual' });
  });

  test('but not in the name of an account that is not there', async () => {
    const t = await start();
    const error = await t.fail({
      verb: 'create',
      kind: builtinPods,
      body: jsonBody(podOf('p', { spec: { serviceAccountName: 'nobody' } })),
    });
    expect(error.message).toBe('pods "p" is forbidden: error looking up service account default/nobody: serviceaccount "nobody" not found');
  });

  test('and new nodes are tainted', async () => {
    const t = await start();
    const node = await t.call({ verb: 'create', kind: kindOf('nodes'), body: jsonBody({ metadata: { name: 'n1' } }) });
    expect(node.spec.taints).toEqual([{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  });
});

describe('the handler for components of the same process', () => {
  const user = { name: 'system:kube-scheduler', groups: [] };
  const open = (t: TestCore): Transport => createInProcessTransport({ handler: t.core.handler, user });
  const pod = podOf('p') as V1Pod;

  test('gives and takes objects, shared and frozen', async () => {
    const t = await start();
    const transport = open(t);
    const made = await transport.send({ verb: 'create', resource: builtinPods, namespace: 'default', body: pod });
    expect(made.status).toBe(201);
    const got = await transport.send({ verb: 'get', resource: builtinPods, namespace: 'default', name: 'p' });
    expect(got.object).toBe(made.object);
    const all = await transport.send({ verb: 'list', resource: builtinPods, query: { limit: '1' } });
    expect(all.object).toMatchObject({
      kind: 'PodList',
      apiVersion: 'v1',
      metadata: { resourceVersion: String(await t.store.revision()) },
    });
    expect((all.object as { items: unknown[] }).items[0]).toBe(made.object);
    await transport.close();
  });

  test('throws errors of verbs, and for kinds that are not served', async () => {
    const transport = open(await start());
    const missing = transport.send({ verb: 'get', resource: builtinPods, namespace: 'default', name: 'x' });
    await expect(missing).rejects.toMatchObject({ code: 404, reason: 'NotFound', message: 'pods "x" not found' });
    const unknown = { group: 'x.example', version: 'v1', kind: 'X', resource: 'xs', namespaced: true };
    await expect(transport.send({ verb: 'list', resource: unknown })).rejects.toMatchObject({ code: 404 });
    await transport.close();
  });

  test('watches one event at a time, with bookmarks, and throws 410 as an error', async () => {
    const t = await start({ ringLimits: { events: 1, bytes: 1e9 } });
    const transport = open(t);
    const stop = new AbortController();
    const events: string[] = [];
    const query = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' };
    const done = (async () => {
      for await (const event of transport.watch({
        verb: 'watch',
        resource: configmaps,
        namespace: 'default',
        query,
        signal: stop.signal,
      })) {
        events.push(`${event.type} ${event.object.metadata?.name ?? event.object.metadata?.annotations?.['k8s.io/initial-events-end']}`);
      }
    })();
    await t.clock.settle();
    const made = await transport.send({ verb: 'create', resource: configmaps, namespace: 'default', body: { metadata: { name: 'a' } } });
    await transport.send({ verb: 'delete', resource: configmaps, namespace: 'default', name: 'a' });
    await t.clock.settle();
    expect(events).toEqual(['BOOKMARK true', 'ADDED a', 'DELETED a']);
    stop.abort();
    await done;
    await t.store.compact(await t.store.revision());
    const resourceVersion = String(Number((made.object as V1Pod).metadata?.resourceVersion) - 1);
    const late = transport.watch({ verb: 'watch', resource: configmaps, query: { resourceVersion } });
    const error = await late[Symbol.asyncIterator]()
      .next()
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    expect(hasReason(error, 'Expired')).toBe(true);
    await transport.close();
  });

  test('asks the authorizer that it was given', async () => {
    const asked: string[] = [];
    const t = await start({
      authorizer: {
        decide: (attributes) => {
          asked.push(
            `${attributes.user.name} ${attributes.verb} ${attributes.as === 'resource' ? `${attributes.resource}/${attributes.subresource}` : ''}`,
          );
          return { decision: attributes.verb === 'delete' ? 'noOpinion' : 'allow' };
        },
      },
    });
    const transport = open(t);
    await transport.send({ verb: 'create', resource: builtinPods, namespace: 'default', body: pod });
    const refused = await transport
      .send({ verb: 'delete', resource: builtinPods, namespace: 'default', name: 'p' })
      .catch((error: unknown) => error);
    expect(refused instanceof StatusError && refused.code).toBe(403);
    expect(asked).toEqual(['system:kube-scheduler create pods/', 'system:kube-scheduler delete pods/']);
    await transport.close();
  });
});

test('several cores over one store see each other, reads asking the store how far it is', async () => {
  const store = openMemoryStore();
  const [a, b] = [await startTestCore({ store, sharedStore: true }), await startTestCore({ store, sharedStore: true })];
  const kind = a.core.find({ group: '', version: 'v1', resource: 'configmaps' });
  if (!kind) throw new Error('no config maps');
  for (let i = 0; i < 20; i++) {
    const [writer, other] = i % 2 === 0 ? [a, b] : [b, a];
    await writer.call({ verb: 'create', kind, body: bodyOf({ metadata: { name: `c${i}` } }) });
    expect((await other.call({ verb: 'get', kind, name: `c${i}` })).metadata?.name).toBe(`c${i}`);
    await Promise.all(
      [a, b].map((one) =>
        one.call({
          verb: 'update',
          kind,
          name: `c${i}`,
          body: bodyOf({ metadata: { name: `c${i}` }, data: { by: String(Math.imul(i, 3)) } }),
        }),
      ),
    );
  }
  await a.stop();
  await b.stop();
  await store.close();
});
