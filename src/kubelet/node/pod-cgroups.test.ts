import { mkdir, mkdtemp, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemFiles } from '../../base/ports/fs.ts';
import type { Mounts } from '../../base/ports/mounts.ts';
import { createPodCgroups } from './pod-cgroups.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'minke-cgroups-'));
});
afterEach(() => rm(dir, { recursive: true }));

const line = (path: string, controller: string) => `30 29 0:25 / ${path} rw - cgroup cgroup rw,${controller}\n`;
const mounts: Mounts = {
  mount: async () => {},
  tmpfs: async () => {},
  unmount: async () => {},
  below: async () => [],
  removeEmpty: (path) =>
    rmdir(path).then(
      () => true,
      () => false,
    ),
};

test('groups of pods that are gone go from every hierarchy, the others stay', async () => {
  const trees = ['cpu', 'memory'].map((name) => join(dir, name));
  for (const tree of trees) {
    await mkdir(join(tree, 'minke/kubepods/burstable/podgone/container'), { recursive: true });
    await mkdir(join(tree, 'minke/kubepods/podalive'), { recursive: true });
    await mkdir(join(tree, 'minke/kubepods/besteffort/podone'), { recursive: true });
  }
  const text = trees.map((tree, i) => line(tree, i === 0 ? 'cpu' : 'memory')).join('');
  const fs = { ...systemFiles, readText: async () => text };
  const cgroups = createPodCgroups({ fs, mounts });
  await cgroups.remove('/minke/kubepods/besteffort/podone');
  await cgroups.sweep('/minke', (uid) => uid === 'alive');
  for (const tree of trees) {
    const names = async (path: string) => (await systemFiles.list(join(tree, path))).map((entry) => entry.name);
    expect(await names('minke/kubepods')).toEqual(['besteffort', 'burstable', 'podalive']);
    expect(await names('minke/kubepods/burstable')).toEqual([]);
    expect(await names('minke/kubepods/besteffort')).toEqual([]);
  }
});
