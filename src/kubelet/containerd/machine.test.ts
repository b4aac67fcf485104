// What is read of the machine: mounts, control groups, programs, the end of a log.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import type { RemoveDirectory } from '../../base/ports/directories.ts';
import { type FileSystem, systemFiles } from '../../base/ports/fs.ts';
import { cgroupLayout, groupsBelow, prepareCgroups, processesIn } from './cgroups.ts';
import { lastWords } from './log-file.ts';
import { mountsBelow, parseMountInfo } from './mounts.ts';
import { findPrograms } from './packages.ts';
import { createCgroupRemover } from './remove-cgroup.ts';

const mountInfo = [
  '22 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard',
  '30 22 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
  '31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 master:3 - cgroup cgroup rw,cpu,cpuacct',
  '32 30 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset',
  '33 30 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
  '34 30 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd',
  '35 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
  '40 22 0:50 / /var/lib/minke/a\\040b rw - overlay overlay rw',
  '41 40 0:51 / /var/lib/minke/a\\040b/c rw - tmpfs tmpfs rw',
  '42 22 0:52 / /var/lib/minke2 rw - tmpfs tmpfs rw',
  '',
].join('\n');

describe('mounts', () => {
  test('are read with their types, options and unescaped paths', () => {
    const mounts = parseMountInfo(mountInfo);
    expect(mounts).toHaveLength(10);
    expect(mounts[2]).toEqual({ path: '/sys/fs/cgroup/cpu,cpuacct', type: 'cgroup', superOptions: ['rw', 'cpu', 'cpuacct'] });
    expect(mounts[7]?.path).toBe('/var/lib/minke/a b');
  });

  test('below a directory come inner ones first, and not those of a neighbour', () => {
    expect(mountsBelow(parseMountInfo(mountInfo), ['/var/lib/minke'])).toEqual(['/var/lib/minke/a b/c', '/var/lib/minke/a b']);
  });
});

describe('cgroupLayout', () => {
  test('v1, hybrid', () => {
    expect(cgroupLayout(parseMountInfo(mountInfo))).toEqual({
      version: 'v1',
      hierarchies: [
        { path: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] },
        { path: '/sys/fs/cgroup/cpuset', controllers: ['cpuset'] },
        { path: '/sys/fs/cgroup/memory', controllers: ['memory'] },
        { path: '/sys/fs/cgroup/systemd', controllers: [] },
        { path: '/sys/fs/cgroup/unified', controllers: [] },
      ],
    });
  });

  test('v2', () => {
    const mounts = parseMountInfo('30 22 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate');
    expect(cgroupLayout(mounts)).toEqual({ version: 'v2', hierarchies: [{ path: '/sys/fs/cgroup', controllers: [] }] });
  });

  test('none', () => {
    expect(cgroupLayout(parseMountInfo('22 1 254:0 / / rw - ext4 /dev/vda rw'))).toEqual({ version: 'none', hierarchies: [] });
  });
});

