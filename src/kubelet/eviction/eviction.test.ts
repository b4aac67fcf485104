// The node's conditions between two looks.
import { expect, test } from 'vitest';
import { silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { defaultSettings } from '../configuration/settings.ts';
import { createEviction, type EvictionPorts } from './eviction.ts';

test.each([0, 5000, 60_000])('pressure is told for as long as it lasts, and %i ms longer', async (transitionMs) => {
  const clock = new VirtualClock({ settle: turn });
  const controller = new AbortController();
  let available = 5;
  const ports: EvictionPorts = {
    signals: async () => ({ 'nodefs.available': { available, capacity: 100 } }),
    localUse: async () => ({ volumes: new Map(), logs: new Map(), layers: new Map(), inodes: 0 }),
    stats: async () => ({ pods: [] }) as never,
    processes: async () => 0,
  };
  const settings = { ...defaultSettings.eviction, transitionMs };
  const { checkMs } = settings;
  const eviction = createEviction({
    settings,
    imageGarbage: defaultSettings.imageGarbage,
    ports,
    runtime: { listImages: async () => [], listContainers: async () => [], removeImage: async () => {} },
    clock,
    log: silentLogger,
    signal: controller.signal,
    views: () => [],
    evict: () => {},
  });
  const running = eviction.run();
  await clock.advance(checkMs);
  for (let i = 0; i < 10; i++) {
    await clock.advance(checkMs / 4);
    expect(eviction.pressures).toEqual(['DiskPressure']);
  }
  available = 50;
  // At the end of the last look that saw it, and of the first that does not.
  await clock.advance(checkMs / 2);
  expect(eviction.pressures).toEqual(transitionMs > checkMs ? ['DiskPressure'] : []);
  await clock.advance(transitionMs);
  expect(eviction.pressures).toEqual([]);
  controller.abort();
  await running;
});
