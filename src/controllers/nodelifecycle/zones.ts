// How fast the nodes of a zone may be emptied: a zone that fails as a whole is rather cut off than broken. The decision is
// pure; the tally is kept as nodes change, so that judging one node never looks at all the others.
// Source: https://kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction
import { getCondition, type V1Node } from '../../api/mod.ts';

const label = (node: V1Node, key: string): string => node.metadata?.labels?.[`topology.kubernetes.io/${key}`] ?? '';

/** Region and zone; a zone's name need not be unique beyond its region. */
export const zoneOf = (node: V1Node): string => `${label(node, 'region')}/${label(node, 'zone')}`;

export const isNodeReady = (node: V1Node | undefined): boolean => getCondition(node?.status?.conditions, 'Ready')?.status === 'True';

export interface ZoneCount {
  readonly ready: number;
  readonly notReady: number;
}

export type ZoneState = 'Normal' | 'PartialDisruption' | 'FullDisruption';

const unhealthyThreshold = 0.55;
const largeZone = 50;
const perSecond = 0.1;
const perSecondWhenDisrupted = 0.01;

/** Two nodes that are not ready are no pattern yet, however small the zone. */
export function zoneStateOf({ ready, notReady }: ZoneCount): ZoneState {
  if (ready === 0 && notReady > 0) return 'FullDisruption';
  return notReady > 2 && notReady / (ready + notReady) >= unhealthyThreshold ? 'PartialDisruption' : 'Normal';
}

/**
 * Nodes of the zone that may be given the taint that evicts, per second. A zone that is down among others that are not is emptied
 * at the usual rate: its pods have where to go.
 */
export function evictionsPerSecond(count: ZoneCount): number {
  if (zoneStateOf(count) !== 'PartialDisruption') return perSecond;
  return count.ready + count.notReady > largeZone ? perSecondWhenDisrupted : 0;
}

/** What the taint that evicts may do to one node now. */
export type EvictionLeave =
  /** It may be there. */
  | { readonly leave: 'given' }
  /** Not yet; ask again then, or when the zone's state changes (`afterMs` absent). */
  | { readonly leave: 'later'; readonly afterMs?: number }
  /** No zone has a ready node: it is rather this controller that hears nothing, and pods would have nowhere to go. It has to go. */
  | { readonly leave: 'refused' };

interface Zone {
  ready: number;
  notReady: number;
  /** From when on the next node may be emptied, on the monotonic clock. */
  nextMs: number;
}

/** Counts the nodes of every zone, and gives leave to empty them. */
export class Zones {
  readonly #zones = new Map<string, Zone>();
  /** Zones in which a node is ready. */
  #alive = 0;

  /** Notes a change of a node. True when a zone's state or rate became another: then nodes that wait have to be judged again. */
  see(old: V1Node | undefined, next: V1Node | undefined): boolean {
    const before = old && zoneOf(old);
    const after = next && zoneOf(next);
    if (before === after && isNodeReady(old) === isNodeReady(next)) return false;
    const left = old !== undefined && this.#add(zoneOf(old), isNodeReady(old), -1);
    const came = next !== undefined && this.#add(zoneOf(next), isNodeReady(next), 1);
    return left || came;
  }

  /** Asks for one node that is to be emptied, and takes the zone's turn when it is given. */
  ask(node: V1Node, nowMs: number): EvictionLeave {
    if (this.#alive === 0) return { leave: 'refused' };
    const zone = this.#zones.get(zoneOf(node));
    if (!zone) return { leave: 'later' };
    const rate = evictionsPerSecond(zone);
    if (rate === 0) return { leave: 'later' };
    if (nowMs < zone.nextMs) return { leave: 'later', afterMs: zone.nextMs - nowMs };
    zone.nextMs = nowMs + 1000 / rate;
    return { leave: 'given' };
  }

  /** True while some node of some zone is ready. */
  get anyReady(): boolean {
    return this.#alive > 0;
  }

  #add(name: string, ready: boolean, by: 1 | -1): boolean {
    const zone = this.#zones.get(name) ?? { ready: 0, notReady: 0, nextMs: 0 };
    this.#zones.set(name, zone);
    const stateBefore = zoneStateOf(zone);
    const rateBefore = evictionsPerSecond(zone);
    const aliveBefore = zone.ready > 0;
    if (ready) zone.ready += by;
    else zone.notReady += by;
    const alive = zone.ready > 0;
    if (alive !== aliveBefore) this.#alive += alive ? 1 : -1;
    if (zone.ready + zone.notReady === 0) this.#zones.delete(name);
    return stateBefore !== zoneStateOf(zone) || rateBefore !== evictionsPerSecond(zone) || alive !== aliveBefore;
  }
}
