// Takes the ways to other nodes' pods away, when the cluster leaves the machine.
import type { Processes } from '../../base/ports/process.ts';
import { readStanding, routeListings, vxlanDevice } from './plan.ts';

const ipMs = 10_000;

export interface RemovePodRoutes {
  readonly bridge: string;
  /** By it the cluster's routes are known. Undefined: the tunnel alone goes, and what leads into it. */
  readonly clusterCidr: string | undefined;
  readonly processes: Processes;
  readonly ipPath: string;
}

/** Repeating it is harmless. */
export async function removePodRoutes({ bridge, clusterCidr, processes, ipPath }: RemovePodRoutes): Promise<void> {
  const ip = (...args: readonly string[]) => processes.run(ipPath, args, { deadlineMs: ipMs });
  const device = vxlanDevice(bridge);
  await ip('link', 'del', device);
  if (clusterCidr === undefined) return;
  const listed = await Promise.all(routeListings(clusterCidr).map((args) => ip(...args)));
  const texts = listed.map(({ stdout }) => stdout);
  const { routes } = readStanding({ link: '', routes: texts, neighbors: '', forwarding: '' }, { device, mode: 'routes', clusterCidr });
  for (const dst of routes.keys()) await ip('route', 'del', dst);
}
