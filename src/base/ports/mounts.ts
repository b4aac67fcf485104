// Mounts as a port: memory file systems, and what is mounted where. The machine's own through mount(8) and /proc.
import { mkdir, open, readFile, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { openInside } from './inside.ts';
import { systemProcesses } from './process.ts';

export interface TmpfsOptions {
  /** Absent: half of the machine's memory. */
  readonly sizeBytes?: number | undefined;
  readonly mode: number;
}

/** As mount(2) takes it; `bind` for a directory that is to be seen in a second place. */
export interface MountOptions {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface Mounts {
  /** Mounts on an existing directory. Rejects where the process may not. */
  mount(path: string, options: MountOptions): Promise<void>;
  /** Mounts a memory file system on an existing directory. Rejects where the process may not. */
  tmpfs(path: string, options: TmpfsOptions): Promise<void>;
  /** Nothing mounted there is no error. */
  unmount(path: string): Promise<void>;
  /** The mount points at or below `path`, the deepest first. */
  below(path: string): Promise<readonly string[]>;
  /**
   * Makes the file or directory at `path`, which has no link in it and lies in `root`, seen at `target`, which is made. Each step is
   * opened from the one before, and no link is followed: whoever swaps a part of the path for one meanwhile makes it reject. Absent:
   * mounts that cannot.
   */
  bindInside?(of: { readonly root: string; readonly path: string; readonly target: string }): Promise<void>;
  /** Removes a directory that holds nothing, such as one of the kernel's own file systems. False when it is in use. Nothing there is no error. */
  removeEmpty(path: string): Promise<boolean>;
}

const deadlineMs = 10_000;

async function run(command: string, args: readonly string[]): Promise<void> {
  const result = await systemProcesses.run(command, args, { deadlineMs });
  if (result.code !== 0) throw new Error(`${command} ${args.join(' ')} failed with ${result.code}: ${result.stderr.trim()}`);
}

/** mountinfo writes blanks in paths as octal. */
const unescapePath = (text: string): string =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Whether the mount that holds an absolute path is shared with other mount namespaces, by a text as of /proc/self/mountinfo, and where it is. */
export function mountHolding(text: string, path: string): { readonly point: string; readonly isShared: boolean } {
  let found = { point: '/', isShared: false };
  for (const line of text.split('\n')) {
    const [own = ''] = line.split(' - ');
    const [, , , , escaped, , ...optional] = own.split(' ');
    const point = unescapePath(escaped ?? '');
    // Of those at the same place the last one is seen.
    const holds = point === path || path.startsWith(point === '/' ? '/' : `${point}/`);
    if (point === '' || !holds || point.length < found.point.length) continue;
    found = { point, isShared: optional.some((field) => field.startsWith('shared:')) };
  }
  return found;
}

/**
 * Has what is mounted below a directory from now on seen wherever the directory is seen with propagation: containers may mount for the
 * machine there. Without it the runtime refuses such volumes. As the kubelet of Kubernetes does with its own directory. Where something
 * is mounted there already nothing is done: it would be covered. False when the directory does not share its mounts.
 */
export async function shareMounts(path: string): Promise<boolean> {
  const { point, isShared } = mountHolding(await readFile('/proc/self/mountinfo', 'utf8'), path);
  if (isShared) return true;
  if (point !== path) {
    if ((await systemMounts.below(path)).length > 0) return false;
    await run('mount', ['--bind', path, path]);
  }
  await run('mount', ['--make-shared', path]);
  return true;
}

export const systemMounts: Mounts = {
  async bindInside({ root, path, target }) {
    const opened = await openInside(root, path);
    try {
      await mkdir(dirname(target), { recursive: true, mode: 0o750 });
      if ((await opened.stat()).isDirectory()) await mkdir(target, { recursive: true, mode: 0o750 });
      else await (await open(target, 'a', 0o640)).close();
      // What is open is mounted, whatever its path leads to by now: mount(8) must not look at the path itself.
      await run('mount', ['--no-canonicalize', '-o', 'bind', `/proc/${process.pid}/fd/${opened.fd}`, target]);
    } finally {
      await opened.close();
    }
  },
  async removeEmpty(path) {
    try {
      await rmdir(path);
      return true;
    } catch (error) {
      return (error as { code?: string }).code === 'ENOENT';
    }
  },
  tmpfs: (path, { sizeBytes, mode }) => {
    const options = [`mode=${mode.toString(8)}`, ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`])].join(',');
    return run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]);
  },
  mount: (path, { type, source, options }) => run('mount', ['-t', type === 'bind' ? 'none' : type, '-o', options.join(','), source, path]),
  async unmount(path) {
    if ((await systemMounts.below(path)).includes(path)) await run('umount', [path]);
  },
  async below(path) {
    const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
    const points = lines.map((line) => unescapePath(line.split(' ')[4] ?? ''));
    return points.filter((point) => point === path || point.startsWith(`${path}/`)).sort((a, b) => b.length - a.length);
  },
};
