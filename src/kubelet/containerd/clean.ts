// Takes a cluster's containers and containerd away without a trace: pods, processes, mounts, cgroups, state.
import { dirname, join } from 'node:path';
import { type Clock, errorText, type Logger, sleep } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes, ProcessInfo } from '../../base/ports/process.ts';
import type { ContainerRuntime } from '../cri/runtime.ts';
import { cgroupLayout, groupsBelow, processesIn } from './cgroups.ts';
import { readRecord, stopContainerd } from './containerd.ts';
import { mountsBelow, parseMountInfo } from './mounts.ts';
import { cgroupRootOf, type RuntimePaths, runtimePaths } from './paths.ts';

const podMs = 20_000;
const podsAtOnce = 8;
const killTries = 200;
const tryPauseMs = 20;
const programMs = 30_000;
/** Arguments of one call of a program. */
const argumentsMax = 200;
/** containerd's shims listen here whatever their containerd's own state directory is. */
const shimSockets = '/run/containerd/s';

export interface CleanOptions {
  readonly clusterId: string;
  readonly dataDir: string;
  readonly runRoot?: string;
  readonly fs: FileSystem;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the same cluster. It may be down: then pods are ended by their processes. */
  readonly runtime: Pick<ContainerRuntime, 'listSandboxes' | 'stopSandbox' | 'removeSandbox'>;
}

/** Rejects when something of the cluster is left; calling it again goes on from there. Nobody may start containerd meanwhile. */
export async function cleanNode(options: CleanOptions): Promise<void> {
  const { fs, processes, clock } = options;
  const paths = runtimePaths(options);
  const record = await readRecord(fs, paths.record);
  if (record && processes.isRunning(record)) {
    await removePods(options);
    await stopContainerd({ processes, clock }, record);
  }
  await killProcesses(options, paths);
  await removeShimSockets(fs, paths);
  await unmountAll(options, [paths.run, options.dataDir]);
  await removeCgroups(options);
  await fs.remove(paths.run);
  await fs.remove(join(options.dataDir, 'containerd'));
  // What clusters share goes with the last of them: rmdir leaves a directory that holds anything.
  for (const shared of [dirname(paths.run), shimSockets, dirname(shimSockets)])
    await processes.run('rmdir', [shared], { deadlineMs: programMs });
}

/** The orderly way: network plugins give the addresses back. What fails is ended by force afterwards. */
async function removePods({ runtime, log }: CleanOptions): Promise<void> {
  try {
    const sandboxes = [...(await runtime.listSandboxes())];
    const worker = async () => {
      for (let sandbox = sandboxes.pop(); sandbox; sandbox = sandboxes.pop()) {
        const { id } = sandbox;
        try {
          await runtime.stopSandbox(id, { deadlineMs: podMs });
          await runtime.removeSandbox(id, { deadlineMs: podMs });
        } catch (error) {
          log.warn('Cannot remove a pod in order', { sandbox: id, error: errorText(error) });
        }
      }
    };
    await Promise.all(Array.from({ length: podsAtOnce }, worker));
  } catch (error) {
    log.warn('Cannot remove the pods in order', { error: errorText(error) });
  }
}

async function killProcesses(options: CleanOptions, paths: RuntimePaths): Promise<void> {
  const { fs, processes, clock } = options;
  const layout = cgroupLayout(await mountPoints(fs));
  const root = cgroupRootOf(options.clusterId);
  for (let attempt = 0; attempt < killTries; attempt++) {
    const members = await processesIn(fs, await groupsBelow(fs, layout, root));
    const left = processes.list().filter((found) => members.has(found.pid) || isOurs(found, paths));
    if (left.length === 0) return;
    for (const found of left) processes.kill(found, 'SIGKILL');
    await sleep(clock, tryPauseMs);
  }
  throw new Error(`Cannot end every process of cluster "${options.clusterId}": some do not react to SIGKILL`);
}

/** A shim says whose it is in its arguments: `containerd-shim-runc-v2 -namespace k8s.io -id ... -address SOCKET`. */
function isOurs(found: ProcessInfo, paths: RuntimePaths): boolean {
  const program = found.argv[0]?.split('/').at(-1) ?? '';
  return (
    (program.startsWith('containerd-shim') && found.argv.includes(paths.socket)) ||
    (program === 'containerd' && found.argv.includes(paths.config))
  );
}

/** Of every task in the state directory, whether its shim runs or not. */
export async function removeShimSockets(fs: FileSystem, paths: RuntimePaths): Promise<void> {
  const tasks = join(paths.state, 'io.containerd.runtime.v2.task');
  for (const namespace of await fs.list(tasks)) {
    for (const task of await fs.list(join(tasks, namespace.name))) {
      const address = (await fs.readText(join(tasks, namespace.name, task.name, 'address')))?.trim() ?? '';
      const socket = address.replace(/^unix:\/\//, '');
      if (socket.startsWith(`${shimSockets}/`)) await fs.remove(socket);
    }
  }
}

async function unmountAll(options: CleanOptions, directories: readonly string[]): Promise<void> {
  const { fs, processes } = options;
  const left = async () => mountsBelow(await mountPoints(fs), directories);
  await inBatches(await left(), (batch) => processes.run('umount', batch, { deadlineMs: programMs }));
  // Lazily what is still in use: it goes when its last user does.
  await inBatches(await left(), (batch) => processes.run('umount', ['-l', ...batch], { deadlineMs: programMs }));
  const stuck = await left();
  // Removing a directory with something mounted in it would remove what is mounted.
  if (stuck.length > 0) throw new Error(`Cannot unmount ${stuck.map((path) => `"${path}"`).join(', ')}`);
}

async function removeCgroups(options: CleanOptions): Promise<void> {
  const { fs, processes, clock } = options;
  const layout = cgroupLayout(await mountPoints(fs));
  const root = cgroupRootOf(options.clusterId);
  for (let attempt = 0; attempt < killTries; attempt++) {
    const groups = await groupsBelow(fs, layout, root);
    if (groups.length === 0) return;
    // The kernel lets a group go a moment after its last process.
    await inBatches(groups, (batch) => processes.run('rmdir', batch, { deadlineMs: programMs }));
    if (attempt > 0) await sleep(clock, tryPauseMs);
  }
  throw new Error(`Cannot remove the control groups "${root}"`);
}

async function inBatches(items: readonly string[], run: (batch: readonly string[]) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += argumentsMax) await run(items.slice(at, at + argumentsMax));
}

async function mountPoints(fs: FileSystem) {
  return parseMountInfo((await fs.readText('/proc/self/mountinfo')) ?? '');
}
