// What is remembered of nodes for pods that are alike: of 10,000 pods of a Deployment the second asks what the first has asked. What
// plugins said of a node that look at the pod and that node alone (`Plugin.nodeAlone`) holds until the node changes.
// Source of the rule which parts of a pod make pods alike: what those plugins read.
import type { V1Container, V1Pod, V1PodDisruptionBudget } from '../api/mod.ts';
import type { Weighed } from './candidates.ts';
import type { NodeInfo } from './node-info.ts';
import { NodeVerdicts } from './node-verdicts.ts';
import type { Snapshot } from './snapshot.ts';
import type { Verdict } from './verdict.ts';

/** Kinds of pods that are remembered, the one that was asked for longest ago forgotten first: some 100 KB each with 5,000 nodes. */
const classesMax = 32;
/** With fewer nodes, asking costs what remembering does. */
const nodesMin = 50;

/** One value a node, each good until its node changes. */
export class PerNode<T> {
  readonly #revisions: Uint32Array;
  readonly #seen: Uint32Array;
  readonly #values: T[];

  constructor(revisions: Uint32Array, none: T) {
    this.#revisions = revisions;
    this.#seen = new Uint32Array(revisions.length);
    this.#values = new Array<T>(revisions.length).fill(none);
  }

  has(index: number): boolean {
    return this.#seen[index] === this.#revisions[index];
  }

  get(index: number): T {
    return this.#values[index] as T;
  }

  set(index: number, value: T): void {
    this.#seen[index] = this.#revisions[index] ?? 0;
    this.#values[index] = value;
  }

  clear(): void {
    this.#seen.fill(0);
  }
}

/** What is remembered for one kind of pods, by the place of nodes in the snapshot's list. */
export class PodClass {
  /** The list that places refer to: with another one all is asked anew. */
  readonly nodes: readonly NodeInfo[];
  /** What filters have against a node. */
  readonly refusals: PerNode<Verdict | undefined>;
  /** The same, with the pods that are nominated there. */
  readonly withNominated: PerNode<Verdict | undefined>;
  /** The weighted sum of scores. */
  readonly scores: PerNode<number>;
  /** Of the last time that no node would do; changed by the next. */
  readonly failed: NodeVerdicts;
  readonly #revisions: Uint32Array;
  #budgets: readonly V1PodDisruptionBudget[] = [];
  #trials: PerNode<Weighed | undefined> | undefined;

  constructor({ nodes, revisions }: Pick<Snapshot, 'nodes' | 'revisions'>) {
    this.nodes = nodes;
    this.refusals = new PerNode<Verdict | undefined>(revisions, undefined);
    this.withNominated = new PerNode<Verdict | undefined>(revisions, undefined);
    this.scores = new PerNode(revisions, 0);
    this.failed = new NodeVerdicts(nodes);
    this.#revisions = revisions;
  }

  /** Who would have to go from a node, as long as the budgets are these. */
  trials(budgets: readonly V1PodDisruptionBudget[]): PerNode<Weighed | undefined> {
    this.#trials ??= new PerNode<Weighed | undefined>(this.#revisions, undefined);
    const same = budgets.length === this.#budgets.length && budgets.every((budget, i) => budget === this.#budgets[i]);
    if (!same) this.#trials.clear();
    this.#budgets = budgets;
    return this.#trials;
  }
}

export class PodClasses {
  readonly #classes = new Map<string, PodClass>();

  /** Undefined where remembering is not worth it. */
  of(pod: V1Pod, snapshot: Pick<Snapshot, 'nodes' | 'revisions'>): PodClass | undefined {
    if (snapshot.nodes.length < nodesMin) return undefined;
    const key = keyOf(pod);
    const known = this.#classes.get(key);
    const current = known?.nodes === snapshot.nodes ? known : new PodClass(snapshot);
    this.#classes.delete(key);
    this.#classes.set(key, current);
    const [oldest] = this.#classes.keys();
    if (this.#classes.size > classesMax && oldest !== undefined) this.#classes.delete(oldest);
    return current;
  }
}

const ofContainer = ({ image, resources, ports, restartPolicy }: V1Container) => [image, resources?.requests, ports, restartPolicy];

/** Pods with the same key are one to every plugin that looks at a node alone. */
function keyOf({ spec }: V1Pod): string {
  return JSON.stringify([
    spec?.schedulerName,
    spec?.priority,
    spec?.nodeName,
    spec?.nodeSelector,
    spec?.affinity?.nodeAffinity,
    spec?.tolerations,
    spec?.resources?.requests,
    spec?.overhead,
    spec?.containers?.map(ofContainer),
    spec?.initContainers?.map(ofContainer),
  ]);
}
