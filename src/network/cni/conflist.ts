// The configuration of the CNI plugins of one cluster. Pure.
// https://www.cni.dev/docs/spec/ and https://www.cni.dev/plugins/current/main/bridge/

import { createHash } from 'node:crypto';
import { addressAt, parseRange } from '../../api/mod.ts';
import { familyOf } from '../addresses/family.ts';

/** 0.4.0 is what the oldest plugins and containerds in use understand. */
const cniVersion = '0.4.0';
export const conflistName = '10-minke.conflist';

/** At most 15 characters, the kernel's limit; the cluster's own id where that is hexadecimal. */
export function bridgeName(clusterId: string): string {
  const hex = /^[0-9a-f]{6}/.test(clusterId) ? clusterId : createHash('sha256').update(clusterId).digest('hex');
  return `mk${hex.slice(0, 6)}`;
}

export const isBridgeName = (name: string): boolean => /^mk[0-9a-f]{6}$/.test(name);

export interface ConflistOptions {
  readonly bridge: string;
  /** Of this node's pods, one of each family that they have. */
  readonly podCidrs: readonly string[];
  readonly leasesDir: string;
  /** Of the way to the outside: larger packets would be cut or lost there. */
  readonly mtu: number;
  /** Pods can be held to a bandwidth. */
  readonly bandwidth: boolean;
}

/** Does something for pods with the annotations alone, which containerd hands it. */
const shaping = { type: 'bandwidth', capabilities: { bandwidth: true } };

/** Address translation and host ports are Minke's own (nftables): the plugins for them would need iptables and leave its chains behind. */
export function renderConflist({ bridge, podCidrs, leasesDir, mtu, bandwidth }: ConflistOptions): string {
  const ranges = podCidrs.map((subnet) => [{ subnet, ...startOf(subnet) }]);
  const routes = podCidrs.map((subnet) => ({ dst: familyOf(subnet).everywhere }));
  const ipam = { type: 'host-local', dataDir: leasesDir, ranges, routes };
  // Whether somebody else has the address is not asked for (the plugin's default): nobody can, and pods would wait for it.
  const plugin = { type: 'bridge', bridge, isGateway: true, forceAddress: true, hairpinMode: true, mtu, ipam };
  return `${JSON.stringify({ cniVersion, name: 'minke', plugins: [plugin, ...(bandwidth ? [shaping] : [])] }, null, 2)}\n`;
}

/** The first addresses of an IPv6 range are routers', the bridge's and the tunnel's. */
function startOf(subnet: string): { readonly rangeStart?: string } {
  const range = parseRange(subnet);
  return range?.family === 'IPv6' ? { rangeStart: addressAt(range, 3) } : {};
}
