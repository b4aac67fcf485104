// What this machine can do for containers: cgroups, OOM scores, overlay mounts, containerd's version.
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes } from '../../base/ports/process.ts';
import { type CgroupLayout, cgroupLayout } from './cgroups.ts';
import { type ContainerdVersion, parseVersion } from './config.ts';
import { parseMountInfo } from './mounts.ts';

export interface NodeFacts {
  readonly cgroups: CgroupLayout;
  readonly canLowerOomScore: boolean;
}

const programMs = 10_000;
const oomScoreFile = '/proc/self/oom_score_adj';

export async function nodeFacts(fs: FileSystem): Promise<NodeFacts> {
  const mounts = parseMountInfo((await fs.readText('/proc/self/mountinfo')) ?? '');
  return { cgroups: cgroupLayout(mounts), canLowerOomScore: await canLowerOomScore(fs) };
}

/** Tries it on ourselves, by the smallest step, and takes it back (raising is always allowed). */
async function canLowerOomScore(fs: FileSystem): Promise<boolean> {
  const before = Number((await fs.readText(oomScoreFile))?.trim() ?? Number.NaN);
  if (Number.isNaN(before)) return false;
  if (before <= -1000) return true;
  try {
    await fs.writeInto(oomScoreFile, String(before - 1));
  } catch {
    return false;
  }
  await fs.writeInto(oomScoreFile, String(before));
  return true;
}

/** Undefined when containerd does not say. */
export async function containerdVersion(processes: Processes, path: string): Promise<ContainerdVersion | undefined> {
  const { stdout } = await processes.run(path, ['--version'], { deadlineMs: programMs });
  return parseVersion(stdout);
}

/** Mounts an overlay on the file system of `directory`, as containerd would: it fails on overlays themselves and on some others. */
export async function detectSnapshotter(options: {
  readonly fs: FileSystem;
  readonly processes: Processes;
  readonly directory: string;
}): Promise<'overlayfs' | 'native'> {
  const { fs, processes, directory } = options;
  const probe = join(directory, 'overlay-probe');
  const part = (name: string) => join(probe, name);
  await fs.remove(probe);
  try {
    for (const name of ['lower', 'upper', 'work', 'merged']) await fs.mkdir(part(name));
    const layers = `lowerdir=${part('lower')},upperdir=${part('upper')},workdir=${part('work')}`;
    const mounted = await processes.run('mount', ['-t', 'overlay', 'overlay', '-o', layers, part('merged')], { deadlineMs: programMs });
    if (mounted.code !== 0) return 'native';
    await processes.run('umount', [part('merged')], { deadlineMs: programMs });
    return 'overlayfs';
  } finally {
    await fs.remove(probe);
  }
}
