// The in-process transport keeps the contract, and shares objects without copying.
import { expect, test } from 'vitest';
import type { ResourceType } from '../api/mod.ts';
import { createInProcessTransport } from './in-process.ts';
import { createMemoryHandler } from './memory-handler.fake.ts';
import { transportContract } from './transport.suite.ts';

transportContract('in-process', async () => {
  const handler = createMemoryHandler();
  const transport = createInProcessTransport({ handler, user: { name: 'test', groups: [] } });
  return { handler, transport, stop: () => transport.close() };
});

test('objects are shared, and frozen', async () => {
  const handler = createMemoryHandler();
  const transport = createInProcessTransport({ handler, user: { name: 'test', groups: [] } });
  const nodes: ResourceType = { group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false };
  const made = await transport.send({ verb: 'create', resource: nodes, body: { metadata: { name: 'n', labels: { a: 'b' } } } });
  const got = await transport.send({ verb: 'get', resource: nodes, name: 'n' });
  expect(got.object).toBe(made.object);
  expect(Object.isFrozen((got.object as { metadata: { labels: object } }).metadata.labels)).toBe(true);
});
