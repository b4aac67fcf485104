// The event recorder over a fake server: counting, combining, the spam filter, refusals and lost servers.
import { describe, expect, test } from 'vitest';
import { type CoreV1Event, notFound, type ResourceType } from '../api/mod.ts';
import { SeededRandom, StoppedError, silentLogger, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { createEventRecorder, referenceTo } from './events.ts';
import { createInProcessTransport } from './in-process.ts';
import { createMemoryHandler } from './memory-handler.fake.ts';
import { createClient } from './typed-client.ts';

const eventType: ResourceType<CoreV1Event> = { group: '', version: 'v1', kind: 'Event', resource: 'events', namespaced: true };
const pod = { kind: 'Pod', namespace: 'shop', name: 'web', uid: 'u1', apiVersion: 'v1' };

function setup() {
  const clock = new VirtualClock({ settle: turn });
  const handler = createMemoryHandler(() => clock.nowMs());
  const stop = new AbortController();
  const client = createClient(createInProcessTransport({ handler, user: { name: 'test', groups: [] } }), { clock, userAgent: 'test' });
  const recorder = createEventRecorder({
    client,
    clock,
    random: new SeededRandom(7),
    log: silentLogger,
    signal: stop.signal,
    component: 'kubelet',
    host: 'n1',
  });
  const written = async () => (await client.list(eventType)).items;
  return { clock, handler, client, recorder, stop, written };
}

describe('event recorder', () => {
  test('writes an event with everything that kubectl shows', async () => {
    const { clock, recorder, written } = setup();
    recorder.record(pod, 'Normal', 'Pulled', 'Image is here');
    await clock.settle();
    const [event] = await written();
    expect(event).toMatchObject({
      metadata: { namespace: 'shop', name: expect.stringMatching(/^web\.[0-9a-f]{16}$/) },
      involvedObject: pod,
      type: 'Normal',
      reason: 'Pulled',
      message: 'Image is here',
      count: 1,
      source: { component: 'kubelet', host: 'n1' },
      reportingComponent: 'kubelet',
      firstTimestamp: '2026-01-01T00:00:00Z',
    });
  });

  test('counts the same event up, keeping its first time', async () => {
    const { clock, recorder, written } = setup();
    for (let i = 0; i < 3; i++) {
      recorder.record(pod, 'Warning', 'BackOff', 'Back-off restarting');
      await clock.advance(60_000);
    }
    const events = await written();
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ count: 3, firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:02:00Z' });
  });

  test('writes an event afresh, with its count, when the earlier one has expired', async () => {
    const { clock, client, recorder, written } = setup();
    recorder.record(pod, 'Normal', 'Pulled', 'x');
    await clock.settle();
    const [first] = await written();
    await client.delete(eventType, { namespace: 'shop', name: first?.metadata.name ?? '' });
    recorder.record(pod, 'Normal', 'Pulled', 'x');
    await clock.settle();
    expect(await written()).toMatchObject([{ count: 2, metadata: { name: first?.metadata.name } }]);
  });

  test('combines similar events from the tenth message on', async () => {
    const { clock, recorder, written } = setup();
    for (let i = 1; i <= 12; i++) recorder.record(pod, 'Warning', 'Failed', `try ${i}`);
    await clock.settle();
    const messages = (await written()).map((event) => `${event.count} ${event.message}`);
    expect(messages).toHaveLength(10);
    expect(messages[9]).toBe('3 (combined from similar events): try 12');
  });

  test('combines no longer once the similar ones are ten minutes old', async () => {
    const { clock, recorder, written } = setup();
    for (let i = 1; i <= 9; i++) recorder.record(pod, 'Warning', 'Failed', `try ${i}`);
    await clock.advance(601_000);
    recorder.record(pod, 'Warning', 'Failed', 'try 10');
    await clock.settle();
    expect((await written()).at(-1)?.message).toBe('try 10');
  });

  test('drops what is more than 25 events at once for one object, and lets one through every five minutes', async () => {
    const { clock, recorder, handler } = setup();
    for (let i = 0; i < 40; i++) recorder.record(pod, 'Normal', `Reason${i}`, 'x');
    recorder.record({ ...pod, name: 'other', uid: 'u2' }, 'Normal', 'Reason', 'x');
    await clock.settle();
    expect(handler.requests.filter((line) => line.startsWith('create'))).toHaveLength(26);
    await clock.advance(300_000);
    recorder.record(pod, 'Normal', 'Late', 'x');
    recorder.record(pod, 'Normal', 'TooLate', 'x');
    await clock.settle();
    expect(handler.requests.filter((line) => line.startsWith('create'))).toHaveLength(27);
  });

  test('tries again while the server gives no answer, and gives up what it refuses', async () => {
    const { clock, handler, recorder, written } = setup();
    handler.before = () => {
      throw new Error('connection lost');
    };
    recorder.record(pod, 'Normal', 'A', 'x');
    await clock.advance(30_000);
    handler.before = () => {};
    await clock.advance(30_000);
    expect((await written()).map((event) => event.reason)).toEqual(['A']);
    handler.before = () => {
      throw notFound({ group: '', resource: 'namespaces', name: 'shop' });
    };
    recorder.record(pod, 'Normal', 'B', 'x');
    await clock.advance(60_000);
    handler.before = () => {};
    recorder.record(pod, 'Normal', 'C', 'x');
    await clock.advance(60_000);
    expect((await written()).map((event) => event.reason)).toEqual(['A', 'C']);
  });

  test('never blocks: what exceeds the queue is dropped and counted', async () => {
    const { recorder } = setup();
    for (let i = 0; i < 1500; i++) recorder.record(pod, 'Normal', 'Many', String(i));
    expect(recorder.dropped).toBeGreaterThanOrEqual(499);
  });

  test('events of cluster-scoped objects live in the namespace default', async () => {
    const { clock, recorder, written } = setup();
    const node = { metadata: { name: 'n1', uid: 'u9', resourceVersion: '5' } };
    const type = { group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false };
    recorder.record(referenceTo(type, node), 'Normal', 'Starting', 'x');
    await clock.settle();
    const [event] = await written();
    expect(event?.metadata.namespace).toBe('default');
    expect(event?.involvedObject).toEqual({ kind: 'Node', name: 'n1', uid: 'u9', apiVersion: 'v1', resourceVersion: '5' });
  });

  test('has stopped when the signal fires, also while it waits for a lost server', async () => {
    const { clock, handler, recorder, stop } = setup();
    handler.before = () => {
      throw new Error('connection lost');
    };
    recorder.record(pod, 'Normal', 'A', 'x');
    await clock.advance(15_000);
    stop.abort(new StoppedError());
    await recorder.stopped;
    expect(clock.timers).toBe(0);
  });
});
