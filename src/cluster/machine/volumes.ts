// Volumes of this machine: the local-path provisioner over directories below the data dir.
import { join } from 'node:path';
import type { Logger } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import { runLocalPathProvisioner, type VolumeDirectories } from '../../controllers/mod.ts';
import { type ControlPlane, provisionerUser } from '../control-plane.ts';
import { supervise } from '../supervise.ts';
import type { ClusterIdentity, ClusterPaths } from './data-dir.ts';
import type { MachinePorts } from './ports.ts';

export interface LocalVolumesOptions {
  readonly ports: MachinePorts;
  readonly identity: ClusterIdentity;
  readonly paths: ClusterPaths;
  readonly controlPlane: ControlPlane;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Resolves when the signal has fired and the provisioner has ended. */
export function runLocalVolumes({ ports, identity, paths, controlPlane, log, signal }: LocalVolumesOptions): Promise<void> {
  const name = 'local-path-provisioner';
  const own = { clock: ports.clock, log: log.with({ component: name }), random: ports.random.child(name) };
  const root = join(paths.dataDir, 'volumes');
  const directories = directoriesBelow(root, ports.fs);
  const client = controlPlane.clientFor(provisionerUser);
  const run = (stop: AbortSignal) =>
    runLocalPathProvisioner({
      ...own,
      client,
      informers: controlPlane.informers,
      signal: stop,
      serves: (nodeName) => nodeName === identity.nodeName,
      pathOf: (volume) => join(root, volume),
      directories,
    });
  return supervise({ name, ...own, signal, run });
}

const directoriesBelow = (root: string, fs: FileSystem): VolumeDirectories => ({
  async make(path) {
    // Volumes are open to everyone in their containers; on the machine itself nobody but root finds the way in.
    await fs.mkdir(root, { mode: 0o700 });
    await fs.mkdir(path);
    await fs.chmod(path, 0o777);
  },
  remove: (path) => fs.remove(path),
});
