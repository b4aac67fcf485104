// The pod network of one cluster on this machine: a bridge, addresses from the node's range, translation for what goes outside.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { addressAt, parseRange } from '../../api/mod.ts';
import type { Clock } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes } from '../../base/ports/process.ts';
import { splitRanges, takenRanges } from '../addresses/choose-range.ts';
import { type Family, familyOf, ipv4, ipv6 } from '../addresses/family.ts';
import { createNft, type Nft } from '../nftables/nft.ts';
import { PodGate } from '../policy/gate.ts';
import { removePodRoutes } from '../routes/remove.ts';
import { shapesBandwidth } from './bandwidth.ts';
import { bridgeName, conflistName, isBridgeName, renderConflist } from './conflist.ts';
import { HostPortTable } from './host-ports.ts';
import { droppingChains, handlesOf, renderExceptionRemoval, renderExceptions } from './other-firewalls.ts';
import { renderRemoval, renderRules, tableName } from './rules.ts';
import { createSysctls, type Sysctls } from './sysctls.ts';

const ipMs = 10_000;
const mtuDefault = 1_500;
/** Where each cluster of the machine has a folder, as long as it has a node here. */
const machineDirDefault = '/run/minke';

export interface PodNetworkOptions {
  readonly clusterId: string;
  readonly fs: FileSystem;
  readonly processes: Processes;
  readonly clock: Clock;
  readonly programs: { readonly ip: string; readonly nft: string };
  /** Of all clusters of this machine. Default `/run/minke`. */
  readonly machineDir?: string;
}

export interface SetUpOptions {
  /** This node's range, or one of each family: `10.42.0.0/24,fd00:42::/64`. */
  readonly podCidr: string;
  /** Every node's, in the same order: `10.42.0.0/16,fd00:42::/56`. Default: there is one node. */
  readonly clusterCidr?: string;
  /** How much shorter pods' packets must be than those of the way outside, for what is put around them between nodes. Default 0. */
  readonly overheadBytes?: number;
  /** Where containerd looks for the plugins' configuration. */
  readonly confDir: string;
  /** Where the addresses given to pods are kept; must not outlive a boot. */
  readonly leasesDir: string;
}

export interface PodNetwork {
  readonly bridge: string;
  readonly hostPorts: HostPortTable;
  /** Through it every sandbox goes before its first container. */
  readonly gate: PodGate;
  /** Can be repeated at any time; running pods keep their connections. Gives the host's addresses on the bridge. */
  setUp(options: SetUpOptions): Promise<{ readonly gateways: readonly string[]; readonly bridgeNetfilter: boolean }>;
  /** Whether this machine's kernel can hold pods to a bandwidth. */
  shapesBandwidth(): Promise<boolean>;
  /** Of the way outside. */
  outsideMtu(): Promise<number>;
  /** Takes away bridge, pods' interfaces, rules, and the ways to other nodes. Repeating it is harmless. */
  remove(of?: { readonly clusterCidr: string }): Promise<void>;
  /** Ranges that this machine's routes and addresses use. */
  takenRanges(): Promise<readonly string[]>;
}

