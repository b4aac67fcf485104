// A node without a kubelet for tests: pod network, containerd, images and CRI on the real machine; and what is left of it afterwards.
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger, type Logger } from '../../../src/base/mod.ts';
import { systemClock } from '../../../src/base/ports/clock.ts';
import { systemFiles } from '../../../src/base/ports/fs.ts';
import { systemProcesses } from '../../../src/base/ports/process.ts';
import { systemRandom } from '../../../src/base/ports/random.ts';
import { systemArchives } from '../../../src/base/ports/tar.ts';
import { cleanNode, findPrograms, nodeFacts, podsCgroupOf, runtimePaths, startContainerd } from '../../../src/kubelet/containerd/mod.ts';
import { type ContainerConfig, createCriRuntime, type SandboxConfig } from '../../../src/kubelet/cri/mod.ts';
import { architectureOf, createImageStore, pauseImage, toolsImage } from '../../../src/kubelet/images/mod.ts';
import { chooseRange, createPodNetwork } from '../../../src/network/mod.ts';

export const noMounts: ContainerConfig['mounts'] = [];
const warnings = createLogger({ clock: systemClock, level: 'warn', write: (line) => process.stderr.write(`${line}\n`) });

export async function findNodePrograms() {
  const search = await findPrograms(systemFiles);
  if (!search.complete) throw new Error(search.message);
  return search.programs;
}

export async function createNode(log: Logger = warnings) {
  const clusterId = Buffer.from(systemRandom.bytes(3)).toString('hex');
  const dataDir = await mkdtemp(join(tmpdir(), 'minke-node-'));
  const programs = await findNodePrograms();
  const ports = { fs: systemFiles, processes: systemProcesses, clock: systemClock };
  const network = createPodNetwork({ clusterId, ...ports, programs: { ip: programs.paths.ip, nft: programs.paths.nft } });
  const podCidr = chooseRange({ prefix: 24, from: '10.42.0.0', taken: await network.takenRanges() }) ?? '';
  const paths = runtimePaths({ clusterId, dataDir });
  await network.setUp({ podCidr, confDir: paths.cniConf, leasesDir: paths.cniLeases });
  const facts = await nodeFacts(systemFiles);

  /** As a start of Minke does it; `stop` is its end, with containers and containerd going on. */
  const start = async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const runtime = createCriRuntime({ socketPath: paths.socket, clock: systemClock, log, signal, hostPorts: network.hostPorts });
    const containerd = await startContainerd({ clusterId, dataDir, ...ports, log, signal, runtime, programs, facts, pauseImage });
    const images = createImageStore({
      ...ports,
      archives: systemArchives,
      random: systemRandom,
      runtime,
      socketPath: paths.socket,
      snapshotter: containerd.snapshotter,
      programs: programs.paths,
      scratchDir: join(dataDir, 'scratch'),
      architecture: architectureOf(process.arch),
    });
    const stop = async () => {
      controller.abort();
      await containerd.done;
    };
    return { runtime, containerd, images, stop };
  };

  const clean = async () => {
    const controller = new AbortController();
    const runtime = createCriRuntime({ socketPath: paths.socket, clock: systemClock, log, signal: controller.signal });
    await cleanNode({ clusterId, dataDir, ...ports, log, runtime });
    await network.remove();
    await systemFiles.remove(dataDir);
    controller.abort();
  };
  return { clusterId, dataDir, paths, podCidr, network, start, clean };
}

export type Node = Awaited<ReturnType<typeof createNode>>;

export function sandboxConfig(node: Node, name: string, more: Partial<SandboxConfig> = {}): SandboxConfig {
  return {
    metadata: { name, uid: `uid-${name}`, namespace: 'default', attempt: 0 },
    hostname: name,
    logDirectory: join(node.dataDir, 'logs', name),
    portMappings: [],
    labels: { 'io.kubernetes.pod.name': name },
    annotations: {},
    cgroupParent: `${podsCgroupOf(node.clusterId)}/pod-${name}`,
    security: {
      namespaces: { network: 'pod', pid: 'container', ipc: 'pod' },
      readonlyRootfs: false,
      supplementalGroups: [],
      privileged: false,
    },
    ...more,
  };
}

export function containerConfig(name: string, command: readonly string[], more: Partial<ContainerConfig> = {}): ContainerConfig {
  return {
    metadata: { name, attempt: 0 },
    image: toolsImage,
    command,
    args: [],
    workingDir: '',
    env: [],
    mounts: noMounts,
    labels: { 'io.kubernetes.container.name': name },
    annotations: {},
    logPath: `${name}.log`,
    stdin: false,
    stdinOnce: false,
    tty: false,
    resources: {},
    security: {
      namespaces: { network: 'pod', pid: 'container', ipc: 'pod' },
      privileged: false,
      addCapabilities: [],
      dropCapabilities: [],
      readonlyRootfs: false,
      supplementalGroups: [],
      noNewPrivileges: false,
      maskedPaths: [],
      readonlyPaths: [],
    },
    ...more,
  };
}

/** Everything on the machine that a node could leave behind. */
export async function traces(): Promise<Readonly<Record<string, readonly string[]>>> {
  const run = async (command: string, ...args: string[]) =>
    (await systemProcesses.run(command, args, { deadlineMs: 10_000 })).stdout.split('\n').filter(Boolean).sort();
  return {
    mounts: ((await systemFiles.readText('/proc/self/mountinfo')) ?? '').split('\n').map((line) => line.split(' ')[4] ?? ''),
    links: (await run('ip', '-o', 'link')).map((line) => line.split(':')[1]?.trim() ?? ''),
    tables: await run('nft', 'list', 'tables'),
    cgroups: await run('find', '/sys/fs/cgroup', '-type', 'd', '-name', 'minke-*'),
    processes: systemProcesses
      .list()
      .filter(({ argv }) => /(^|\/)(containerd|containerd-shim.*|catatonit|httpd)$/.test(argv[0] ?? ''))
      .map(({ argv }) => argv.join(' ')),
    run: (await systemFiles.list('/run/minke')).map(({ name }) => name),
    shims: (await systemFiles.list('/run/containerd/s')).map(({ name }) => name),
    netns: (await systemFiles.list('/run/netns')).map(({ name }) => name),
  };
}

export async function until<T>(
  what: string,
  limitMs: number,
  look: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const untilMs = systemClock.monotonicMs() + limitMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (systemClock.monotonicMs() > untilMs) throw new Error(`waited ${limitMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
