// The real file system: replacement in one step, creation by one of many, what is missing is undefined.
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FileError, systemFiles as files } from './fs.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'minke-fs-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('write', () => {
  test('replaces content and mode, and leaves no temporary file', async () => {
    const path = join(dir, 'a');
    await files.write(path, 'one');
    await files.write(path, new TextEncoder().encode('two'), { mode: 0o600, durable: true });
    expect(await files.readText(path)).toBe('two');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await files.list(dir)).toEqual([{ name: 'a', kind: 'file' }]);
  });

  test('gives the mode asked for whatever the umask', async () => {
    const before = process.umask(0o077);
    try {
      await files.write(join(dir, 'a'), '', { mode: 0o666 });
    } finally {
      process.umask(before);
    }
    expect((await files.stat(join(dir, 'a')))?.mode).toBe(0o666);
  });

  test('a reader never finds a part', async () => {
    const path = join(dir, 'a');
    const contents = ['x'.repeat(100_000), 'y'.repeat(100_000)];
    await files.write(path, contents[0] ?? '');
    let writing = true;
    const writer = (async () => {
      for (let i = 0; i < 50; i++) await files.write(path, contents[i % 2] ?? '');
      writing = false;
    })();
    while (writing) expect(contents).toContain(await files.readText(path));
    await writer;
  });

  test('names the action, the path and the code of a failure', async () => {
    const error = await files.write(join(dir, 'no', 'a'), '').catch((e: unknown) => e);
    expect(error).toBeInstanceOf(FileError);
    expect((error as FileError).code).toBe('ENOENT');
    expect((error as FileError).message).toBe(`Cannot write "${join(dir, 'no', 'a')}": no such file or directory (ENOENT)`);
  });

  test('into a file that stands keeps the file', async () => {
    const path = join(dir, 'a');
    await files.write(path, 'abc');
    const before = await files.stat(path);
    await files.writeInto(path, 'X');
    expect((await files.stat(path))?.inode).toBe(before?.inode);
    await expect(files.writeInto(join(dir, 'b'), 'X')).rejects.toThrow(FileError);
  });
});

describe('create', () => {
  test('succeeds for exactly one of many', async () => {
    const path = join(dir, 'lock');
    const won = await Promise.all(Array.from({ length: 20 }, (_, i) => files.create(path, `${i}`)));
    expect(won.filter(Boolean)).toHaveLength(1);
    expect(await files.readText(path)).toBe(String(won.indexOf(true)));
    expect(await files.list(dir)).toHaveLength(1);
  });
});

describe('readAt', () => {
  test('gives a part, and less at the end', async () => {
    await files.write(join(dir, 'a'), 'abcdef');
    const text = async (offset: number, length: number) => new TextDecoder().decode(await files.readAt(join(dir, 'a'), offset, length));
    expect([await text(1, 3), await text(4, 10), await text(9, 1)]).toEqual(['bcd', 'ef', '']);
    expect(await files.readAt(join(dir, 'none'), 0, 1)).toBeUndefined();
  });
});

describe('what is missing', () => {
  test('reads as undefined, lists as empty, is removed without an error', async () => {
    const path = join(dir, 'none');
    expect(await files.read(path)).toBeUndefined();
    expect(await files.readText(path)).toBeUndefined();
    expect(await files.stat(path)).toBeUndefined();
    expect(await files.readLink(path)).toBeUndefined();
    expect(await files.realPath(path)).toBeUndefined();
    expect(await files.exists(path)).toBe(false);
    expect(await files.list(path)).toEqual([]);
    await files.remove(path);
  });
});

describe('directories and links', () => {
  test('mkdir makes parents, sets the mode once, and keeps what stands', async () => {
    const path = join(dir, 'x', 'y');
    await files.mkdir(path, { mode: 0o700 });
    await files.mkdir(path, { mode: 0o755 });
    expect(await files.stat(path)).toMatchObject({ kind: 'directory', mode: 0o700 });
  });

  test('symlink replaces a link in one step, remove takes the link and not its target', async () => {
    await files.mkdir(join(dir, 'v1'));
    await files.mkdir(join(dir, 'v2'));
    await files.symlink('v1', join(dir, 'now'));
    await files.symlink('v2', join(dir, 'now'));
    expect(await files.readLink(join(dir, 'now'))).toBe('v2');
    expect(await files.linkStat(join(dir, 'now'))).toMatchObject({ kind: 'link' });
    expect(await files.stat(join(dir, 'now'))).toMatchObject({ kind: 'directory' });
    await files.remove(join(dir, 'now'));
    expect((await files.list(dir)).map((entry) => entry.name)).toEqual(['v1', 'v2']);
  });

  test('rename, copy, append', async () => {
    await files.append(join(dir, 'a'), 'x');
    await files.append(join(dir, 'a'), 'y');
    await files.copy(join(dir, 'a'), join(dir, 'b'));
    await files.rename(join(dir, 'b'), join(dir, 'c'));
    expect(await files.readText(join(dir, 'c'))).toBe('xy');
    expect((await files.list(dir)).map((entry) => entry.name)).toEqual(['a', 'c']);
  });
});