describe('on a disk', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'minke-machine-'));
  });
  afterEach(() => rm(directory, { recursive: true }));

  test('an empty cpuset gets what its parent has; the runtime joins only groups without limits', async () => {
    const cpuset = join(directory, 'cpuset');
    for (const [path, value] of [
      ['', '0-3\n'],
      ['minke-1', '\n'],
      ['minke-1/kubepods', '\n'],
      ['minke-1/runtime', '1\n'],
    ] as const) {
      await systemFiles.mkdir(join(cpuset, path));
      await systemFiles.write(join(cpuset, path, 'cpuset.cpus'), value);
      await systemFiles.write(join(cpuset, path, 'cpuset.mems'), value);
    }
    const hierarchies = [
      { path: cpuset, controllers: ['cpuset'] },
      { path: join(directory, 'pids'), controllers: ['pids'] },
      { path: join(directory, 'systemd'), controllers: [] },
      { path: join(directory, 'memory'), controllers: ['memory'] },
    ];
    const joined = await prepareCgroups({
      fs: systemFiles,
      layout: { version: 'v1', hierarchies },
      root: '/minke-1',
      podsCgroup: '/minke-1/kubepods',
    });
    const read = async (path: string) => (await systemFiles.readText(join(cpuset, path, 'cpuset.cpus')))?.trim();
    expect([await read('minke-1'), await read('minke-1/kubepods'), await read('minke-1/runtime')]).toEqual(['0-3', '0-3', '1']);
    expect(joined).toEqual(['pids', 'systemd'].map((name) => join(directory, name, 'minke-1/runtime/cgroup.procs')));
    expect(await systemFiles.exists(join(directory, 'memory/minke-1/kubepods'))).toBe(true);
  });

  test('groups are listed children first, and their processes read', async () => {
    const top = join(directory, 'minke-1');
    await systemFiles.mkdir(join(top, 'a/b'));
    await systemFiles.write(join(top, 'a/b/cgroup.procs'), '7\n8\n');
    await systemFiles.write(join(top, 'cgroup.procs'), '');
    const groups = await groupsBelow(systemFiles, { version: 'v2', hierarchies: [{ path: directory, controllers: [] }] }, '/minke-1');
    expect(groups).toEqual([join(top, 'a/b'), join(top, 'a'), top]);
    expect([...(await processesIn(systemFiles, groups))]).toEqual([7, 8]);
  });

  test.each([
    [
      'time="t" level=info msg="ok"\ntime="t" level=fatal msg="cannot \\"open\\"" error="busy"\ntime="t" level=info msg="bye"\n',
      'cannot \\"open\\": busy',
    ],
    ['time="t" level=warning msg="only this"\n', 'only this'],
    ['containerd: failed to load TOML\n', 'containerd: failed to load TOML'],
    ['', 'its log'],
  ])('the last words of %j', async (log, expected) => {
    const path = join(directory, 'log');
    await systemFiles.write(path, log);
    expect(await lastWords(systemFiles, path)).toContain(expected);
  });
});

describe('findPrograms', () => {
  const machineWith = (...paths: string[]): FileSystem => ({ ...systemFiles, exists: async (path) => paths.includes(path) });
  const all = [
    '/usr/bin/containerd',
    '/usr/bin/ctr',
    '/usr/sbin/runc',
    '/usr/sbin/nft',
    '/sbin/ip',
    '/sbin/bridge',
    '/bin/busybox',
    '/usr/bin/catatonit',
  ];
  const plugins = ['bridge', 'host-local', 'loopback'].map((name) => `/opt/cni/bin/${name}`);

  test('says where each is', async () => {
    const found = await findPrograms(machineWith(...all, ...plugins));
    expect(found).toMatchObject({
      complete: true,
      programs: { cniBinDir: '/opt/cni/bin', paths: { nft: '/usr/sbin/nft', ip: '/sbin/ip' } },
    });
  });

  test('names everything that is missing, and one command that brings it', async () => {
    const found = await findPrograms(machineWith(...all.slice(3), ...plugins.slice(1)));
    expect(found).toMatchObject({
      complete: false,
      packages: ['containerd', 'runc', 'containernetworking-plugins'],
      message:
        'A node needs containerd, ctr, runc and the CNI plugins bridge, host-local and loopback, which this machine lacks: run "apt-get install containerd runc containernetworking-plugins"',
    });
  });
});

describe('removing a pod’s cgroup', () => {
  const remover = (directory: string, removeDirectory: RemoveDirectory, clock: VirtualClock) =>
    createCgroupRemover({
      clusterId: '1',
      layout: { version: 'v2', hierarchies: [{ path: directory, controllers: [] }] },
      fs: { ...systemFiles, list: async () => [], exists: async () => true },
      removeDirectory,
      clock,
    });

  test('tries again while the kernel holds it', async () => {
    const clock = new VirtualClock({ settle: turn });
    const answers = ['busy', 'busy', 'removed'] as const;
    let calls = 0;
    const done = remover('/cg', async () => answers[calls++] ?? 'absent', clock)('/kubepods/pod1');
    await clock.advance(100);
    await done;
    expect(calls).toBe(3);
  });

  test('gives up, and says so, when a process stays', async () => {
    const clock = new VirtualClock({ settle: turn });
    const failing = expect(remover('/cg', async () => 'busy', clock)('/kubepods/pod1')).rejects.toThrow(
      'Cannot remove the control group "/minke-1/kubepods/pod1": a process is still in it',
    );
    await clock.advance(2_000);
    await failing;
  });
});
