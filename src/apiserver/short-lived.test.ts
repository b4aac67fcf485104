// What a request makes dies young: none of it waits for a full collection, which is what a fifth of a request's time once went into.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { builtinKinds } from '../api/mod.ts';
import { SeededRandom, silentLogger, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { openMemoryStore } from '../store/mod.ts';
import { createEdge } from './core.fake.ts';
import { createApiCore } from './core.ts';
import type { EdgeRequest } from './http/exchange.ts';
import { apiForms } from './http/forms.ts';
import { apiOpenApi } from './openapi/openapi.ts';
import { createPipeline } from './pipeline.ts';
import { createRoutes } from './routes.ts';

/** What each request carries on the JavaScript heap, for as long as anybody holds it. */
const ballastBytes = 8_000;
const requests = 400;

test('a request that has been answered goes with the next small collection', async () => {
  setFlagsFromString('--expose-gc');
  // As the command does.
  setFlagsFromString('--no-allocation-site-pretenuring');
  const collect = runInNewContext('gc') as (options?: { type: 'minor' }) => void;
  const clock = new VirtualClock({ settle: turn });
  const controller = new AbortController();
  const store = openMemoryStore();
  const parts = { store, kinds: builtinKinds, clock, random: new SeededRandom(1), log: silentLogger, serviceCidr: '10.96.0.0/16' };
  const core = await createApiCore({ ...parts, signal: controller.signal });
  const { options } = createEdge({ clock });
  const serve = createPipeline({ ...options, dispatch: createRoutes({ ...options, core, forms: apiForms, openApi: apiOpenApi }) });
  const path = '/api/v1/namespaces/default/configmaps';
  const ask = async (method: string, target: string, body?: object) => {
    const request: EdgeRequest & { readonly ballast: readonly number[] } = {
      method,
      target,
      headers: { authorization: 'Bearer admin-token' },
      remoteAddress: '',
      peerCertificate: undefined,
      signal: controller.signal,
      readBody: async () => Buffer.from(JSON.stringify(body)),
      ballast: Array.from({ length: ballastBytes / 8 }, (_, at) => at + 0.5),
    };
    return (await serve(request)).status;
  };
  const configMap = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' } });
  const keptBytes = async (again: () => Promise<unknown>): Promise<number> => {
    for (let n = 0; n < 50; n++) await again();
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let n = 0; n < requests; n++) await again();
    for (let n = 0; n < 2; n++) collect({ type: 'minor' });
    return (process.memoryUsage().heapUsed - before) / requests;
  };
  expect(await ask('POST', path, configMap('a'))).toBe(201);
  expect(await keptBytes(() => ask('GET', `${path}/a`))).toBeLessThan(ballastBytes / 4);
  expect(await keptBytes(() => ask('POST', `${path}?dryRun=All`, configMap('b')))).toBeLessThan(ballastBytes / 4);
  controller.abort();
  await core.stopped();
  await store.close();
});