export function createPodNetwork(options: PodNetworkOptions): PodNetwork {
  const { clusterId, fs, processes, programs, clock, machineDir = machineDirDefault } = options;
  const bridge = bridgeName(clusterId);
  const table = tableName(clusterId);
  const nft = createNft(processes, programs.nft);
  const sysctls = createSysctls({ fs, dir: machineDir });
  const ip = (...args: string[]) => runIp(processes, programs.ip, args);
  const outsideMtu = async () => {
    const [routes, links] = await Promise.all([ip('-j', 'route', 'show', 'default'), ip('-j', 'link', 'show')]);
    return outsideMtuOf(routes.stdout, links.stdout);
  };
  let shapes: Promise<boolean> | undefined;
  const canShape = () => (shapes ??= shapesBandwidth(processes));
  let families: readonly Family[] = [ipv4];
  return {
    bridge,
    shapesBandwidth: canShape,
    hostPorts: new HostPortTable(nft, table, () => families),
    gate: new PodGate(clock),
    outsideMtu,
    async setUp({ podCidr, clusterCidr = podCidr, overheadBytes = 0, confDir, leasesDir }) {
      const ranges = rangesOf(podCidr, clusterCidr);
      families = ranges.map(({ family }) => family);
      const [wholeMtu, links] = await Promise.all([outsideMtu(), ip('-j', 'link', 'show')]);
      const mtu = wholeMtu - overheadBytes;
      if (!hasAnyBridge(links.stdout)) await sysctls.forget();
      // The bridge stands before the first pod, so that the host has its address on it.
      if (!links.stdout.includes(`"${bridge}"`)) await must(ip('link', 'add', bridge, 'mtu', String(mtu), 'type', 'bridge'));
      await must(ip('link', 'set', bridge, 'address', bridgeMac(clusterId)));
      for (const range of ranges) await giveAddress(ip, bridge, range);
      // Nor its link-local one: until that stands, the bridge asks for no pod's link address, and packets to new pods are lost.
      if (families.includes(ipv6)) await fs.writeInto(`/proc/sys/net/ipv6/conf/${bridge}/accept_dad`, '0');
      await must(ip('link', 'set', bridge, 'up'));
      const bridgeNetfilter = await setSysctls({ fs, sysctls, families, ip });
      await nft(ranges.map((of) => renderRules({ table, bridge, ...of, bridgeNetfilter })).join(''));
      // A port of the host reached by way of loopback has a source of 127.0.0.1 until it is translated: to a pod here, through the
      // tunnel, or by any other way outside. The rules keep everything else with such addresses out.
      if (families.includes(ipv4)) await sysctls.set(routeLocalnet, '1');
      await passOtherFirewalls({ nft, families, mark: table }, bridge);
      await fs.mkdir(leasesDir, { mode: 0o700 });
      await fs.mkdir(confDir, { mode: 0o755 });
      const conflist = renderConflist({ bridge, podCidrs: ranges.map((of) => of.podCidr), leasesDir, mtu, bandwidth: await canShape() });
      const path = join(confDir, conflistName);
      // Writing it makes containerd load it again: only when it has changed.
      if ((await fs.readText(path)) !== conflist) await fs.write(path, conflist);
      return { gateways: ranges.map(({ gateway }) => gateway), bridgeNetfilter };
    },
    async remove(of) {
      await removePodRoutes({ bridge, clusterCidr: of?.clusterCidr, processes, ipPath: programs.ip });
      await nft(renderRemoval(ipv4, table));
      // Where the kernel has no IPv6, none was made.
      await nft(renderRemoval(ipv6, table)).catch(() => {});
      await forgetExceptions({ nft, families: [ipv4, ipv6], mark: table });
      const { stdout, code } = await ip('-j', 'link', 'show', 'master', bridge);
      const ports = code === 0 ? (JSON.parse(stdout || '[]') as readonly { ifname?: string }[]) : [];
      // Usually gone with their namespaces; one may be left by a pod that was ended by force.
      for (const { ifname } of ports) if (ifname !== undefined) await ip('link', 'del', ifname);
      // As long as a bridge stands, what the settings were before is this namespace's.
      if (!(await hasOthers(fs, machineDir, clusterId))) await sysctls.restore();
      await ip('link', 'del', bridge);
      if ((await ip('link', 'show', bridge)).code === 0) throw new Error(`Cannot remove the bridge "${bridge}"`);
    },
    async takenRanges() {
      const [routes, addresses] = await Promise.all([ip('-j', 'route', 'show', 'table', 'all'), ip('-j', 'addr', 'show')]);
      return takenRanges(routes.stdout, addresses.stdout);
    },
  };
}

function runIp(processes: Processes, path: string, args: readonly string[]) {
  return processes.run(path, args, { deadlineMs: ipMs });
}

async function must(result: ReturnType<typeof runIp>): Promise<void> {
  const { code, stderr } = await result;
  if (code !== 0) throw new Error(`Cannot set up the pod network: ${stderr.trim()}`);
}

/** Of the interface that the default route uses; the usual one where there is none. */
export function outsideMtuOf(routes: string, links: string): number {
  const device = (JSON.parse(routes || '[]') as readonly { dev?: string }[])[0]?.dev;
  const link = (JSON.parse(links || '[]') as readonly { ifname?: string; mtu?: number }[]).find(({ ifname }) => ifname === device);
  return link?.mtu ?? mtuDefault;
}

/** Of whatever cluster. Without one, no cluster has a pod network in this network namespace. */
export const hasAnyBridge = (links: string): boolean =>
  (JSON.parse(links || '[]') as readonly { ifname?: string }[]).some(({ ifname = '' }) => isBridgeName(ifname));

