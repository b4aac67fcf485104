import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseStat, systemProcesses } from './process.ts';

const sh = (script: string, more: { input?: string; deadlineMs?: number; signal?: AbortSignal; outputMaxBytes?: number } = {}) =>
  systemProcesses.run('/bin/sh', ['-c', script], { deadlineMs: 5_000, ...more });

test('a program’s output and exit code', async () => {
  expect(await sh('cat; echo no >&2; exit 3', { input: 'in' })).toEqual({ code: 3, stdout: 'in', stderr: 'no\n', truncated: false });
});

test('a program that a signal ended has the code -1', async () => {
  expect((await sh('kill -9 $$')).code).toBe(-1);
});

test('output beyond the limit is dropped', async () => {
  expect(await sh('echo 123456', { outputMaxBytes: 3 })).toMatchObject({ stdout: '123', truncated: true });
});

test('input that nobody reads is no error', async () => {
  expect((await sh('exit 0', { input: 'x'.repeat(1024 * 1024) })).code).toBe(0);
});

test('a program is ended at its deadline, and when its caller stops', async () => {
  await expect(sh('exec sleep 10', { deadlineMs: 30 })).rejects.toMatchObject({ code: 'deadlineExceeded' });
  const controller = new AbortController();
  const running = sh('exec sleep 10', { signal: controller.signal });
  setTimeout(() => controller.abort(), 20);
  await expect(running).rejects.toMatchObject({ code: 'aborted' });
  await expect(sh('true', { signal: controller.signal })).rejects.toMatchObject({ code: 'aborted' });
});

test('a program that does not exist', async () => {
  await expect(systemProcesses.run('/no/such', [], { deadlineMs: 100 })).rejects.toMatchObject({
    code: 'notFound',
    message: 'Cannot run /no/such',
  });
});

test('a detached program has a session of its own, writes to its log, and is found and ended by its identity', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'minke-process-'));
  const logFile = join(directory, 'log');
  const script = 'echo "$GREETING"; cut -d" " -f5-6 /proc/$$/stat; exec sleep 100';
  const started = await systemProcesses.startDetached('/bin/sh', ['-c', script], { logFile, env: { GREETING: 'hi' } });
  const text = async () => (await readFile(logFile, 'utf8')).trim().split('\n');
  while ((await text()).length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(await text()).toEqual(['hi', `${started.pid} ${started.pid}`]);
  expect(systemProcesses.list().find(({ pid }) => pid === started.pid)?.startTime).toBe(started.startTime);
  const another = { pid: started.pid, startTime: '1' };
  expect([systemProcesses.isRunning(another), systemProcesses.kill(another, 'SIGKILL')]).toEqual([false, false]);
  expect(systemProcesses.isRunning(started)).toBe(true);
  expect(systemProcesses.kill(started, 'SIGKILL')).toBe(true);
  while (systemProcesses.isRunning(started)) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(systemProcesses.kill(started, 'SIGTERM')).toBe(false);
  await rm(directory, { recursive: true });
});

const fields = Array.from({ length: 18 }, (_, i) => String(i)).join(' ');
test.each([
  [`7 (a) b) c) S ${fields} 4242 0`, { pid: 7, startTime: '4242' }],
  [`7 (gone) Z ${fields} 4242 0`, undefined],
])('parseStat(%j)', (stat, expected) => {
  expect(parseStat(7, stat)).toEqual(expected);
});
