// All controllers together: they start, work side by side, survive each other's failures, and stop.
import { expect, test } from 'vitest';
import { createLogger } from '../base/mod.ts';
import { runControllers } from './mod.ts';
import { configMapType, deploymentType, namespaceType, podType, replicaSetType, serviceAccountType } from './runtime/resource-types.ts';
import { createWorld } from './runtime/world.fake.ts';

const kinds = [podType, replicaSetType, deploymentType, configMapType, serviceAccountType, namespaceType];

test('a deployment becomes pods, and goes with all that it made', async () => {
  const lines: string[] = [];
  const world = createWorld(kinds);
  const log = createLogger({ clock: world.clock, level: 'warn', write: (line) => lines.push(line) });
  const running = runControllers({ ...world.context, log, rootCaPem: 'PEM' });
  await world.client.create(namespaceType, { metadata: { name: 'default' } });
  await world.client.create(deploymentType, {
    metadata: { name: 'web', namespace: 'default' },
    spec: { replicas: 3, selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } } } },
  });
  await world.clock.advance(1_000);
  expect(await world.list(podType)).toHaveLength(3);
  expect((await world.list(serviceAccountType)).map((account) => account.metadata.name)).toEqual(['default']);
  await world.client.delete(deploymentType, { namespace: 'default', name: 'web' }, { propagationPolicy: 'Background' });
  await world.clock.advance(10_000);
  expect(await world.list(replicaSetType)).toEqual([]);
  expect(await world.list(podType)).toEqual([]);
  expect(lines).toEqual([]);
  await world.stop(running);
  expect(world.clock.timers).toBe(0);
  expect(world.handler.watching).toBe(0);
});

test('once all is as wanted, nobody writes any more', async () => {
  const world = createWorld(kinds);
  const running = runControllers({ ...world.context, rootCaPem: 'PEM' });
  await world.client.create(namespaceType, { metadata: { name: 'default' } });
  await world.client.create(deploymentType, {
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas: 3,
      selector: { matchLabels: { a: 'b' } },
      template: { metadata: { labels: { a: 'b' } } },
      progressDeadlineSeconds: 600,
    },
  });
  await world.clock.advance(1_000);
  for (const pod of await world.list(podType)) await world.setReady(pod);
  await world.clock.advance(5_000);
  world.handler.requests.length = 0;
  await world.clock.advance(200_000);
  expect(world.handler.requests.filter((line) => !/^(list|watch|get)/.test(line))).toEqual([]);
  await world.stop(running);
});

test('a controller that fails at its start is started again, and the others go on', async () => {
  const world = createWorld(kinds);
  let broken = true;
  const informers: typeof world.context.informers = {
    ...world.informers,
    of: (type) => {
      if (broken && type.resource === 'endpointslices') throw new Error('not yet');
      return world.informers.of(type);
    },
  };
  const lines: string[] = [];
  const log = createLogger({ clock: world.clock, level: 'error', write: (line) => lines.push(line) });
  const running = runControllers({ ...world.context, informers, log });
  await world.client.create(namespaceType, { metadata: { name: 'default' } });
  await world.clock.advance(5_000);
  expect(await world.list(serviceAccountType)).toHaveLength(1);
  expect(lines.length).toBeGreaterThan(0);
  expect(lines[0]).toContain('Controller failed; will be started again');
  broken = false;
  const before = lines.length;
  await world.clock.advance(120_000);
  expect(lines.length).toBeLessThanOrEqual(before);
  expect(world.handler.requests.some((line) => line.startsWith('list endpointslices'))).toBe(true);
  await world.stop(running);
});
