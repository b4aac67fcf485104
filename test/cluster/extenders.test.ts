// Extenders over real HTTP: they filter, score and bind, and what they have against a node is told.
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, events, pods, startCluster, type V1Pod } from '../../src/cluster/mod.ts';

let server: Server;
let cluster: Cluster;
/** What each call was asked for, by path. */
const calls: string[] = [];

interface Asked {
  readonly Pod: V1Pod;
  readonly NodeNames: readonly string[];
  readonly PodName: string;
  readonly PodUID: string;
  readonly PodNamespace: string;
  readonly Node: string;
}

/** Has no room on sim-0, likes sim-2 best, refuses everything for pods named "never", and binds. */
async function answer(path: string, asked: Asked): Promise<unknown> {
  calls.push(path);
  if (path === '/x/filter') {
    const left = asked.Pod.metadata?.name === 'never' ? [] : asked.NodeNames.filter((name) => name !== 'sim-0');
    const failed = asked.NodeNames.filter((name) => !left.includes(name)).map((name) => [name, 'no licence left']);
    return { NodeNames: left, FailedNodes: Object.fromEntries(failed) };
  }
  if (path === '/x/prioritize') return asked.NodeNames.map((name) => ({ Host: name, Score: name === 'sim-2' ? 10 : 0 }));
  const target = { kind: 'Node', name: asked.Node };
  await cluster.client.call({
    verb: 'create',
    resource: pods,
    namespace: asked.PodNamespace,
    name: asked.PodName,
    subresource: 'binding',
    body: { apiVersion: 'v1', kind: 'Binding', metadata: { name: asked.PodName, uid: asked.PodUID }, target },
  });
  return {};
}

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void answer(request.url ?? '', JSON.parse(Buffer.concat(chunks).toString('utf8')) as Asked).then(
        (value) => response.end(JSON.stringify(value)),
        (error: unknown) => response.end(JSON.stringify({ Error: String(error) })),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const extender = { urlPrefix: `http://127.0.0.1:${port}/x`, filterVerb: 'filter', prioritizeVerb: 'prioritize', weight: 100 };
  cluster = await startCluster({
    nodes: 3,
    schedulerConfiguration: {
      apiVersion: 'kubescheduler.config.k8s.io/v1',
      kind: 'KubeSchedulerConfiguration',
      extenders: [{ ...extender, bindVerb: 'bind', nodeCacheCapable: true, httpTimeout: '5s' }],
    },
  });
});
afterAll(async () => {
  await cluster.stop();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const create = (name: string) =>
  cluster.client.create(pods, { metadata: { name, namespace: 'default' }, spec: { containers: [{ name: 'c', image: 'i' }] } });

function seen(look: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const offs = [pods, events].map((type) => cluster.informers.of(type as typeof pods).onChange(() => check()));
    function check(): void {
      if (!look()) return;
      queueMicrotask(() => {
        for (const off of offs) off();
      });
      resolve();
    }
  });
}

test('the extender filters, scores and binds', async () => {
  await create('web');
  const nodeOf = () => cluster.informers.of(pods).get('default/web')?.spec?.nodeName;
  await seen(() => nodeOf() !== undefined);
  expect(nodeOf()).toBe('sim-2');
  expect(calls).toEqual(['/x/filter', '/x/prioritize', '/x/bind']);
});

test('its reasons stand in the event, the condition, and the answer to why', async () => {
  await create('never');
  const told = () =>
    cluster.informers
      .of(events)
      .list('default')
      .find((event) => event.reason === 'FailedScheduling' && event.involvedObject.name === 'never')?.message;
  await seen(() => told() !== undefined);
  const message = '0/3 nodes are available: 3 no licence left.';
  expect(told()).toContain(message);
  const why = cluster.explainPod({ namespace: 'default', name: 'never' });
  expect(why?.trial).toMatchObject({ message, scored: [], reasons: [{ plugin: 'extender', reason: 'no licence left', nodes: 3 }] });
  expect(why?.wokenBy.map(({ plugin }) => plugin)).toEqual(['extender']);
});
