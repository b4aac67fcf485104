// The devices that a node can reach, from the slices that drivers publish. Pure.
import {
  matchesNodeSelector,
  tolerates,
  type V1Device,
  type V1DeviceToleration,
  type V1Node,
  type V1NodeSelector,
  type V1ResourceSlice,
} from '../../api/mod.ts';
import { readCounters, type SharedCounters } from './capacity.ts';

/** One device with where it comes from. */
export interface PoolDevice {
  /** `driver/pool/device`: unique in the cluster. */
  readonly id: string;
  readonly driver: string;
  readonly pool: string;
  readonly device: V1Device;
  /** Undefined: reachable from every node. */
  readonly nodeSelector: V1NodeSelector | undefined;
}

export interface NodeDevices {
  readonly devices: readonly PoolDevice[];
  /** Some pool is not published in full yet: who asks for all devices has to wait. */
  readonly incomplete: boolean;
  /** What devices of a pool share. */
  readonly counters: SharedCounters;
}

export const deviceId = (of: { readonly driver: string; readonly pool: string; readonly device: string }): string =>
  `${of.driver}/${of.pool}/${of.device}`;

type Placement = Pick<V1Device, 'nodeName' | 'nodeSelector' | 'allNodes'>;

const reaches = ({ nodeName, nodeSelector, allNodes }: Placement, node: V1Node): boolean =>
  nodeName
    ? nodeName === node.metadata?.name
    : allNodes === true || (nodeSelector !== undefined && matchesNodeSelector(nodeSelector, node));

const onNode = (nodeName: string): V1NodeSelector => ({
  nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [nodeName] }] }],
});

const selectorOf = ({ nodeName, nodeSelector }: Placement): V1NodeSelector | undefined => (nodeName ? onNode(nodeName) : nodeSelector);

/** Slices of a pool's latest generation alone count. */
export function devicesOf(slices: readonly V1ResourceSlice[], node: V1Node): NodeDevices {
  const devices: PoolDevice[] = [];
  const counters = { totals: new Map<string, number>(), consumers: new Map<string, readonly { counter: string; amount: number }[]>() };
  let incomplete = false;
  for (const pool of poolsOf(slices).values()) {
    const [first] = pool;
    const reachable = pool.filter(({ spec }) => spec.perDeviceNodeSelection === true || reaches(spec, node));
    if (!first || reachable.length === 0) continue;
    if (pool.length < first.spec.pool.resourceSliceCount) incomplete = true;
    readCounters(pool, counters, ({ spec }, device) => deviceId({ driver: spec.driver, pool: spec.pool.name, device }));
    for (const { spec } of reachable) {
      for (const device of spec.devices ?? []) {
        const placement = spec.perDeviceNodeSelection === true ? device : spec;
        if (!reaches(placement, node)) continue;
        const { driver } = spec;
        const pool = spec.pool.name;
        devices.push({
          id: deviceId({ driver, pool, device: device.name }),
          driver,
          pool,
          device,
          nodeSelector: device.bindsToNode === true ? onNode(node.metadata?.name ?? '') : selectorOf(placement),
        });
      }
    }
  }
  return { devices, incomplete, counters };
}

function poolsOf(slices: readonly V1ResourceSlice[]): ReadonlyMap<string, readonly V1ResourceSlice[]> {
  const pools = new Map<string, V1ResourceSlice[]>();
  // The same order whatever the order of the cache: the first device that fits is the same one.
  const ordered = [...slices].sort((a, b) => ((a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1));
  for (const slice of ordered) {
    const { driver, pool } = slice.spec;
    const key = `${driver}/${pool.name}`;
    const known = pools.get(key);
    const generation = known?.[0]?.spec.pool.generation ?? -1;
    if (pool.generation > generation) pools.set(key, [slice]);
    else if (pool.generation === generation) known?.push(slice);
  }
  return pools;
}

/** A device with a taint takes claims that tolerate it alone. */
export const isTolerated = ({ taints = [] }: V1Device, tolerations: readonly V1DeviceToleration[]): boolean =>
  taints.every((taint) => taint.effect === 'None' || tolerations.some((toleration) => tolerates(toleration, taint)));
