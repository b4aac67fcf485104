// Tasks: nothing is lost, nobody is forgotten.
import { describe, expect, test } from 'vitest';
import { createLogger } from './logging.ts';
import { turn } from './ports/clock.ts';
import { Tasks } from './tasks.ts';
import { VirtualClock } from './virtual-clock.ts';

function recorded() {
  const lines: string[] = [];
  const log = createLogger({ clock: new VirtualClock({ settle: turn }), level: 'debug', write: (line) => lines.push(line) });
  return { tasks: new Tasks(log), lines };
}

describe('Tasks', () => {
  test('settled waits for all, also for those that a task starts', async () => {
    const { tasks } = recorded();
    const done: string[] = [];
    tasks.run('outer', undefined, async () => {
      await turn();
      tasks.run('inner', undefined, async () => {
        await turn();
        done.push('inner');
      });
      done.push('outer');
    });
    expect(tasks.size).toBe(1);
    await tasks.settled();
    expect(done).toEqual(['outer', 'inner']);
    expect(tasks.size).toBe(0);
  });

  test('a failure is logged with its causes and counted', async () => {
    const { tasks, lines } = recorded();
    tasks.run('sync', undefined, () => {
      throw new Error('outer', { cause: new Error('inner') });
    });
    tasks.run('later', undefined, () => Promise.reject(new Error('later')));
    await tasks.settled();
    expect(tasks.failures).toBe(2);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'error', task: 'sync', error: 'outer: inner' });
  });

  test('a rejection after the signal has fired is the ordinary end', async () => {
    const { tasks, lines } = recorded();
    const stop = new AbortController();
    tasks.run('loop', stop.signal, async () => {
      await turn();
      stop.signal.throwIfAborted();
    });
    stop.abort();
    await tasks.settled();
    expect([tasks.failures, lines.length]).toEqual([0, 0]);
  });
});
