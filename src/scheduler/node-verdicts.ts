// Why nodes were turned down, one by one, and how many of them for the same reason.
import type { NodeInfo } from './node-info.ts';
import type { Verdict } from './verdict.ts';

export class NodeVerdicts {
  /** What the places of {@link at} and {@link set} refer to. */
  readonly nodes: readonly NodeInfo[];
  readonly #verdicts: (Verdict | undefined)[];
  /** 1 where the going of pods could help. */
  readonly #unschedulable: Uint8Array;
  readonly #alike = new Map<Verdict, number>();
  #unschedulables = 0;

  constructor(nodes: readonly NodeInfo[]) {
    this.nodes = nodes;
    this.#verdicts = new Array<Verdict | undefined>(nodes.length).fill(undefined);
    this.#unschedulable = new Uint8Array(nodes.length);
  }

  at(index: number): Verdict | undefined {
    return this.#verdicts[index];
  }

  /** Undefined for a node that was not among them. */
  of(node: NodeInfo | undefined): Verdict | undefined {
    return node && this.nodes[node.index] === node ? this.#verdicts[node.index] : undefined;
  }

  /** How many nodes each verdict was about: most share a few. */
  get alike(): ReadonlyMap<Verdict, number> {
    return this.#alike;
  }

  /** How many nodes would perhaps do if pods left them. */
  get unschedulables(): number {
    return this.#unschedulables;
  }

  isUnschedulable(index: number): boolean {
    return this.#unschedulable[index] === 1;
  }

  set(index: number, verdict: Verdict): void {
    const before = this.#verdicts[index];
    if (before !== verdict) this.#replace(index, before, verdict);
  }

  #replace(index: number, before: Verdict | undefined, verdict: Verdict): void {
    this.#verdicts[index] = verdict;
    this.#alike.set(verdict, (this.#alike.get(verdict) ?? 0) + 1);
    const is = verdict.is === 'unschedulable' ? 1 : 0;
    this.#unschedulables += is - (this.#unschedulable[index] ?? 0);
    this.#unschedulable[index] = is;
    if (!before) return;
    const left = (this.#alike.get(before) ?? 0) - 1;
    if (left > 0) this.#alike.set(before, left);
    else this.#alike.delete(before);
  }
}
