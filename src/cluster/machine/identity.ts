// Which cluster a data dir is: as it has been so far, with what the flags change, or a new one in ranges that nobody uses.
import { join } from 'node:path';
import { chooseClusterRanges, familyOf, findClash, firstNodeRange, splitRanges } from '../../network/mod.ts';
import { isLoopback } from './bind-address.ts';
import { type ClusterIdentity, loopback, MachineError, readIdentity, writeIdentity } from './data-dir.ts';
import type { MachinePorts } from './ports.ts';

const defaultPort = 6443;
/** What a cluster without pods on this machine takes: nothing can collide. */
const defaultRanges = { serviceCidr: '10.96.0.0/16', clusterCidr: '10.244.0.0/16' };
const podsBeside = (serviceCidr: string): string =>
  splitRanges(serviceCidr)
    .map((range) => (familyOf(range).name === 'IPv4' ? defaultRanges.clusterCidr : 'fd00:10:244::/56'))
    .join(',');

export interface IdentityRequest {
  readonly ports: MachinePorts;
  readonly dataDir: string;
  /** Each undefined: as it has been, or chosen. */
  readonly port: number | undefined;
  readonly bindAddress: string | undefined;
  readonly podNetwork: ClusterIdentity['podNetwork'] | undefined;
  /** Ranges: one, or one of each family with a comma between, the main one first. */
  readonly serviceCidr: string | undefined;
  /** Of all nodes. */
  readonly podCidr: string | undefined;
  /** True when pods run on this machine, so that ranges must be free. */
  readonly node: boolean;
  /** Ranges that the machine's routes and addresses use; asked only for a new cluster. */
  readonly takenRanges: () => Promise<readonly string[]>;
  /** Where every cluster of the machine keeps its run-time state: `/run/minke`. */
  readonly runRoot: string;
}

/** The name of the file that tells other clusters of the machine which ranges this one uses. */
const recordName = 'cluster.json';

/** Reads or makes the identity, and keeps it. Throws {@link MachineError}. */
export async function establishIdentity(request: IdentityRequest): Promise<ClusterIdentity> {
  const { ports, dataDir } = request;
  const standing = await readIdentity(ports.fs, dataDir);
  const chosen = standing ? changed(standing, request) : await chosenAnew(request);
  checkRanges(chosen);
  if (standing && sameSettings(standing, chosen)) return standing;
  return writeIdentity(ports.fs, ports.clock, dataDir, { ...chosen, ...(standing ? { createdAt: standing.createdAt } : {}) });
}

type Settings = Omit<ClusterIdentity, 'format' | 'id' | 'createdAt'>;

const sameSettings = (a: Settings, b: Settings): boolean =>
  a.nodeName === b.nodeName &&
  a.port === b.port &&
  a.bindAddress === b.bindAddress &&
  a.podNetwork === b.podNetwork &&
  a.serviceCidr === b.serviceCidr &&
  a.podCidr === b.podCidr;

/** Ranges are for life: services and pods have addresses in them. Where the API server listens, and how nodes reach each other, may change. */
function changed(standing: ClusterIdentity, request: IdentityRequest): Settings {
  if (standing.server !== undefined) {
    throw new MachineError(
      `${request.dataDir} belongs to a node of the cluster at ${standing.server}. Start it with \`minke agent\`, or name another directory with --data-dir.`,
    );
  }
  for (const [flag, asked, kept] of [
    ['--service-cidr', request.serviceCidr, standing.serviceCidr],
    ['--pod-cidr', request.podCidr, standing.clusterCidr],
  ] as const) {
    if (asked !== undefined && asked !== kept) {
      throw new MachineError(
        `${flag}: got "${asked}", but the cluster in ${request.dataDir} has used ${kept} since it was made. Leave the flag out, or make a new cluster with another --data-dir.`,
      );
    }
  }
  const { port = standing.port, bindAddress = standing.bindAddress, podNetwork = standing.podNetwork } = request;
  return { ...standing, port, bindAddress, podNetwork };
}

