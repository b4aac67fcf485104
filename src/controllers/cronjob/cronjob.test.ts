// The CronJob controller in a whole cluster under the virtual clock.
import { afterEach, describe, expect, test } from 'vitest';
import { cronjobs, events as eventKind, formatTime, jobs, type V1CronJobSpec } from '../../api/mod.ts';
import { startCluster, type VirtualCluster } from '../../cluster/mod.ts';
import { createWorld } from '../runtime/world.fake.ts';
import { runCronJobController } from './cronjob.ts';

const running: VirtualCluster[] = [];
afterEach(async () => {
  for (const cluster of running.splice(0)) await cluster.stop();
});
const key = { namespace: 'default', name: 'tick' };
const minute = 60_000;

async function start(spec: Partial<V1CronJobSpec>, runMs = 1_000) {
  const cluster = await startCluster({ clock: 'virtual' });
  running.push(cluster);
  const { client, time } = cluster;
  const template = {
    metadata: { annotations: { 'sim.minke.dev/run-ms': String(runMs) } },
    spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'x' }] },
  };
  await client.create(cronjobs, { metadata: key, spec: { schedule: '* * * * *', jobTemplate: { spec: { template } }, ...spec } });
  const list = async () => (await client.list(jobs, { namespace: 'default' })).items;
  const events = async () =>
    (await client.list(eventKind, { namespace: 'default' })).items
      .filter(({ involvedObject }) => involvedObject.kind === 'CronJob')
      .map(({ type, reason, message }) => `${type} ${reason} ${message}`);
  return { client, time, list, events, status: async () => (await client.get(cronjobs, key)).status ?? {} };
}
const epochMinutes = Date.UTC(2026, 0, 1) / minute;

describe('a cron job', () => {
  test('starts a job at its time, keeps a few that ended, and tells of them', async () => {
    const { time, list, events, status } = await start({ successfulJobsHistoryLimit: 2 });
    await time.advance(minute + 1_000);
    expect((await list()).map(({ metadata }) => metadata.name)).toEqual([`tick-${epochMinutes + 1}`]);
    expect(await status()).toMatchObject({
      lastScheduleTime: '2026-01-01T00:01:00Z',
      active: [{ kind: 'Job', name: `tick-${epochMinutes + 1}` }],
    });
    await time.advance(5 * minute);
    expect((await list()).length).toBeLessThanOrEqual(3);
    expect((await status()).lastSuccessfulTime).toMatch(/^2026-01-01T00:05/);
    const said = await events();
    expect(said).toContain(`Normal SuccessfulCreate Created job tick-${epochMinutes + 1}`);
    expect(said).toContain(`Normal SawCompletedJob Saw completed job: tick-${epochMinutes + 1}, condition: Complete`);
    expect(said).toContain(`Normal SuccessfulDelete Deleted job tick-${epochMinutes + 1}`);
  });

  test('Forbid waits for the one that runs', async () => {
    const { time, list, events } = await start({ concurrencyPolicy: 'Forbid' }, 150_000);
    await time.advance(3 * minute + 10_000);
    expect(await list()).toHaveLength(1);
    expect(await events()).toContain(
      'Normal JobAlreadyActive Not starting job because prior execution is running and concurrency policy is Forbid',
    );
    // That time was not forgotten: its job starts when the first one is over.
    await time.advance(minute);
    expect(await list()).toHaveLength(2);
  });

  test('Replace ends the one that runs', async () => {
    const { time, list, status } = await start({ concurrencyPolicy: 'Replace' }, 600_000);
    await time.advance(3 * minute + 10_000);
    expect((await list()).map(({ metadata }) => metadata.name)).toEqual([`tick-${epochMinutes + 3}`]);
    expect((await status()).active).toHaveLength(1);
  });

  test('rests while it is suspended; its jobs go with it', async () => {
    const { client, time, list } = await start({ suspend: true });
    await time.advance(3 * minute);
    expect(await list()).toEqual([]);
    await client.patch(cronjobs, key, 'application/merge-patch+json', { spec: { suspend: false } });
    await time.advance(minute);
    expect((await list()).length).toBeGreaterThan(0);
    await client.delete(cronjobs, key, {});
    await time.advance(minute);
    expect(await list()).toEqual([]);
  });

  test('writes nothing between its times', async () => {
    const { client, time, list } = await start({ schedule: '0 0 31 2 *' });
    await time.advance(minute);
    const before = (await client.get(cronjobs, key)).metadata.resourceVersion;
    await time.advance(15 * minute);
    expect((await client.get(cronjobs, key)).metadata.resourceVersion).toBe(before);
    expect(await list()).toEqual([]);
  });
});

test('a day of jobs, one every minute, passes in about a second', async () => {
  const world = createWorld();
  const { client, clock, list } = world;
  const controller = runCronJobController(world.context);
  await client.create(cronjobs, {
    metadata: key,
    spec: { schedule: '* * * * *', jobTemplate: {}, successfulJobsHistoryLimit: 3, concurrencyPolicy: 'Forbid' },
  });
  let made = 0;
  // Every job is done as soon as it is there.
  const off = world.informers.of(jobs).onChange(({ old, next }) => {
    if (old || !next) return;
    made++;
    const completionTime = formatTime(clock.nowMs());
    void client.updateStatus(jobs, { ...next, status: { completionTime, conditions: [{ type: 'Complete', status: 'True' }] } });
  });
  const begin = performance.now();
  await clock.advance(24 * 60 * minute + 1_000);
  const tookMs = performance.now() - begin;
  off();
  expect(made).toBe(1440);
  expect(await list(jobs)).toHaveLength(3);
  expect((await client.get(cronjobs, key)).status).toMatchObject({ lastScheduleTime: '2026-01-02T00:00:00Z' });
  await world.stop(controller);
  // The bound is for a machine that is busy with something else.
  expect(tookMs).toBeLessThan(10_000);
}, 30_000);