interface NodeRanges {
  readonly family: Family;
  readonly podCidr: string;
  readonly clusterCidr: string;
  readonly gateway: string;
  readonly prefix: number;
}

function rangesOf(podCidr: string, clusterCidr: string): readonly NodeRanges[] {
  const whole = splitRanges(clusterCidr);
  return splitRanges(podCidr).map((text) => {
    const range = parseRange(text);
    if (!range) throw new Error(`Cannot set up the pod network: "${text}" is not a range such as 10.42.0.0/24`);
    const family = familyOf(text);
    const cluster = whole.find((other) => familyOf(other) === family) ?? text;
    return { family, podCidr: text, clusterCidr: cluster, gateway: addressAt(range, 1), prefix: range.prefix };
  });
}

async function giveAddress(ip: SysctlOptions['ip'], bridge: string, { family, gateway, prefix }: NodeRanges): Promise<void> {
  // Nobody else has it, and it is needed at once.
  const flags = family === ipv6 ? ['nodad'] : [];
  await must(ip('addr', 'replace', `${gateway}/${prefix}`, 'dev', bridge, ...flags));
}

interface Exceptions {
  readonly nft: Nft;
  readonly families: readonly Family[];
  /** Exceptions are marked with our table's name, so that they are made once and can be taken away. */
  readonly mark: string;
}

async function passOtherFirewalls({ nft, families, mark }: Exceptions, bridge: string): Promise<void> {
  for (const chain of droppingChains(await nft.list('chains'), families)) {
    const present = handlesOf(await nft.list('chain', chain.family, chain.table, chain.name), mark);
    if (present.length === 0) await nft(renderExceptions(chain, bridge, mark));
  }
}

async function forgetExceptions({ nft, families, mark }: Exceptions): Promise<void> {
  for (const chain of droppingChains(await nft.list('chains'), families)) {
    const present = handlesOf(await nft.list('chain', chain.family, chain.table, chain.name), mark);
    if (present.length > 0) await nft(renderExceptionRemoval(chain, present));
  }
}

const routeLocalnet = 'net/ipv4/conf/all/route_localnet';

interface SysctlOptions {
  readonly fs: FileSystem;
  readonly sysctls: Sysctls;
  readonly families: readonly Family[];
  readonly ip: (...args: string[]) => ReturnType<typeof runIp>;
}

/** Gives whether the kernel shows bridged packets to nftables. */
async function setSysctls({ fs, sysctls, families, ip }: SysctlOptions): Promise<boolean> {
  let bridgeNetfilter = true;
  for (const family of families) {
    if (family === ipv4) {
      await sysctls.set('net/ipv4/ip_forward', '1');
    } else {
      await keepRouterAdvertisements(fs, sysctls, (await ip('-6', '-j', 'route', 'show', 'default')).stdout);
      await sysctls.set('net/ipv6/conf/all/forwarding', '1');
    }
    const isShown = await sysctls.set(`net/bridge/bridge-nf-call-${family.ip}tables`, '1');
    bridgeNetfilter &&= isShown;
  }
  return bridgeNetfilter;
}

async function hasOthers(fs: FileSystem, machineDir: string, clusterId: string): Promise<boolean> {
  for (const { name } of await fs.list(machineDir)) {
    if (name !== clusterId && (await fs.exists(join(machineDir, name, 'cluster.json')))) return true;
  }
  return false;
}

/** A bridge without one of its own takes that of a pod, and another's when the pod goes: its neighbors would look for the old one. */
export function bridgeMac(clusterId: string): string {
  const bytes = createHash('sha256').update(`bridge ${clusterId}`).digest().subarray(0, 5);
  return ['0a', ...[...bytes].map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

/** A machine that forwards packets has no more use for what routers say, unless it is told to: else it would lose its own way outside. */
async function keepRouterAdvertisements(fs: FileSystem, sysctls: Sysctls, routes: string): Promise<void> {
  const learned = (JSON.parse(routes || '[]') as readonly { dev?: string; protocol?: string }[]).filter(
    ({ protocol }) => protocol === 'ra',
  );
  for (const dev of new Set(learned.flatMap((route) => route.dev ?? []))) {
    const path = `net/ipv6/conf/${dev}/accept_ra`;
    if ((await fs.readText(join('/proc/sys', path)))?.trim() === '1') await sysctls.set(path, '2');
  }
}
