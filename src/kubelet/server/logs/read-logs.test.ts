import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { GrowingFile } from '../../../base/ports/file-follow.ts';
import { parseLogLine } from './log-line.ts';
import { type LogQuery, readLogs } from './read-logs.ts';

/** `later`: what is written to it while its reader waits, one piece after another. */
function fileOf(text: string, later: string[] = []): GrowingFile & { grow(more: string): void } {
  let bytes = Buffer.from(text);
  let wake = () => {};
  return {
    read: async (position, maxBytes) => bytes.subarray(position, position + maxBytes),
    sizeBytes: async () => bytes.length,
    async changed(atMostMs) {
      const more = later.shift();
      if (more !== undefined) bytes = Buffer.concat([bytes, Buffer.from(more)]);
      if (more !== undefined || atMostMs < 1000) return more !== undefined;
      return new Promise((resolve) => {
        wake = () => resolve(true);
      });
    },
    close: async () => {},
    grow(more) {
      bytes = Buffer.concat([bytes, Buffer.from(more)]);
      wake();
    },
  };
}
const all: LogQuery = { follow: false, timestamps: false, tailLines: undefined, sinceMs: undefined, limitBytes: undefined, stream: 'all' };
const line = (second: number, text: string, stream = 'stdout', tag = 'F') =>
  `2026-01-01T00:00:0${second}.000000001Z ${stream} ${tag} ${text}\n`;
const sample = line(1, 'one') + line(2, 'two', 'stderr') + line(3, 'three');

async function read(text: string, query: Partial<LogQuery>): Promise<string> {
  const parts: Uint8Array[] = [];
  const source = { file: fileOf(text), isRunning: async () => false, signal: new AbortController().signal };
  for await (const part of readLogs(source, { ...all, ...query })) parts.push(part);
  return Buffer.concat(parts).toString();
}

describe('readLogs()', () => {
  test.each([
    { what: 'all', query: {}, want: 'one\ntwo\nthree\n' },
    { what: 'the last two', query: { tailLines: 2 }, want: 'two\nthree\n' },
    { what: 'the last zero', query: { tailLines: 0 }, want: '' },
    { what: 'more than there are', query: { tailLines: 9 }, want: 'one\ntwo\nthree\n' },
    { what: 'with timestamps', query: { tailLines: 1, timestamps: true }, want: '2026-01-01T00:00:03.000000001Z three\n' },
    { what: 'since a time', query: { sinceMs: Date.UTC(2026, 0, 1, 0, 0, 2) }, want: 'two\nthree\n' },
    { what: 'one stream', query: { stream: 'stderr' as const }, want: 'two\n' },
    { what: 'up to a limit', query: { limitBytes: 6 }, want: 'one\ntw' },
  ])('$what', async ({ query, want }) => {
    expect(await read(sample, query)).toBe(want);
  });

  test('parts of a long line are joined', async () => {
    expect(await read(line(1, 'long ', 'stdout', 'P') + line(1, 'line'), {})).toBe('long line\n');
  });

  test('what is not in the format is left out', async () => {
    expect(await read(`garbage\n${line(1, 'one')}`, {})).toBe('one\n');
  });

  test('a follower gets what comes, and ends after the last words of a container that has ended', async () => {
    const file = fileOf(line(1, 'one'));
    let running = true;
    let text = '';
    const following = (async () => {
      const source = { file, isRunning: async () => running, signal: new AbortController().signal };
      for await (const part of readLogs(source, { ...all, follow: true })) text += Buffer.from(part).toString();
    })();
    await new Promise((resolve) => setImmediate(resolve));
    expect(text).toBe('one\n');
    file.grow(line(2, 'two').slice(0, 20));
    await new Promise((resolve) => setImmediate(resolve));
    expect(text).toBe('one\n');
    running = false;
    file.grow(line(2, 'two').slice(20));
    await following;
    expect(text).toBe('one\ntwo\n');
  });

  test.each([
    ['of a container that has ended', undefined],
    ['of a file that has been rotated', line(4, 'four')],
  ])('what is written late to the log %s is read', async (_what, following) => {
    let next = following === undefined ? undefined : fileOf(following);
    const source = {
      file: fileOf(line(1, 'one'), [line(2, 'two'), line(3, 'three')]),
      isRunning: async () => false,
      signal: new AbortController().signal,
      next: async () => {
        const found = next;
        next = undefined;
        return found;
      },
    };
    let text = '';
    for await (const part of readLogs(source, { ...all, follow: true })) text += Buffer.from(part).toString();
    expect(text).toBe(`one\ntwo\nthree\n${following === undefined ? '' : 'four\n'}`);
  });

  test('a log that is rotated with its container’s last words is read to the end', async () => {
    const last = fileOf(line(2, 'two'));
    const looks: (GrowingFile | undefined)[] = [undefined, last];
    const source = {
      file: fileOf(line(1, 'one')),
      isRunning: async () => false,
      signal: new AbortController().signal,
      next: async () => looks.shift(),
    };
    let text = '';
    for await (const part of readLogs(source, { ...all, follow: true })) text += Buffer.from(part).toString();
    expect(text).toBe('one\ntwo\n');
  });

  test('the tail is what the whole text ends with', async () => {
    const texts = fc.array(fc.string({ unit: 'grapheme-ascii', maxLength: 30 }), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(texts, fc.nat(25), async (lines, count) => {
        const text = lines.map((each) => line(1, each)).join('');
        const want = lines.slice(Math.max(0, lines.length - count)).map((each) => `${each}\n`);
        expect(await read(text, { tailLines: count })).toBe(want.join(''));
      }),
    );
  });
});

test('parseLogLine() reads tags that are followed by others', () => {
  const parsed = parseLogLine(Buffer.from('2026-01-01T00:00:00Z stderr P:x part'));
  expect(parsed && { ...parsed, text: Buffer.from(parsed.text).toString() }).toEqual({
    time: '2026-01-01T00:00:00Z',
    stream: 'stderr',
    text: 'part',
  });
});
