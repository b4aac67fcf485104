// What 500 definitions of 20 fields cost a control plane in one process: memory after a collection, the time to be served, and what OpenAPI stops.
import { apiOpenApi, createOpenApi } from '../../src/apiserver/openapi/openapi.ts';
import { SeededRandom, silentLogger } from '../../src/base/mod.ts';
import { systemClock } from '../../src/base/ports/clock.ts';
import { adminUser, startControlPlane } from '../../src/cluster/control-plane.ts';
import { customresourcedefinitions, type V1CustomResourceDefinition } from '../../src/cluster/mod.ts';
import { openMemoryStore } from '../../src/store/mod.ts';

const count = Number(process.argv[2] ?? 500);
const groups = 25;

const property = (i: number) => {
  const description = `Field number ${i} of the specification, which says what there is to say of it.`;
  if (i % 5 === 0) {
    const properties = { name: { type: 'string', description }, count: { type: 'integer', format: 'int32', minimum: 0 } };
    return { type: 'object', description, properties };
  }
  return i % 5 === 1 ? { type: 'array', description, items: { type: 'string' } } : { type: 'string', description, maxLength: 64 };
};

function definitionOf(i: number): V1CustomResourceDefinition {
  const group = `g${i % groups}.example.com`;
  const spec = { type: 'object', properties: Object.fromEntries(Array.from({ length: 20 }, (_, k) => [`field${k}`, property(k)])) };
  const schema = {
    openAPIV3Schema: { type: 'object', properties: { spec, status: { type: 'object', properties: { ready: { type: 'boolean' } } } } },
  };
  const names = { plural: `things${i}`, kind: `Thing${i}` };
  const versions = [{ name: 'v1', served: true, storage: true, subresources: { status: {} }, schema }];
  return { metadata: { name: `${names.plural}.${group}` }, spec: { group, scope: 'Namespaced', names, versions } };
}

const collect = (): void => {
  for (let i = 0; i < 4; i++) (globalThis as unknown as { gc: () => void }).gc();
};
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const stopping = new AbortController();
const store = openMemoryStore({ clock: systemClock });
const { core, clientFor, stopped } = await startControlPlane({
  store,
  clock: systemClock,
  random: new SeededRandom(1),
  log: silentLogger,
  serviceCidr: '10.96.0.0/16',
  signal: stopping.signal,
});
const client = clientFor(adminUser);

/** From the create to the moment that the server finds the kind. */
async function servedMs(i: number): Promise<number> {
  const from = performance.now();
  await client.create(customresourcedefinitions, definitionOf(i));
  const of = { group: `g${i % groups}.example.com`, version: 'v1', resource: `things${i}` };
  while (!core.find(of)) await systemClock.yield();
  return performance.now() - from;
}

/** The longest time for which nothing else ran while `work` went on. */
async function longestStallMs(work: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  let going = true;
  const tick = (): void => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    if (going) setImmediate(tick);
  };
  setImmediate(tick);
  await work();
  going = false;
  return longest;
}

await servedMs(count);
await pause(1_000);
collect();
const before = process.memoryUsage();
const times: number[] = [];
for (let i = 0; i < count; i++) times.push(await servedMs(i));
await pause(5_000);
collect();
const after = process.memoryUsage();
const openApi = createOpenApi(
  () => core.kinds,
  (kinds) => apiOpenApi(kinds, systemClock),
);
const index = () => openApi.serve({ headers: {} } as never, '/openapi/v3', {});
await index();
await servedMs(count + 1);
const changedFrom = performance.now();
const stallMs = await longestStallMs(index);
const changedMs = performance.now() - changedFrom;
times.sort((a, b) => a - b);
const result = {
  heapKb: (after.heapUsed - before.heapUsed) / count / 1024,
  buffersKb: (after.external - before.external) / count / 1024,
  servedMs: times[count >> 1],
  servedMaxMs: times[count - 1],
  openApiMs: changedMs,
  stallMs,
};
stopping.abort();
await stopped;
await store.close();
process.stdout.write(JSON.stringify(result));
process.exit(0);
