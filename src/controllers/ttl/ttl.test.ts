// Steps by table; the annotation on nodes that come and go.
import { expect, test } from 'vitest';
import { nodeType } from '../runtime/resource-types.ts';
import { createWorld } from '../runtime/world.fake.ts';
import { ttlAnnotation, ttlSecondsOf, ttlStep } from './plan.ts';
import { runTtlController } from './ttl.ts';

test.each([
  [0, 0, 0],
  [100, 0, 0],
  [101, 0, 15],
  [95, 1, 15],
  [89, 1, 0],
  [5_000, 0, 300],
  [1_900, 4, 300],
  [1_799, 4, 60],
  [0, 4, 0],
])('%i nodes from step %i: %i s', (nodes, from, seconds) => expect(ttlSecondsOf(ttlStep(nodes, from))).toBe(seconds));

test('nodes get the annotation when there are more than a hundred, and another when there are less again', async () => {
  const world = createWorld();
  const running = runTtlController(world.context);
  const ttls = async () => new Set((await world.list(nodeType)).map((node) => node.metadata.annotations?.[ttlAnnotation]));
  await world.client.create(nodeType, { metadata: { name: 'n' } });
  await world.clock.advance(100);
  expect(await ttls()).toEqual(new Set([undefined]));
  for (let i = 0; i < 100; i++) await world.client.create(nodeType, { metadata: { name: `n-${i}` } });
  await world.clock.advance(100);
  expect(await ttls()).toEqual(new Set(['15']));
  for (let i = 0; i < 12; i++) await world.client.delete(nodeType, { name: `n-${i}` });
  await world.clock.advance(100);
  expect(await ttls()).toEqual(new Set(['0']));
  await world.stop(running);
  expect(world.clock.timers).toBe(0);
});
