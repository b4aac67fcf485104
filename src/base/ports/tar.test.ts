import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseTarHeader, systemArchives, type TarEntry, TarError, tarHeader } from './tar.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'minke-tar-'));
});
afterEach(() => rm(directory, { recursive: true }));

const long = `${'deep/'.repeat(40)}file`;
const entries: readonly TarEntry[] = [
  { kind: 'directory', name: 'etc', mode: 0o755 },
  { kind: 'file', name: 'etc/a', mode: 0o4755, uid: 7, gid: 8, content: Buffer.from('hello\n') },
  { kind: 'link', name: 'etc/b', mode: 0o777, target: 'a' },
  { kind: 'link', name: 'far', mode: 0o777, target: `/${long}` },
  { kind: 'file', name: long, mode: 0o600, content: Buffer.from('deep') },
  { kind: 'file', name: 'ümlaut', mode: 0o644, content: new Uint8Array(1024) },
];

test('tar itself reads what is written', async () => {
  const path = join(directory, 'a.tar');
  const { sizeBytes } = await systemArchives.write(path, entries);
  expect((await readFile(path)).length).toBe(sizeBytes);
  const listed = execFileSync('tar', ['--numeric-owner', '-tvf', path], { env: { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' } })
    .toString()
    .trim()
    .split('\n');
  expect(listed.map((line) => line.replace(/ +/g, ' '))).toEqual([
    'drwxr-xr-x 0/0 0 1970-01-01 00:00 etc/',
    '-rwsr-xr-x 7/8 6 1970-01-01 00:00 etc/a',
    'lrwxrwxrwx 0/0 0 1970-01-01 00:00 etc/b -> a',
    `lrwxrwxrwx 0/0 0 1970-01-01 00:00 far -> /${long}`,
    `-rw------- 0/0 4 1970-01-01 00:00 ${long}`,
    '-rw-r--r-- 0/0 1024 1970-01-01 00:00 ümlaut',
  ]);
  expect(execFileSync('tar', ['-xOf', path, long]).toString()).toBe('deep');
});

test('the same entries give the same bytes, from memory and from files', async () => {
  await writeFile(join(directory, 'big'), Buffer.alloc(3 * 1024 * 1024 + 5, 'x'));
  const fromFile: TarEntry = {
    kind: 'file',
    name: 'big',
    mode: 0o644,
    content: { path: join(directory, 'big'), sizeBytes: 3 * 1024 * 1024 + 5 },
  };
  const fromMemory: TarEntry = { ...fromFile, content: await readFile(join(directory, 'big')) };
  const first = await systemArchives.write(join(directory, '1.tar'), [fromFile]);
  const second = await systemArchives.write(join(directory, '2.tar'), [fromMemory]);
  expect(first).toEqual(second);
});

test('a file that has become shorter is an error, not a broken archive', async () => {
  await writeFile(join(directory, 'short'), 'abc');
  const entry: TarEntry = { kind: 'file', name: 'short', mode: 0o644, content: { path: join(directory, 'short'), sizeBytes: 10 } };
  await expect(systemArchives.write(join(directory, 'a.tar'), [entry])).rejects.toThrow('it has become shorter than 10 bytes');
});

test('wanted entries are read, from our archives and from tar’s own', async () => {
  const path = join(directory, 'a.tar');
  await systemArchives.write(path, entries);
  const read = async (from: string, name: string) =>
    Buffer.from((await systemArchives.read(from, (found) => found === name, 4_096)).get(name) ?? []).toString();
  expect(await read(path, 'etc/a')).toBe('hello\n');
  expect(await read(path, long)).toBe('deep');
  for (const format of ['gnu', 'pax', 'ustar']) {
    execFileSync('tar', ['-xf', path, '-C', directory, 'etc']);
    const other = join(directory, `${format}.tar`);
    execFileSync('tar', ['-cf', other, `--format=${format}`, '-C', directory, './etc']);
    expect(await read(other, 'etc/a')).toBe('hello\n');
  }
});

test('what is no archive, is damaged, or is too large is refused', async () => {
  const path = join(directory, 'text');
  const all = () => true;
  await writeFile(path, 'no archive'.repeat(100));
  await expect(systemArchives.read(path, all, 100)).rejects.toThrow(TarError);
  await writeFile(path, '');
  await expect(systemArchives.read(path, all, 100)).rejects.toThrow('it holds no tar archive');
  await writeFile(path, Buffer.concat([tarHeader({ kind: 'file', name: 'a', mode: 0, content: new Uint8Array(200) }), Buffer.alloc(512)]));
  await expect(systemArchives.read(path, all, 100)).rejects.toThrow('its entry "a" has 200 bytes, more than 100');
});

test('a header tells the name and size that were written', () => {
  const names = fc.stringMatching(/^[a-z]{1,20}(\/[a-z]{1,20}){0,3}$/);
  fc.assert(
    fc.property(names, fc.integer({ min: 0, max: 0o77777777777 }), (name, sizeBytes) => {
      const header = tarHeader({ kind: 'file', name, mode: 0o644, content: { path: '/x', sizeBytes } });
      expect(parseTarHeader(header)).toEqual({ name, size: sizeBytes, type: '0' });
    }),
  );
});
