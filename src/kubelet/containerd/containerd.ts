// A containerd of the cluster's own: started detached so that containers outlive us, adopted when it runs already, watched over.
import { createHash } from 'node:crypto';
import { Backoff, type Clock, errorText, type Logger, sleep, Tasks } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes, ProcessId } from '../../base/ports/process.ts';
import { type ContainerRuntime, RuntimeError } from '../cri/runtime.ts';
import { prepareCgroups } from './cgroups.ts';
import { type ConfigOptions, type ContainerdVersion, renderConfig } from './config.ts';
import { boundLog, lastWords } from './log-file.ts';
import { containerdVersion, detectSnapshotter, type NodeFacts } from './node-facts.ts';
import type { NodePrograms } from './packages.ts';
import { programDirs } from './packages.ts';
import { cgroupRootOf, podsCgroupOf, type RuntimePaths, runtimePaths } from './paths.ts';

const readyMs = 30_000;
const readyPollMs = 15;
const watchMs = 250;
/** Every so many looks at the process, a question to its socket; after so many unanswered in a row it is killed and started anew. */
const pingEvery = 40;
const pingMs = 5_000;
const pingFailuresMax = 3;
const logEvery = 240;
const stopMs = 10_000;

export interface ContainerdOptions {
  readonly clusterId: string;
  readonly dataDir: string;
  readonly runRoot?: string;
  readonly fs: FileSystem;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly log: Logger;
  /** Firing it ends the watching over; containerd itself and its containers go on. */
  readonly signal: AbortSignal;
  /** Of the same cluster: `createCriRuntime` with the socket of {@link runtimePaths}. */
  readonly runtime: Pick<ContainerRuntime, 'version'>;
  readonly programs: NodePrograms;
  readonly facts: NodeFacts;
  readonly pauseImage: string;
}

export interface Containerd {
  readonly paths: RuntimePaths;
  /** It ran already. */
  readonly adopted: boolean;
  readonly snapshotter: 'overlayfs' | 'native';
  /** Resolves when the watching over has ended. */
  readonly done: Promise<void>;
}

/** What is known of the one that runs, across our own restarts. */
export interface ProcessRecord extends ProcessId {
  readonly configHash: string;
  readonly snapshotter: 'overlayfs' | 'native';
  readonly version: ContainerdVersion;
}

/** Containerd cannot be started. The message says why and what helps. */
export class ContainerdError extends Error {
  override readonly name = 'ContainerdError';
}

/** Resolves when containerd answers. Rejects with {@link ContainerdError}; then nothing that it started runs. */
export async function startContainerd(options: ContainerdOptions): Promise<Containerd> {
  const paths = runtimePaths(options);
  const adopted = await adopt(options, paths);
  const record = adopted ?? (await launch(options, paths));
  const tasks = new Tasks(options.log);
  tasks.run('watch over containerd', options.signal, () => watchOver(options, paths, record));
  return { paths, adopted: adopted !== undefined, snapshotter: record.snapshotter, done: tasks.settled() };
}

