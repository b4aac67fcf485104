// Which part of the cluster's pod range is whose, and which comes next. Pure state: no node is asked for here.
import { addressAt, type IpRange, parseRange } from '../../api/mod.ts';

/** A node's part of the range. 254 addresses, more than the pods that a node runs. */
export const nodePrefix = 24;

/** IPv4. Parts are counted from the start of the cluster's range. */
export class NodeRanges {
  readonly #range: IpRange;
  readonly #count: number;
  readonly #prefix: number;
  /** How many nodes have each part: more than one only where somebody else has given them out. */
  readonly #users = new Map<number, number>();
  #next = 0;

  /** Throws for anything but an IPv4 range. */
  constructor(clusterCidr: string) {
    const range = parseRange(clusterCidr);
    const prefix = Number(clusterCidr.split('/')[1]);
    if (range?.family !== 'IPv4') throw new Error(`The range of pods must be an IPv4 range such as 10.42.0.0/16, got "${clusterCidr}"`);
    this.#range = range;
    this.#prefix = Math.max(nodePrefix, prefix);
    this.#count = 2 ** (this.#prefix - prefix);
  }

  /** The parts that a range touches; empty for one elsewhere, or of the other family. */
  #partsOf(cidr: string): { from: number; to: number } {
    const range = parseRange(cidr);
    if (range?.family !== 'IPv4') return { from: 0, to: -1 };
    const shift = BigInt(32 - this.#prefix);
    const clamp = (part: bigint) => Math.max(-1, Math.min(Number(part), this.#count));
    return {
      from: Math.max(0, clamp((range.base - this.#range.base) >> shift)),
      to: Math.min(this.#count - 1, clamp((range.last - this.#range.base) >> shift)),
    };
  }

  #add(cidr: string, by: 1 | -1): void {
    const { from, to } = this.#partsOf(cidr);
    for (let part = from; part <= to; part++) {
      const users = (this.#users.get(part) ?? 0) + by;
      if (users > 0) this.#users.set(part, users);
      else this.#users.delete(part);
    }
  }

  occupy(cidr: string): void {
    this.#add(cidr, 1);
  }

  release(cidr: string): void {
    this.#add(cidr, -1);
  }

  isFree(cidr: string): boolean {
    const { from, to } = this.#partsOf(cidr);
    for (let part = from; part <= to; part++) if (this.#users.has(part)) return false;
    return from <= to;
  }

  /**
   * Occupies a free part: `wanted`, or the next after the one given last, so that a part that has come free rests before another
   * node has it. Undefined when none is left.
   */
  allocate(wanted?: string): string | undefined {
    if (wanted !== undefined && this.isFree(wanted)) {
      this.occupy(wanted);
      return wanted;
    }
    for (let i = 0; i < this.#count; i++) {
      const part = (this.#next + i) % this.#count;
      if (this.#users.has(part)) continue;
      this.#next = (part + 1) % this.#count;
      this.#users.set(part, 1);
      return this.#format(part);
    }
    return undefined;
  }

  #format(part: number): string {
    return `${addressAt(this.#range, part * 2 ** (32 - this.#prefix))}/${this.#prefix}`;
  }
}
