// The images of a cluster on this machine, for `minke image`: reached through its containerd, also while Minke is stopped.
import { silentLogger } from '../../base/mod.ts';
import { systemArchives } from '../../base/ports/tar.ts';
import { findPrograms, runtimePaths } from '../../kubelet/containerd/mod.ts';
import { createCriRuntime } from '../../kubelet/cri/mod.ts';
import { architectureOf, createImageStore, type ImageStore } from '../../kubelet/images/mod.ts';
import { clusterIdOf, clusterPaths, MachineError } from './data-dir.ts';
import type { MachinePorts } from './ports.ts';

/** Throws {@link MachineError} when no containerd of this cluster answers. `close` when done. */
export async function openImages(ports: MachinePorts, dataDir: string): Promise<{ readonly images: ImageStore; close(): void }> {
  if (!ports.isRoot) throw new MachineError('Images belong to the node, which needs root: run as root.');
  const { fs, processes, clock, random } = ports;
  const { socket, record } = runtimePaths({ clusterId: clusterIdOf(dataDir), dataDir });
  const search = await findPrograms(fs);
  if (!search.complete) throw new MachineError(search.message);
  if (!(await fs.exists(socket))) {
    throw new MachineError(`The cluster in ${dataDir} has no container runtime running. Start it with \`minke up --data-dir ${dataDir}\`.`);
  }
  const stop = new AbortController();
  const runtime = createCriRuntime({ socketPath: socket, clock, log: silentLogger, signal: stop.signal });
  const images = createImageStore({
    fs,
    archives: systemArchives,
    processes,
    clock,
    random,
    runtime,
    socketPath: socket,
    snapshotter: snapshotterOf(await fs.readText(record)),
    programs: search.programs.paths,
    scratchDir: clusterPaths(dataDir).images,
    architecture: architectureOf(ports.machine.architecture),
  });
  return { images, close: () => stop.abort() };
}

/** What the running containerd was started with, as its record says. */
function snapshotterOf(record: string | undefined): 'overlayfs' | 'native' {
  return record?.includes('"snapshotter":"native"') ? 'native' : 'overlayfs';
}
