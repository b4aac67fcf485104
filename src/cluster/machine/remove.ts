// `minke down --clean`: takes a cluster away without a trace: pods, containerd, network, mounts, cgroups, state.
import { dirname } from 'node:path';
import type { Logger } from '../../base/mod.ts';
import { cleanNode, findPrograms, runtimePaths } from '../../kubelet/containerd/mod.ts';
import { createCriRuntime } from '../../kubelet/cri/mod.ts';
import { createPodNetwork, removePolicyRules, removeServiceRules } from '../../network/mod.ts';
import { clusterIdOf, MachineError, readIdentity } from './data-dir.ts';
import { leaveCluster } from './leave-cluster.ts';
import type { MachinePorts } from './ports.ts';

export interface RemoveOptions {
  readonly ports: MachinePorts;
  readonly dataDir: string;
  readonly log: Logger;
}

/** Minke itself must have stopped. Repeating it is harmless. Throws {@link MachineError} when something cannot be removed. */
export async function removeMachine({ ports, dataDir, log }: RemoveOptions): Promise<void> {
  const { fs, processes, clock } = ports;
  // A damaged one can be cleaned away, too.
  const identity = await readIdentity(fs, dataDir).catch(() => undefined);
  if (identity?.server !== undefined) await leaveCluster({ ports, dataDir, log, identity, server: identity.server });
  const clusterId = clusterIdOf(dataDir);
  const paths = runtimePaths({ clusterId, dataDir });
  const hasNode = (await fs.exists(paths.run)) || (await fs.exists(dirname(paths.root)));
  if (hasNode) {
    if (!ports.isRoot) throw new MachineError(`Cannot remove the containers of ${dataDir}: that needs root.`);
    const stop = new AbortController();
    try {
      const runtime = createCriRuntime({ socketPath: paths.socket, clock, log, signal: stop.signal });
      await cleanNode({ clusterId, dataDir, fs, processes, clock, log, runtime });
    } finally {
      stop.abort();
    }
    const search = await findPrograms(fs);
    if (search.complete) {
      const { ip, nft } = search.programs.paths;
      await removeServiceRules(clusterId, processes, nft);
      await removePolicyRules(clusterId, processes, nft);
      await createPodNetwork({ clusterId, fs, processes, clock, programs: { ip, nft } }).remove(identity);
    }
  }
  await fs.remove(dataDir);
}
