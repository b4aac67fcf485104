import { expect, test } from 'vitest';
import { sleep } from '../base/clock.ts';
import { VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { createProgress } from './progress.ts';

test('each step is told with its time, a failed one too, and its error goes on', async () => {
  const clock = new VirtualClock({ settle: turn });
  let text = '';
  const progress = createProgress({ clock, live: false, write: (more) => (text += more) });
  const good = progress.step('store opened', () => sleep(clock, 40));
  const bad = progress.step('node ready', async () => {
    await sleep(clock, 1_500);
    throw new Error('no room');
  });
  const failed = expect(bad).rejects.toThrow('no room');
  await clock.advance(2_000);
  await good;
  await failed;
  expect(text).toBe('✓ store opened (0.04 s)\n✗ node ready (1.5 s)\n');
});

test('a terminal shows what is waited for', async () => {
  const clock = new VirtualClock({ settle: turn });
  let text = '';
  const progress = createProgress({ clock, live: true, write: (more) => (text += more) });
  const one = progress.step('a', () => sleep(clock, 10));
  const two = progress.step('b', () => sleep(clock, 20));
  await clock.advance(30);
  await Promise.all([one, two]);
  expect(text).toContain('… a, b');
  expect(text.split('\n').map((line) => line.split('\u001b[K').at(-1))).toEqual(['✓ a (0.01 s)', '✓ b (0.02 s)', '']);
});
