// The scheduling framework: the points at which plugins take part in a decision, and what they may answer.
// Source: https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/
import type { KubeObject, V1Node, V1Pod } from '../api/mod.ts';
import type { Random } from '../base/mod.ts';
import type { Candidate } from './candidates.ts';
import type { NodeInfo } from './node-info.ts';
import type { NodeVerdicts } from './node-verdicts.ts';
import type { PodClass } from './pod-class.ts';
import type { Snapshot } from './snapshot.ts';
import type { Verdict } from './verdict.ts';

export type { Candidate } from './candidates.ts';
export { skip, success, unresolvable, unschedulable, type Verdict } from './verdict.ts';

/** What plugins remember between the points of one pod's cycle. Each plugin has its own key. */
export type CycleState = Map<string, unknown>;

/** What happened in the cluster: kinds of event that could make a pod fit. */
export type ClusterEvent =
  | { readonly is: 'nodeAdded'; readonly node: V1Node }
  | { readonly is: 'nodeChanged'; readonly old: V1Node; readonly node: V1Node }
  | { readonly is: 'nodeGone'; readonly node: V1Node }
  | { readonly is: 'podBound'; readonly pod: V1Pod }
  | { readonly is: 'podGone'; readonly pod: V1Pod }
  | { readonly is: 'podChanged'; readonly old: V1Pod; readonly pod: V1Pod };

/** An object of another kind has come, changed or gone: a claim, a volume, ... */
export interface ObjectEvent {
  readonly kind: string;
  readonly object: KubeObject;
}

export interface Plugin {
  readonly name: string;
  /**
   * Queueing hint: could `event` make `pod`, which this plugin has turned down, fit? Default: any event could.
   * It errs on the side of true: a false no would leave a pod waiting.
   */
  readonly mayHelp?: (pod: V1Pod, event: ClusterEvent) => boolean;
  /** What `mayHelp` and `objectMayHelp` look for, in words for people. Default: any change of a node or pod. */
  readonly helpedBy?: string;
  /** As `mayHelp`, for objects other than nodes and pods. Default: none of them helps. */
  readonly objectMayHelp?: (pod: V1Pod, event: ObjectEvent) => boolean;
  /** Tells of such objects, from the scheduler's start on. Returns what ends that. */
  readonly watch?: (happened: (event: ObjectEvent) => void) => () => void;
  /** Asked once a cycle. False: neither filter nor score of this plugin could make a difference, and none of them is run. */
  readonly applies?: (pod: V1Pod, snapshot: Snapshot) => boolean;
  /** Before the pod enters the active queue. */
  readonly preEnqueue?: (pod: V1Pod) => Verdict;
  /** Once a cycle: computes what the filter needs, and may narrow the nodes (`nodes`: their names). */
  readonly preFilter?: (
    state: CycleState,
    pod: V1Pod,
    snapshot: Snapshot,
  ) => Verdict | { readonly is: 'success'; readonly nodes: readonly string[] };
  /** What `preFilter` computes depends on where pods are: it is computed anew when one is pretended gone or there. */
  readonly countsPods?: true;
  /**
   * Filter and score look at the node that they are given and at what makes pods alike (`pod-class.ts`), and at nothing else: what
   * they say is remembered until the node changes.
   */
  readonly nodeAlone?: true;
  /** For each node: may the pod run there? */
  readonly filter?: (state: CycleState, pod: V1Pod, node: NodeInfo) => Verdict;
  /** When no node fits: may say which pods would have to go, and where there would be room then. Decides only: the scheduler acts. */
  readonly postFilter?: (pod: V1Pod, request: PostFilterRequest) => PostFilterResult;
  /** Once a cycle, with the nodes that fit. */
  readonly preScore?: (state: CycleState, pod: V1Pod, nodes: readonly NodeInfo[], snapshot: Snapshot) => Verdict;
  /** For each node that fits: a number from 0 to 100 after `normalize`. */
  readonly score?: (state: CycleState, pod: V1Pod, node: NodeInfo) => number;
  readonly normalize?: (state: CycleState, scores: number[]) => void;
  /** Sets something aside on the node; `unreserve` gives it back when a later point fails. */
  readonly reserve?: (state: CycleState, pod: V1Pod, nodeName: string) => Verdict;
  readonly unreserve?: (state: CycleState, pod: V1Pod, nodeName: string) => void;
  /** Lets the pod through or turns it down; a pod waits as long as the promise is pending. */
  readonly permit?: (state: CycleState, pod: V1Pod, nodeName: string, signal: AbortSignal) => Promise<Verdict>;
  /** Whether `preBind` waits for others to do something: such a pod does not keep further ones from being bound meanwhile. */
  readonly waitsLong?: (state: CycleState) => boolean;
  readonly preBind?: (state: CycleState, pod: V1Pod, nodeName: string, signal: AbortSignal) => Promise<Verdict>;
  /** The first plugin that does not skip binds the pod. */
  readonly bind?: (state: CycleState, pod: V1Pod, nodeName: string, signal: AbortSignal) => Promise<Verdict>;
  readonly postBind?: (state: CycleState, pod: V1Pod, nodeName: string) => void;
}

export interface PostFilterRequest extends PluginChain {
  readonly snapshot: Snapshot;
  /** Why each node was turned down. */
  readonly failed: NodeVerdicts;
  /** What is remembered for pods like this one. */
  readonly podClass?: PodClass | undefined;
  readonly random: Random;
}

/** `nodeName` and `victims` are those of the best candidate. */
export type PostFilterResult =
  | { readonly is: 'possible'; readonly nodeName: string; readonly victims: readonly V1Pod[]; readonly candidates: readonly Candidate[] }
  /** `text` follows the scheduling failure in its message. */
  | { readonly is: 'futile'; readonly text: string };

/** One line of a profile: a plugin and the weight of its score. */
export interface EnabledPlugin {
  readonly plugin: Plugin;
  readonly weight: number;
}

/** The order in which plugins run, where that of a point is another one than that of the whole. */
export type PointOrder = Readonly<Partial<Record<PluginPoint, readonly EnabledPlugin[]>>>;
export type PluginPoint =
  | 'preEnqueue'
  | 'preFilter'
  | 'filter'
  | 'postFilter'
  | 'preScore'
  | 'score'
  | 'reserve'
  | 'permit'
  | 'preBind'
  | 'bind'
  | 'postBind';

export interface PluginChain {
  readonly plugins: readonly EnabledPlugin[];
  readonly order?: PointOrder | undefined;
}

/** The plugins in the order in which they run at a point; not all of them take part in it. */
export const pluginsAt = (chain: PluginChain, point: PluginPoint): readonly EnabledPlugin[] => chain.order?.[point] ?? chain.plugins;

/** A named way to schedule: pods choose it by `spec.schedulerName`. */
export interface Profile extends PluginChain {
  readonly schedulerName: string;
  readonly percentageOfNodesToScore?: number;
}

export const scoreMax = 100;

/** Scales scores so that the highest becomes 100; `reverse` makes the lowest the best. */
export function normalizeScores(scores: number[], reverse = false): void {
  const highest = Math.max(0, ...scores);
  for (let i = 0; i < scores.length; i++) {
    const share = highest === 0 ? 0 : Math.floor(((scores[i] ?? 0) * scoreMax) / highest);
    scores[i] = reverse ? scoreMax - share : share;
  }
}
