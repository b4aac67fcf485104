// Control groups: which form this machine has, and the part of the tree that belongs to one cluster.
import { join } from 'node:path';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { MountPoint } from './mounts.ts';

/** `v1` includes the hybrid form, where v2 is mounted too but has no controllers of use. */
export type CgroupLayout =
  | { readonly version: 'v1'; readonly hierarchies: readonly CgroupHierarchy[] }
  | { readonly version: 'v2'; readonly hierarchies: readonly CgroupHierarchy[] }
  | { readonly version: 'none'; readonly hierarchies: readonly [] };

/** One mounted tree. `controllers` is empty for systemd's named one and for v2. */
export interface CgroupHierarchy {
  readonly path: string;
  readonly controllers: readonly string[];
}

const controllerNames = new Set([
  'cpu',
  'cpuacct',
  'cpuset',
  'memory',
  'devices',
  'freezer',
  'blkio',
  'pids',
  'hugetlb',
  'net_cls',
  'net_prio',
  'perf_event',
  'rdma',
  'misc',
]);

export function cgroupLayout(mounts: readonly MountPoint[]): CgroupLayout {
  const v1 = mounts
    .filter(({ type }) => type === 'cgroup')
    .map(({ path, superOptions }) => ({ path, controllers: superOptions.filter((option) => controllerNames.has(option)) }));
  const v2 = mounts.filter(({ type }) => type === 'cgroup2').map(({ path }) => ({ path, controllers: [] }));
  if (v1.some(({ controllers }) => controllers.includes('cpu')) && v1.some(({ controllers }) => controllers.includes('memory'))) {
    return { version: 'v1', hierarchies: [...v1, ...v2] };
  }
  const [unified] = v2;
  return unified ? { version: 'v2', hierarchies: [unified] } : { version: 'none', hierarchies: [] };
}

/** Where the runtime itself runs, below the cluster's root. On v2 no process may be in a group that hands controllers on. */
const runtimeGroup = 'runtime';

/**
 * Makes the cluster's groups in every hierarchy. A new cpuset of v1 has no CPUs and no memory nodes and takes no process until
 * both are filled in. Gives the `cgroup.procs` files that the runtime joins.
 */
export async function prepareCgroups(options: {
  readonly fs: FileSystem;
  readonly layout: CgroupLayout;
  /** `/minke-3fa9c1` */
  readonly root: string;
  readonly podsCgroup: string;
}): Promise<readonly string[]> {
  const { fs, layout, root, podsCgroup } = options;
  const joined: string[] = [];
  for (const { path, controllers } of layout.hierarchies) {
    const groups = [join(path, root), join(path, podsCgroup), join(path, root, runtimeGroup)];
    for (const group of groups) {
      await fs.mkdir(group);
      if (controllers.includes('cpuset')) await fillCpuset(fs, group);
    }
    // Accounting and limits stay as they are for the runtime: it only leaves what the service manager would end with Minke.
    const isTracking = controllers.length === 0 || controllers.includes('pids');
    if (isTracking) joined.push(join(path, root, runtimeGroup, 'cgroup.procs'));
  }
  return joined;
}

async function fillCpuset(fs: FileSystem, group: string): Promise<void> {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    if ((await fs.readText(join(group, file)))?.trim() !== '') continue;
    const inherited = (await fs.readText(join(group, '..', file)))?.trim() ?? '';
    if (inherited !== '') await fs.writeInto(join(group, file), inherited);
  }
}

/** Every group at or below the cluster's root, in all hierarchies; children before their parents. */
export async function groupsBelow(fs: FileSystem, layout: CgroupLayout, root: string): Promise<readonly string[]> {
  const found: string[] = [];
  const visit = async (path: string): Promise<void> => {
    for (const entry of await fs.list(path)) {
      if (entry.kind === 'directory') await visit(join(path, entry.name));
    }
    found.push(path);
  };
  for (const { path } of layout.hierarchies) {
    const top = join(path, root);
    if (await fs.exists(top)) await visit(top);
  }
  return found;
}

/** The numbers of all processes in these groups. */
export async function processesIn(fs: FileSystem, groups: readonly string[]): Promise<ReadonlySet<number>> {
  const texts = await Promise.all(groups.map((group) => fs.readText(join(group, 'cgroup.procs')).catch(() => undefined)));
  return new Set(
    texts.flatMap((text) =>
      (text ?? '')
        .split('\n')
        .filter((line) => line !== '')
        .map(Number),
    ),
  );
}
