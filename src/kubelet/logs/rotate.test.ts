import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { appendFile, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { systemFollower } from '../../base/ports/file-follow.ts';
import { systemFiles } from '../../base/ports/fs.ts';
import { readLogs } from '../server/logs/read-logs.ts';
import { type LogRotationOptions, rotateWhenLong, runLogRotation } from './rotate.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'minke-logs-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const clock = new VirtualClock({ settle: turn });
const line = (text: string) => `2026-01-01T00:00:00.000000001Z stdout F ${text}\n`;

/** A runtime that has the log open, as the real one does: it writes on to the renamed file until it is told to reopen. */
async function writer(path: string) {
  let file = await open(path, 'a');
  return {
    write: (text: string) => file.appendFile(line(text)),
    async reopenLog() {
      await file.close();
      file = await open(path, 'a');
    },
    close: () => file.close(),
  };
}

function options(runtime: LogRotationOptions['runtime'], more: Partial<LogRotationOptions> = {}): LogRotationOptions {
  const { signal } = new AbortController();
  return {
    fs: systemFiles,
    runtime,
    clock,
    log: silentLogger,
    signal,
    running: () => [],
    maxBytes: 100,
    maxFiles: 3,
    checkMs: 10_000,
    ...more,
  };
}

describe('rotation of logs', () => {
  test('keeps so many files, the newest', async () => {
    const path = join(folder, '0.log');
    const runtime = await writer(path);
    const log = { containerId: 'c', path };
    expect(await rotateWhenLong(options(runtime), log)).toBe(false);
    for (let i = 0; i < 6; i++) {
      await runtime.write(`${i} ${'x'.repeat(100)}`);
      expect(await rotateWhenLong(options(runtime), log)).toBe(true);
      await clock.advance(1500);
    }
    await runtime.write('last');
    await runtime.close();
    const names = readdirSync(folder).sort();
    expect(names).toHaveLength(3);
    expect(names.map((name) => readFileSync(join(folder, name), 'utf8').split(' ')[3]?.trim())).toEqual(['last', '4', '5']);
  });

  test('a runtime that does not reopen leaves the log where it is', async () => {
    const path = join(folder, '0.log');
    await appendFile(path, 'x'.repeat(200));
    const failing = { reopenLog: () => Promise.reject(new Error('away')) };
    await expect(rotateWhenLong(options(failing), { containerId: 'c', path })).rejects.toThrow('away');
    expect(readdirSync(folder)).toEqual(['0.log']);
  });

  test('the loop looks at every log, in its time, and ends with its signal', async () => {
    const path = join(folder, '0.log');
    await appendFile(path, 'x'.repeat(200));
    const controller = new AbortController();
    const asked: string[] = [];
    let reopened = () => {};
    const first = new Promise<void>((resolve) => {
      reopened = resolve;
    });
    const runtime = {
      async reopenLog(id: string) {
        asked.push(id);
        reopened();
      },
    };
    const running = () => [
      { containerId: 'gone', path: join(folder, 'gone.log') },
      { containerId: 'c', path },
    ];
    const ended = runLogRotation(options(runtime, { running, signal: controller.signal }));
    await clock.advance(9000);
    expect(asked).toEqual([]);
    await clock.advance(2000);
    await first;
    expect(asked).toEqual(['c']);
    controller.abort();
    await ended;
  });

  test('who follows reads every line once, in order, through any number of rotations', async () => {
    const path = join(folder, '0.log');
    const runtime = await writer(path);
    const count = 400;
    let writing = true;
    const write = (async () => {
      for (let i = 0; i < count; i++) {
        await runtime.write(`line-${i}`);
        if (i % 90 === 89) {
          await clock.advance(1);
          await rotateWhenLong(options(runtime, { maxFiles: 10 }), { containerId: 'c', path });
        }
      }
      writing = false;
    })();
    const file = await systemFollower.open(path);
    if (!file) throw new Error('no log');
    const source = {
      file,
      isRunning: async () => writing,
      next: async (last: typeof file) => systemFollower.next?.(path, last),
      signal: new AbortController().signal,
    };
    let text = '';
    const all = { timestamps: false, tailLines: undefined, sinceMs: undefined, limitBytes: undefined, stream: 'all' } as const;
    for await (const part of readLogs(source, { follow: true, ...all })) text += Buffer.from(part).toString();
    await write;
    await file.close();
    await runtime.close();
    expect(text.trim().split('\n')).toEqual(Array.from({ length: count }, (_, i) => `line-${i}`));
  });
});
