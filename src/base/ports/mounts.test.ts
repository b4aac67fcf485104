import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mountHolding, shareMounts, systemMounts } from './mounts.ts';

describe.runIf(process.getuid?.() === 0)('bindInside()', () => {
  let dir: string;
  const bind = (path: string) =>
    systemMounts.bindInside?.({ root: join(dir, 'volume'), path: join(dir, 'volume', path), target: join(dir, 'held/0') });
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'minke-mounts-'));
    mkdirSync(join(dir, 'volume/a/b'), { recursive: true });
    writeFileSync(join(dir, 'volume/a/b/file'), 'mine');
    mkdirSync(join(dir, 'outside/b'), { recursive: true });
    writeFileSync(join(dir, 'outside/b/file'), 'secret');
  });
  afterEach(async () => {
    for (const point of await systemMounts.below(dir)) await systemMounts.unmount(point);
    rmSync(dir, { recursive: true });
  });

  test('a directory, and a file', async () => {
    await bind('a/b');
    expect(readFileSync(join(dir, 'held/0/file'), 'utf8')).toBe('mine');
    await systemMounts.unmount(join(dir, 'held/0'));
    rmSync(join(dir, 'held'), { recursive: true });
    await bind('a/b/file');
    expect(readFileSync(join(dir, 'held/0'), 'utf8')).toBe('mine');
  });

  test.each([
    ['the last part', 'a/b', 'b'],
    ['a part on the way', 'a', ''],
  ])('%s was swapped for a link out of the volume: refused, and nothing is mounted', async (_what, swapped, outside) => {
    renameSync(join(dir, 'volume', swapped), join(dir, 'volume/aside'));
    symlinkSync(join(dir, 'outside', outside), join(dir, 'volume', swapped));
    await expect(bind('a/b')).rejects.toThrow();
    await expect(bind('a/b/file')).rejects.toThrow();
    expect(await systemMounts.below(dir)).toEqual([]);
  });

  test('what was opened is mounted, though its path leads elsewhere by now', async () => {
    const swap = async () => {
      for (let i = 0; i < 60; i++) {
        renameSync(join(dir, 'volume/a'), join(dir, 'volume/aside'));
        symlinkSync(join(dir, 'outside'), join(dir, 'volume/a'));
        await new Promise((resolve) => setImmediate(resolve));
        rmSync(join(dir, 'volume/a'));
        renameSync(join(dir, 'volume/aside'), join(dir, 'volume/a'));
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const swapping = swap();
    for (let i = 0; i < 12; i++) {
      const done = await bind('a/b')?.then(
        () => true,
        () => false,
      );
      if (!done) continue;
      expect(readFileSync(join(dir, 'held/0/file'), 'utf8')).toBe('mine');
      await systemMounts.unmount(join(dir, 'held/0'));
    }
    await swapping;
  });
});

const table = [
  '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
  '30 27 0:5 / /run rw shared:7 - tmpfs tmpfs rw',
  '31 30 0:6 / /run/a\\040b rw master:3 - tmpfs tmpfs rw',
  '32 27 0:7 / /data rw - ext4 /dev/vdb rw',
  '33 27 0:7 / /data rw shared:9 master:2 - ext4 /dev/vdb rw',
].join('\n');
test.each([
  ['/etc', '/', false],
  ['/run', '/run', true],
  ['/run/x', '/run', true],
  ['/runner', '/', false],
  ['/run/a b/c', '/run/a b', false],
  ['/data/x', '/data', true],
])('%s is held by the mount at %s (shared: %s)', (path, point, isShared) => {
  expect(mountHolding(table, path)).toEqual({ point, isShared });
});

describe.runIf(process.getuid?.() === 0)('shareMounts()', () => {
  let dir: string;
  const holding = () => mountHolding(readFileSync('/proc/self/mountinfo', 'utf8'), dir);
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'minke-share-'));
    mkdirSync(join(dir, 'a'));
  });
  afterEach(async () => {
    for (const point of await systemMounts.below(dir)) await systemMounts.unmount(point);
    rmSync(dir, { recursive: true });
  });

  test('a directory shares its mounts, also when it is asked to twice', async () => {
    expect([await shareMounts(dir), await shareMounts(dir)]).toEqual([true, true]);
    expect(holding().isShared).toBe(true);
    expect((await systemMounts.below(dir)).length).toBeLessThanOrEqual(1);
  });

  test('what is mounted there already is not covered', async () => {
    await systemMounts.tmpfs(join(dir, 'a'), { mode: 0o755 });
    const { isShared } = holding();
    expect(await shareMounts(dir)).toBe(isShared);
    expect(await systemMounts.below(dir)).toEqual([join(dir, 'a')]);
  });
});
