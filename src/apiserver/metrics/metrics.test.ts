// What /metrics tells about requests, watches and the store, asked through the whole pipeline.
import { expect, test } from 'vitest';
import { servedKinds } from '../../api/mod.ts';
import { createMetrics, SeededRandom, silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { collectProcess } from '../../base/ports/process-metrics.ts';
import { openMemoryStore } from '../../store/mod.ts';
import { adminToken, createEdge, edgeRequest, janeToken, textOf } from '../core.fake.ts';
import { createApiCore } from '../core.ts';
import type { EdgeRequest } from '../http/exchange.ts';
import { createPipeline } from '../pipeline.ts';
import { createRoutes } from '../routes.ts';
import { createServerMetrics } from './server.ts';
import { collectStorage, measureStore } from './storage.ts';

async function start() {
  const clock = new VirtualClock({ settle: turn });
  const metrics = createMetrics();
  const stopping = new AbortController();
  const store = measureStore(openMemoryStore(), metrics, clock);
  const random = new SeededRandom(1);
  const { signal } = stopping;
  const core = await createApiCore({ store, kinds: servedKinds, clock, random, log: silentLogger, serviceCidr: '10.96.0.0/16', signal });
  collectStorage(metrics, core);
  const measured = createServerMetrics(metrics, clock, core);
  const { options } = createEdge({ clock });
  const parts = { ...options, core, clock, metrics: () => metrics.text(), watched: measured.watched };
  const serve = createPipeline({ ...parts, measure: measured.step, dispatch: createRoutes(parts) });
  const ask = (method: string, target: string, { body, ...more }: Partial<EdgeRequest> & { body?: string } = {}) =>
    serve(
      edgeRequest(method, target, {
        readBody: async () => Buffer.from(body ?? ''),
        ...more,
        headers: { authorization: `Bearer ${adminToken}`, ...more.headers },
      }),
    );
  return {
    ask,
    clock,
    lines: async (name: string) => (await textOf(await ask('GET', '/metrics'))).split('\n').filter((line) => line.startsWith(`${name}{`)),
    async stop() {
      stopping.abort();
      await core.stopped();
      await store.close();
    },
  };
}

const configMaps = '/api/v1/namespaces/default/configmaps';

test('requests are counted by what they are about and how they ended', async () => {
  const { ask, lines, stop } = await start();
  await ask('POST', configMaps, { body: '{"metadata":{"name":"a"}}' });
  await ask('POST', configMaps, { body: '{"metadata":{"name":"a"}}' });
  await ask('POST', `${configMaps}?dryRun=All`, { body: '{"metadata":{"name":"b"}}' });
  await ask('GET', configMaps);
  await ask('GET', `${configMaps}/a`);
  await ask('PATCH', `${configMaps}/a?fieldManager=m`, {
    headers: { 'content-type': 'application/apply-patch+yaml' },
    body: 'kind: ConfigMap',
  });
  await ask('GET', '/readyz/ping');
  const of = (verb: string, scope: string, dryRun: string, code: number) =>
    `apiserver_request_total{verb="${verb}",group="",version="v1",resource="configmaps",subresource="",scope="${scope}",component="apiserver",dry_run="${dryRun}",code="${code}"} 1`;
  expect(await lines('apiserver_request_total')).toEqual(
    expect.arrayContaining([
      of('POST', 'resource', '', 201),
      of('POST', 'resource', '', 409),
      of('POST', 'resource', 'All', 201),
      of('LIST', 'namespace', '', 200),
      of('GET', 'resource', '', 200),
      expect.stringMatching(/verb="APPLY".* 1$/),
      expect.stringMatching(/verb="GET".*subresource="\/readyz".*code="200"} 1$/),
    ]),
  );
  const durations = await lines('apiserver_request_duration_seconds_count');
  expect(durations).toContainEqual(expect.stringMatching(/verb="POST".*dry_run=""} 1$/));
  expect(await lines('apiserver_response_sizes_sum')).toContainEqual(expect.stringMatching(/verb="LIST".*"configmaps".*} [1-9]\d+$/));
  await stop();
});

test('nobody makes series up', async () => {
  const { ask, lines, stop } = await start();
  for (const target of ['/apis/nope/v1/x', '/api/v1/nopes', '/nope', '/api/v1/namespaces/default/pods/a/nope', '/__proto__'])
    await ask('GET', target);
  await ask('PROPFIND', configMaps);
  expect((await lines('apiserver_request_total')).filter((line) => /nope|proto|PROPFIND/i.test(line))).toEqual([]);
  await stop();
});

test('a watch is open until it is over, and its events are counted', async () => {
  const { ask, lines, clock, stop } = await start();
  const open = async () =>
    (await lines('apiserver_longrunning_requests'))
      .find((line) => line.includes('"configmaps"'))
      ?.split(' ')
      .at(-1);
  const watch = await ask('GET', `${configMaps}?watch=1&timeoutSeconds=5`);
  expect(await open()).toBe('1');
  await ask('POST', configMaps, { body: '{"metadata":{"name":"a"}}' });
  const read = textOf(watch);
  await clock.advance(5_000);
  await read;
  watch.finished?.();
  watch.finished?.();
  expect(await open()).toBe('0');
  expect(await lines('apiserver_watch_events_total')).toEqual(['apiserver_watch_events_total{group="",version="v1",kind="ConfigMap"} 1']);
  await stop();
});

test('objects are counted, and the store is timed', async () => {
  const { ask, lines, stop } = await start();
  for (const name of ['a', 'b']) await ask('POST', configMaps, { body: `{"metadata":{"name":"${name}"}}` });
  expect(await lines('apiserver_storage_objects')).toContain('apiserver_storage_objects{resource="configmaps"} 2');
  expect(await lines('apiserver_resource_objects')).toContain('apiserver_resource_objects{group="apps",resource="deployments"} 0');
  expect(await lines('etcd_request_duration_seconds_count')).toContain(
    'etcd_request_duration_seconds_count{operation="create",group="",resource="configmaps"} 2',
  );
  await stop();
});

test('a user without a role for it does not see them', async () => {
  const { ask, stop } = await start();
  expect((await ask('GET', '/metrics', { headers: { authorization: `Bearer ${janeToken}` } })).status).toBe(403);
  const shown = await ask('GET', '/metrics');
  expect([shown.status, shown.headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  await stop();
});

test('the process tells of itself', () => {
  const metrics = createMetrics();
  collectProcess(metrics, 5_000);
  const text = metrics.text();
  expect(text).toContain('process_start_time_seconds 5\n');
  expect(Number(/^process_resident_memory_bytes (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(1e6);
  expect(Number(/^process_open_fds (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(0);
});
