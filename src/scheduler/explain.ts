// The answer to "why is this pod there?": its place in the queue, what it waits for, how it was decided, and a trial of the decision.
import { formatTime, type V1Pod } from '../api/mod.ts';
import type { Clock } from '../base/mod.ts';
import type { LookOptions } from './decide.ts';
import type { Profile, Verdict } from './framework.ts';
import { podKey } from './node-info.ts';
import type { Waiting } from './queue.ts';
import type { Snapshot } from './snapshot.ts';
import { type Trial, tryPod, withRefusals } from './why.ts';

/** Records of decisions that are kept, the oldest forgotten first. */
const recordsMax = 1024;

/** What is remembered of a pod that has got a node. */
export interface DecisionRecord {
  readonly nodeName: string;
  /** RFC 3339. */
  readonly time: string;
  /** Nodes that were looked at: with many nodes, a share of them. */
  readonly evaluated: number;
  readonly feasible: number;
  readonly attempts: number;
}

export interface PodExplanation {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly schedulerName: string;
  /** `elsewhere`: its scheduler is another one. `finished`: it will not run again. */
  readonly state: Waiting['at'] | 'bound' | 'finished' | 'elsewhere';
  readonly nodeName?: string;
  readonly nominatedNodeName?: string;
  readonly gates: readonly string[];
  readonly priority: number;
  readonly attempts?: number;
  readonly waitingSeconds?: number;
  /** What would have the pod tried again, by the plugin that waits for it. */
  readonly wokenBy: readonly { readonly plugin: string; readonly event: string }[];
  /** How it got its node, where this process still knows. */
  readonly decision?: DecisionRecord;
  /** The decision as it would be made now. */
  readonly trial?: Trial;
}

/** Undefined where there is no such pod. */
export type ExplainPod = (pod: { readonly namespace: string; readonly name: string }) => PodExplanation | undefined;

/** The last decisions, bounded. */
export class DecisionLog {
  readonly #records = new Map<string, DecisionRecord>();

  add(pod: V1Pod, record: DecisionRecord): void {
    this.#records.delete(podKey(pod));
    this.#records.set(podKey(pod), record);
    if (this.#records.size <= recordsMax) return;
    const [oldest] = this.#records.keys();
    if (oldest !== undefined) this.#records.delete(oldest);
  }

  get(pod: V1Pod): DecisionRecord | undefined {
    return this.#records.get(podKey(pod));
  }
}

export interface ExplainRequest {
  readonly profile: Profile | undefined;
  readonly snapshot: Snapshot;
  readonly waiting: Waiting | undefined;
  readonly record: DecisionRecord | undefined;
  /** Nodes that extenders turned down the last time: they are not asked for a trial. */
  readonly extended?: ReadonlyMap<string, Verdict> | undefined;
  readonly clock: Clock;
}

export function explain(pod: V1Pod, request: ExplainRequest): PodExplanation {
  const { profile, snapshot, waiting, record, clock } = request;
  const { metadata, spec, status } = pod;
  const nodeName = spec?.nodeName || undefined;
  const nominated = status?.nominatedNodeName || undefined;
  const state = stateOf(pod, request);
  const trial = profile && state !== 'finished' ? tryExtended(pod, { ...profile, snapshot }, request.extended) : undefined;
  const bound = state === 'bound' || state === 'finished';
  return {
    namespace: metadata?.namespace ?? '',
    name: metadata?.name ?? '',
    uid: metadata?.uid ?? '',
    schedulerName: spec?.schedulerName ?? '',
    state,
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(nominated === undefined || bound ? {} : { nominatedNodeName: nominated }),
    gates: (spec?.schedulingGates ?? []).map((gate) => gate.name),
    priority: spec?.priority ?? 0,
    ...(waiting ? { attempts: waiting.attempts, waitingSeconds: Math.floor((clock.monotonicMs() - waiting.sinceMs) / 1000) } : {}),
    wokenBy: waiting ? wakersOf(waiting, profile) : [],
    ...(record && nodeName !== undefined ? { decision: record } : {}),
    ...(trial ? { trial } : {}),
  };
}

/** The trial, but for nodes that extenders would not have the last time. */
function tryExtended(pod: V1Pod, options: LookOptions, extended: ExplainRequest['extended']): Trial {
  const trial = tryPod(pod, options);
  return extended && !pod.spec?.nodeName ? withRefusals(trial, extended) : trial;
}

function stateOf(pod: V1Pod, { profile, waiting }: ExplainRequest): PodExplanation['state'] {
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return 'finished';
  if (pod.spec?.nodeName) return 'bound';
  return profile ? (waiting?.at ?? 'binding') : 'elsewhere';
}

function wakersOf(waiting: Waiting, profile: Profile | undefined): PodExplanation['wokenBy'] {
  const helpedBy = new Map(profile?.plugins.map(({ plugin }) => [plugin.name, plugin.helpedBy]));
  return waiting.plugins.map((plugin) => ({ plugin, event: helpedBy.get(plugin) ?? 'any change of a node or pod' }));
}

export const recordOf = (
  clock: Clock,
  decision: { readonly name: string; readonly evaluated: number; readonly feasible: number },
  attempts: number,
): DecisionRecord => ({
  nodeName: decision.name,
  time: formatTime(clock.nowMs()),
  evaluated: decision.evaluated,
  feasible: decision.feasible,
  attempts,
});
