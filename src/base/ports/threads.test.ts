import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { VirtualClock } from '../virtual-clock.ts';
import { turn } from './clock.ts';
import { bundled, createThread, type Thread } from './threads.ts';

const dir = mkdtempSync(join(tmpdir(), 'minke-thread-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What serveThread does, in a file that a thread can run without being built. */
const program = join(dir, 'program.mjs');
writeFileSync(
  program,
  `import { parentPort, threadId } from 'node:worker_threads';
const tasks = {
  double: (n) => n * 2,
  thread: () => threadId,
  fail: () => { throw new Error('no such luck'); },
  end: () => process.exit(3),
  crash: () => setImmediate(() => { throw new Error('broken down'); }),
};
parentPort.on('message', ({ id, task, input }) => {
  try {
    const result = tasks[task](input);
    if (task !== 'crash') parentPort.postMessage({ id, result });
  } catch (error) {
    parentPort.postMessage({ id, failed: error.message });
  }
});`,
);

function setUp(): { readonly thread: Thread; readonly clock: VirtualClock; readonly stop: AbortController } {
  const clock = new VirtualClock({ settle: turn });
  const stop = new AbortController();
  const thread = createThread({ program: pathToFileURL(program), clock, signal: stop.signal });
  if (!thread) throw new Error('the program is not there');
  return { thread, clock, stop };
}

test('tasks are done in one thread, and what they throw comes back', async () => {
  const { thread, stop } = setUp();
  expect(await Promise.all([thread.run('double', 2), thread.run('double', 3)])).toEqual([4, 6]);
  const first = await thread.run('thread', 0);
  expect(first).not.toBe(0);
  await expect(thread.run('fail', 0)).rejects.toThrow('no such luck');
  expect(await thread.run('thread', 0)).toBe(first);
  stop.abort();
  await expect(thread.run('double', 2)).rejects.toThrow('stopped');
});

test('nobody needs it for a while: it ends, and starts again', async () => {
  const { thread, clock, stop } = setUp();
  const first = await thread.run('thread', 0);
  await clock.advance(30_000);
  expect(clock.timers).toBe(0);
  expect(await thread.run('thread', 0)).not.toBe(first);
  stop.abort();
  expect(clock.timers).toBe(0);
});

test.each([
  ['throws', 'crash', 'broken down'],
  ['exits', 'end', 'ended with 3'],
])('a thread that %s fails what waits for it, and the next task has a new one', async (_how, task, message) => {
  const { thread, stop } = setUp();
  const results = await Promise.allSettled([thread.run(task, 0), thread.run(task, 0)]);
  expect(results.map((one) => (one.status === 'rejected' ? String(one.reason) : 'done'))).toEqual([
    expect.stringContaining(message),
    expect.stringContaining(message),
  ]);
  expect(await thread.run('double', 4)).toBe(8);
  stop.abort();
});

test('without its program there is no thread', () => {
  const clock = new VirtualClock({ settle: turn });
  expect(createThread({ program: bundled('nothing'), clock, signal: new AbortController().signal })).toBeUndefined();
});
