// Logs and streams of simulated pods: a real kubelet on the simulated runtime, asked as the API server asks.
import { afterEach, expect, test } from 'vitest';
import { silentLogger } from '../../base/mod.ts';
import { container, createTestNode, isReady, type TestNode, testPod } from '../runtime/node.fake.ts';
import { createSimNodeServer, type SimNodeServer } from './node-server.ts';

let node: TestNode | undefined;
afterEach(async () => {
  await node?.stop();
  node = undefined;
});

async function begin(): Promise<{ readonly node: TestNode; readonly server: SimNodeServer }> {
  let server: SimNodeServer | undefined;
  const made = createTestNode({ kubelet: { onReady: (handle) => server?.attach(handle) } });
  node = made;
  server = createSimNodeServer({ nodeName: 'n1', runtime: made.runtime, clock: made.clock, log: silentLogger });
  const annotations = { 'sim.minke.dev/run-ms.task': '5000', 'sim.minke.dev/exit-code.task': '3' };
  made.api.put('pods', testPod('web', { containers: [container('app'), container('task')] }, annotations));
  await made.until('ready', () => isReady(made.api.pod('web')));
  return { node: made, server };
}

async function ask(server: SimNodeServer, target: string) {
  const { status, headers, body } = await server.request({ method: 'GET', target, headers: {}, signal: new AbortController().signal });
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return { status, type: headers['content-type'], text: Buffer.concat(chunks).toString() };
}

test('a log has a line for the start and one for the end', async () => {
  const { node, server } = await begin();
  const started = 'simulated container app started (image minke.local/tools:latest, attempt 0)\n';
  expect(await ask(server, '/containerLogs/default/web/app')).toMatchObject({ status: 200, text: started });
  await node.advance(5_500);
  const task = '/containerLogs/default/web/task?previous=true';
  const ended = 'simulated container task ended: exit code 3, Error\n';
  const { text } = await ask(server, task);
  expect(text).toBe(`simulated container task started (image minke.local/tools:latest, attempt 0)\n${ended}`);
  expect((await ask(server, `${task}&tailLines=1`)).text).toBe(ended);
  expect((await ask(server, `${task}&sinceSeconds=3`)).text).toBe(ended);
  expect((await ask(server, `${task}&limitBytes=9`)).text).toBe('simulated');
  const stamped = (await ask(server, `${task}&timestamps=true`)).text.split('\n').map((line) => line.split(' ')[0] ?? '');
  expect(stamped).toHaveLength(3);
  expect(Date.parse(stamped[1] ?? '') - Date.parse(stamped[0] ?? '')).toBe(5000);
});

test('a follower sees the end when it comes', async () => {
  const { node, server } = await begin();
  const followed = ask(server, '/containerLogs/default/web/task?follow=true&tailLines=1');
  await node.advance(6_000);
  expect((await followed).text).toMatch(/^simulated container task started .*\nsimulated container task ended: exit code 3, Error\n$/);
});

test('what has no log, and what is no container', async () => {
  const { server } = await begin();
  expect(await ask(server, '/containerLogs/default/web/app?previous=true')).toMatchObject({ status: 400 });
  expect(await ask(server, '/containerLogs/default/web/app?tailLines=-1')).toMatchObject({ status: 400 });
  expect(await ask(server, '/containerLogs/default/web/other')).toMatchObject({ status: 400 });
});

test.each([
  ['/exec/default/web/app?command=ls', 'exec'],
  ['/attach/default/web/app', 'attach'],
  ['/portForward/default/web', 'port-forward'],
  ['/run/default/web/app?cmd=ls', 'run'],
])('%s is refused with a Status', async (target, verb) => {
  const { server } = await begin();
  const { status, type, text } = await ask(server, target);
  expect({ status, type }).toEqual({ status: 501, type: 'application/json' });
  const message = `${verb} is not possible: the node "n1" is simulated, its containers have no processes and no network`;
  expect(JSON.parse(text)).toMatchObject({ kind: 'Status', code: 501, message });
});

test('the kubelet tells of its pods and figures', async () => {
  const { server } = await begin();
  expect(await ask(server, '/healthz')).toMatchObject({ status: 200, text: 'ok\n' });
  const pods = JSON.parse((await ask(server, '/pods')).text) as {
    readonly items: readonly { readonly metadata: { readonly name: string } }[];
  };
  expect(pods.items.map(({ metadata }) => metadata.name)).toEqual(['web']);
  expect((await ask(server, '/stats/summary')).text).toContain('"podRef":{"name":"web"');
  expect((await ask(server, '/metrics')).text).toContain('kubelet_http_requests_total');
});