export async function readRecord(fs: FileSystem, path: string): Promise<ProcessRecord | undefined> {
  const text = await fs.readText(path);
  if (text === undefined) return undefined;
  try {
    const found = JSON.parse(text) as Partial<ProcessRecord>;
    return typeof found.pid === 'number' && typeof found.startTime === 'string' ? (found as ProcessRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** The one that runs, if it runs with the configuration that we would give it. Another one is stopped; its containers go on. */
async function adopt(options: ContainerdOptions, paths: RuntimePaths): Promise<ProcessRecord | undefined> {
  const { fs, processes, log } = options;
  const record = await readRecord(fs, paths.record);
  if (!record || !processes.isRunning(record)) {
    await stopStrays(options, paths);
    return undefined;
  }
  const config = renderConfig(configOptions(options, paths, record));
  if (hash(config) === record.configHash && (await ask(options, pingMs)) === 'answers') return record;
  log.info('Restarting containerd: its configuration has changed, or it does not answer', { pid: record.pid });
  await stopContainerd(options, record);
  return undefined;
}

/** A containerd with our configuration whose record was lost would hold the database, and the new one would wait for ever. */
async function stopStrays(options: ContainerdOptions, paths: RuntimePaths): Promise<void> {
  for (const found of options.processes.list()) {
    const isOurs = found.argv[0]?.endsWith('containerd') === true && found.argv.includes(paths.config);
    if (isOurs) await stopContainerd(options, found);
  }
}

/** SIGTERM, then SIGKILL. Containers go on. */
export async function stopContainerd(options: Pick<ContainerdOptions, 'processes' | 'clock'>, target: ProcessId): Promise<void> {
  const { processes, clock } = options;
  processes.kill(target, 'SIGTERM');
  const untilMs = clock.monotonicMs() + stopMs;
  while (processes.isRunning(target)) {
    if (clock.monotonicMs() > untilMs) processes.kill(target, 'SIGKILL');
    await sleep(clock, readyPollMs);
  }
}

async function launch(options: ContainerdOptions, paths: RuntimePaths): Promise<ProcessRecord> {
  const { fs, processes, facts, clusterId, programs, log, clock } = options;
  if (facts.cgroups.version === 'none') {
    throw new ContainerdError('Containers need control groups, which are not mounted: mount cgroup2 at /sys/fs/cgroup');
  }
  const startedMs = clock.monotonicMs();
  for (const directory of [paths.root, paths.state, paths.runcRoot, paths.registries, paths.cniConf])
    await fs.mkdir(directory, { mode: 0o711 });
  const [version, snapshotter, joined] = await Promise.all([
    containerdVersion(processes, programs.paths.containerd),
    detectSnapshotter({ fs, processes, directory: paths.root }),
    prepareCgroups({ fs, layout: facts.cgroups, root: cgroupRootOf(clusterId), podsCgroup: podsCgroupOf(clusterId) }),
  ]);
  if (!version) throw new ContainerdError(`Cannot read the version that "${programs.paths.containerd} --version" prints`);
  const config = renderConfig(configOptions(options, paths, { version, snapshotter }));
  await fs.write(paths.config, config, { mode: 0o600 });
  await fs.remove(paths.socket); // One left by a killed containerd would look like a live one.
  await boundLog({ fs, processes, path: paths.log });
  // The shell moves itself to the cluster's group, so that a service manager that ends Minke's group leaves containerd alone.
  const script =
    'config="$1"; program="$2"; shift 2; for group in "$@"; do echo 0 > "$group" || true; done; exec "$program" --config "$config"';
  const started = await processes.startDetached('/bin/sh', ['-c', script, 'minke', paths.config, programs.paths.containerd, ...joined], {
    logFile: paths.log,
    env: { PATH: programDirs.join(':') },
    cwd: '/',
  });
  const record: ProcessRecord = { ...started, configHash: hash(config), snapshotter, version };
  await fs.write(paths.record, JSON.stringify(record), { mode: 0o600 });
  await ready(options, paths, record);
  log.info('Started containerd', { pid: record.pid, snapshotter, ms: Math.round(clock.monotonicMs() - startedMs) });
  return record;
}

function configOptions(
  options: ContainerdOptions,
  paths: RuntimePaths,
  found: { readonly version: ContainerdVersion; readonly snapshotter: 'overlayfs' | 'native' },
): ConfigOptions {
  const { facts, programs, pauseImage } = options;
  const { version, snapshotter } = found;
  return { version, snapshotter, paths, pauseImage, restrictOomScoreAdj: !facts.canLowerOomScore, cniBinDir: programs.cniBinDir };
}

async function ready(options: ContainerdOptions, paths: RuntimePaths, record: ProcessRecord): Promise<void> {
  const { fs, processes, clock, signal } = options;
  const untilMs = clock.monotonicMs() + readyMs;
  for (;;) {
    if (!processes.isRunning(record)) {
      throw new ContainerdError(`containerd ended as soon as it was started: ${await lastWords(fs, paths.log)}`);
    }
    // Asking before the socket is there would only make the next attempt to connect wait longer.
    const state = (await fs.exists(paths.socket)) ? await ask(options, 2_000) : 'silent';
    if (state === 'answers') return;
    if (state === 'withoutCri') {
      await stopContainerd(options, record);
      throw new ContainerdError(`containerd runs without its CRI plugin: ${await lastWords(fs, paths.log)}`);
    }
    if (signal.aborted || clock.monotonicMs() > untilMs) {
      await stopContainerd(options, record);
      signal.throwIfAborted();
      throw new ContainerdError(`containerd did not answer within ${readyMs / 1000} s: ${await lastWords(fs, paths.log)}`);
    }
    await sleep(clock, readyPollMs);
  }
}

/** containerd opens its socket after it has loaded its plugins: one that serves, but no CRI, never will. */
async function ask(options: ContainerdOptions, deadlineMs: number): Promise<'answers' | 'silent' | 'withoutCri'> {
  try {
    await options.runtime.version({ deadlineMs });
    return 'answers';
  } catch (error) {
    return error instanceof RuntimeError && error.code === 'unimplemented' ? 'withoutCri' : 'silent';
  }
}

async function watchOver(options: ContainerdOptions, paths: RuntimePaths, first: ProcessRecord): Promise<void> {
  const { fs, processes, clock, log, signal } = options;
  const backoff = new Backoff({ baseMs: 50, maxMs: 10_000 });
  let current = first;
  let unanswered = 0;
  for (let look = 1; !signal.aborted; look++) {
    await sleep(clock, watchMs, signal).catch(() => {});
    if (signal.aborted) return;
    if (!processes.isRunning(current)) {
      log.warn('containerd has ended: starting it again', { pid: current.pid, lastWords: await lastWords(fs, paths.log) });
      try {
        current = await launch(options, paths);
        unanswered = 0;
      } catch (error) {
        if (signal.aborted) return;
        log.error('Cannot start containerd', { error: errorText(error) });
        await sleep(clock, backoff.nextMs(), signal).catch(() => {});
      }
      continue;
    }
    if (look % pingEvery === 0) {
      unanswered = (await ask(options, pingMs)) === 'answers' ? 0 : unanswered + 1;
      if (unanswered === 0) backoff.reset();
      if (unanswered >= pingFailuresMax && !signal.aborted) {
        log.warn('containerd does not answer: ending it', { pid: current.pid });
        processes.kill(current, 'SIGKILL');
      }
    }
    if (look % logEvery === 0) {
      await boundLog({ fs, processes, path: paths.log }).catch((error) =>
        log.warn('Cannot shorten containerd’s log', { error: errorText(error) }),
      );
    }
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