async function chosenAnew(request: IdentityRequest): Promise<Settings> {
  const { ports, node, serviceCidr, podCidr } = request;
  const taken = node ? [...(await request.takenRanges()), ...(await otherClustersRanges(request))] : [];
  checkFamilies(request);
  const given = [serviceCidr, podCidr].flatMap((ranges) => splitRanges(ranges ?? ''));
  const free = node ? chooseClusterRanges([...taken, ...given]) : defaultRanges;
  if (!free)
    throw new MachineError('No range of 10.0.0.0/8 is free for pods and services. Name ranges with --pod-cidr and --service-cidr.');
  if (node) checkFree(given, taken);
  const clusterCidr = podCidr ?? (node ? free.clusterCidr : podsBeside(serviceCidr ?? free.serviceCidr));
  return {
    nodeName: nodeNameOf(ports.machine.hostname),
    port: request.port ?? defaultPort,
    bindAddress: request.bindAddress ?? loopback,
    serviceCidr: serviceCidr ?? free.serviceCidr,
    clusterCidr,
    podCidr: firstNodeRange(clusterCidr),
    podNetwork: request.podNetwork ?? 'vxlan',
  };
}

function checkFree(given: readonly string[], taken: readonly string[]): void {
  const clash = findClash(given, taken);
  if (clash)
    throw new MachineError(`The range ${clash.range} overlaps ${clash.with}, which this machine uses already. Choose another one.`);
}

/** What is chosen here is of IPv4: whoever wants IPv6 names both. */
function checkFamilies({ serviceCidr, podCidr, bindAddress = loopback, node }: IdentityRequest): void {
  const familiesOf = (ranges = '10.0.0.0/8') => splitRanges(ranges).map((range) => familyOf(range).name);
  const [pods, services] = [familiesOf(podCidr), familiesOf(serviceCidr)];
  if (!node && podCidr === undefined) return;
  if (pods.join() !== services.join()) {
    throw new MachineError(
      `--pod-cidr has ranges of ${pods.join(' and ')}, --service-cidr of ${services.join(' and ')}: give both flags ranges of the same families in the same order, such as --pod-cidr 10.42.0.0/16,fd00:42::/56 --service-cidr 10.96.0.0/20,fd00:96::/112.`,
    );
  }
  if (pods[0] === 'IPv6' && node && isLoopback(bindAddress)) {
    throw new MachineError(
      `--bind-address: pods of a cluster whose first range is of IPv6 cannot reach the API server on ${bindAddress}: name an IPv6 address of this machine, or "::" for all.`,
    );
  }
}

function checkRanges({ serviceCidr, clusterCidr }: Settings): void {
  if (findClash(splitRanges(serviceCidr), splitRanges(clusterCidr)))
    throw new MachineError(
      `The ranges of services (${serviceCidr}) and pods (${clusterCidr}) overlap. Choose others with --service-cidr and --pod-cidr.`,
    );
}

/** A node's name is a DNS subdomain. */
export function nodeNameOf(hostname: string): string {
  const name = hostname
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '');
  return name === '' ? 'minke' : name.slice(0, 63);
}

/** Services' ranges show in no route: each cluster writes them down. */
async function otherClustersRanges({ ports, runRoot }: IdentityRequest): Promise<readonly string[]> {
  const found: string[] = [];
  for (const entry of await ports.fs.list(runRoot)) {
    const text = await ports.fs.readText(join(runRoot, entry.name, recordName));
    if (text === undefined) continue;
    try {
      const { serviceCidr, podCidr, clusterCidr = podCidr } = JSON.parse(text) as Partial<ClusterIdentity>;
      for (const ranges of [serviceCidr, clusterCidr]) if (typeof ranges === 'string') found.push(...splitRanges(ranges));
    } catch {
      // A record that is being written, or was cut off: its cluster's pod range still shows in the routes.
    }
  }
  return found;
}

/** Tells other clusters of this machine which ranges are taken, until the machine boots or the cluster is cleaned away. */
export async function writeRecord(ports: MachinePorts, runRoot: string, dataDir: string, identity: ClusterIdentity): Promise<void> {
  const dir = join(runRoot, identity.id);
  await ports.fs.mkdir(dir, { mode: 0o711 });
  await ports.fs.write(join(dir, recordName), `${JSON.stringify({ ...identity, dataDir })}\n`, { mode: 0o644 });
}
