import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { encoded, fakeForms, podKind } from '../core.fake.ts';
import type { WatchFrame } from '../request.ts';
import { createFrameEncoders, watchBatches, watchSlices } from './watch-frames.ts';

const added = (name: string, padding = 0): WatchFrame => ({
  type: 'ADDED',
  entry: encoded({ kind: 'Pod', apiVersion: 'v1', metadata: { name, annotations: { x: 'x'.repeat(padding) } } }),
});

function encoders() {
  const clock = new VirtualClock({ settle: turn });
  let made = 0;
  const forms = { ...fakeForms, metadataOnly: (object: object) => ({ made: ++made, ...fakeForms.metadataOnly(object) }) };
  return { clock, encoderOf: createFrameEncoders({ clock, forms }), made: () => made };
}

describe('texts shared by watchers', () => {
  test('an event is encoded once for all watchers of a form', () => {
    const { encoderOf, made } = encoders();
    const frame = added('a');
    const [one, two] = [0, 1].map(() => encoderOf({ kind: podKind, form: 'metadata', includeObject: 'Metadata' }));
    expect(one?.(frame)).toBe(two?.(frame));
    expect(made()).toBe(1);
  });

  test('what is kept is bounded in number and in bytes', () => {
    const { encoderOf } = encoders();
    const encode = encoderOf({ kind: podKind, form: 'object', includeObject: 'Metadata' });
    const first = added('first');
    const before = encode(first);
    for (let i = 0; i < 255; i++) encode(added(`p${i}`));
    expect(encode(first)).toBe(before);
    encode(added('one more'));
    expect(encode(first)).not.toBe(before);
    const large = added('large', 5_000_000);
    const largeText = encode(large);
    encode(added('another', 5_000_000));
    expect(encode(large) === largeText).toBe(false);
    expect(Buffer.from(largeText).equals(encode(large))).toBe(true);
  });

  test('a row that shows ages is made anew in the next second', async () => {
    const { clock, encoderOf } = encoders();
    const encode = encoderOf({ kind: podKind, form: 'table', includeObject: 'None' });
    encode(added('the first carries the columns'));
    const frame = added('a');
    const before = encode(frame);
    expect(encode(frame)).toBe(before);
    await clock.advance(1000);
    expect(encode(frame)).not.toBe(before);
  });
});

test('large pieces are sent a few in each turn, however many watches begin together', async () => {
  const { clock, encoderOf } = encoders();
  let endTurn = () => {};
  clock.yield = () =>
    new Promise((resolve) => {
      endTurn = resolve;
    });
  const encode = encoderOf({ kind: podKind, form: 'object', includeObject: 'Metadata' });
  const slices = watchSlices(clock);
  const large = added('large', 64 * 1024);
  const sent: string[] = [];
  const watchOnce = async () => {
    const frames = (async function* () {
      yield [large];
    })();
    for await (const batch of watchBatches(frames, encode, slices)) sent.push(...batch.map((bytes) => Buffer.from(bytes).toString()));
  };
  const all = Promise.all(Array.from({ length: 100 }, watchOnce));
  const perTurn: number[] = [];
  for (let before = 0; before < 100; endTurn()) {
    await turn();
    perTurn.push(sent.length - before);
    before = sent.length;
  }
  await all;
  // A turn has 150 units, and a piece of 64 KiB takes four.
  expect(perTurn).toEqual([38, 38, 24]);
  expect(new Set(sent).size).toBe(1);
});

test('a thousand events of one batch are few chunks, in order', async () => {
  const encode = encoders().encoderOf({ kind: podKind, form: 'object', includeObject: 'Metadata' });
  const frames = Array.from({ length: 1000 }, (_, i) => added(`p${i}`, 100));
  const chunks: Uint8Array[] = [];
  for await (const batch of watchBatches(
    (async function* () {
      yield frames;
      yield [];
    })(),
    encode,
    watchSlices(new VirtualClock({ settle: turn })),
  ))
    chunks.push(...batch);
  expect(chunks.length).toBeLessThan(6);
  const lines = Buffer.concat(chunks).toString().trim().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as { object: { metadata: { name: string } } }).object.metadata.name)).toEqual(
    frames.map((_, i) => `p${i}`),
  );
});
