// Which part of the cluster's pod range is whose, and which comes next. Pure state: no node is asked for here.
import { formatRange, hostBitsOf, type IpRange, lastOf, nodePrefix, parseCidr } from '../../api/mod.ts';

/** Beyond it, parts are not given out: a range can be very large. */
const partsMax = 2 ** 16;

/** Parts are counted from the start of the cluster's range. */
export class NodeRanges {
  readonly #range: IpRange;
  readonly #count: number;
  readonly #prefix: number;
  /** How many nodes have each part: more than one only where somebody else has given them out. */
  readonly #users = new Map<number, number>();
  #next = 0;

  /** Throws for anything but a range. */
  constructor(clusterCidr: string) {
    const range = parseCidr(clusterCidr);
    if (!range) throw new Error(`The range of pods must be a range such as 10.42.0.0/16, got "${clusterCidr}"`);
    this.#range = range;
    this.#prefix = Math.max(nodePrefix[range.family], range.prefix);
    this.#count = Math.min(partsMax, 2 ** (this.#prefix - range.prefix));
  }

  /** The parts that a range touches; empty for one elsewhere, or of the other family. */
  #partsOf(cidr: string): { from: number; to: number } {
    const range = parseCidr(cidr);
    if (range?.family !== this.#range.family) return { from: 0, to: -1 };
    const shift = this.#hostBits();
    const clamp = (part: bigint) => Math.max(-1, Math.min(Number(part), this.#count));
    return {
      from: Math.max(0, clamp((range.first - this.#range.first) >> shift)),
      to: Math.min(this.#count - 1, clamp((lastOf(range) - this.#range.first) >> shift)),
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

  #hostBits(): bigint {
    return hostBitsOf({ family: this.#range.family, prefix: this.#prefix });
  }

  #format(part: number): string {
    const { family, first } = this.#range;
    return formatRange({ family, first: first + (BigInt(part) << this.#hostBits()), prefix: this.#prefix });
  }
}
