// Log lines: levels, fields, errors with their causes.
import { describe, expect, test } from 'vitest';
import { createLogger, errorText, type LogLevel, logLevels, silentLogger } from './logging.ts';
import { turn } from './ports/clock.ts';
import { VirtualClock } from './virtual-clock.ts';

function recorded(level: LogLevel) {
  const lines: Record<string, unknown>[] = [];
  const clock = new VirtualClock({ startMs: 0, settle: turn });
  return { log: createLogger({ clock, level, write: (line) => lines.push(JSON.parse(line)) }), lines };
}

describe('createLogger', () => {
  test.each(logLevels.map((level, i) => [level, logLevels.slice(0, i + 1)] as const))('at level %s writes %j', (level, written) => {
    const { log, lines } = recorded(level);
    for (const name of logLevels) log[name]('said');
    expect(lines.map((line) => line.level)).toEqual(written);
  });

  test('a line is time, level, message, own fields, then the call’s', () => {
    const { log, lines } = recorded('info');
    log.with({ component: 'store' }).with({ dir: '/d' }).info('Opened', { keys: 3, big: 10n });
    expect(lines).toEqual([
      { time: '1970-01-01T00:00:00.000Z', level: 'info', message: 'Opened', component: 'store', dir: '/d', keys: 3, big: '10' },
    ]);
    expect(Object.keys(lines[0] ?? {}).slice(0, 3)).toEqual(['time', 'level', 'message']);
  });

  test('an error among the fields brings name, message with causes, and stack', () => {
    const { log, lines } = recorded('info');
    log.error('Failed', { error: new TypeError('outer', { cause: new Error('inner') }) });
    expect(lines[0]?.error).toMatchObject({
      name: 'TypeError',
      message: 'outer: inner',
      stack: expect.stringContaining('TypeError: outer'),
    });
  });
});

describe('errorText', () => {
  const cyclic = new Error('round');
  cyclic.cause = cyclic;
  test.each([
    [new Error('a', { cause: new Error('b', { cause: 'c' }) }), 'a: b: c'],
    ['plain', 'plain'],
    [cyclic, Array(8).fill('round').join(': ')],
  ])('%s', (error, text) => expect(errorText(error)).toBe(text));
});

test('the silent logger stays silent with fields too', () => {
  expect(silentLogger.with({ a: 1 })).toBe(silentLogger);
  expect(silentLogger.error('x')).toBeUndefined();
});
