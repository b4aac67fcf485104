// A decision in which extenders have a word. Asking them takes time, in which the cluster moves on: what they chose from is
// looked at again before it counts.
import type { V1Node, V1Pod } from '../api/mod.ts';
import {
  type DecideOptions,
  type Decision,
  evaluatedOf,
  findFeasible,
  noNode,
  refusalOn,
  refusalWithNominated,
  scoreNodes,
} from './decide.ts';
import { type Extenders, extenderName } from './extenders/extenders.ts';
import type { CycleState, Verdict } from './framework.ts';
import type { NodeInfo } from './node-info.ts';

/** How often all is begun anew because no node that was chosen fits any more. */
const triesMax = 3;

export interface ExtendedDecision {
  readonly decision: Decision;
  /** What plugins remember of the look that the decision rests on. */
  readonly state: CycleState;
}

export interface ExtendedOptions extends DecideOptions {
  readonly extenders: Extenders;
  readonly signal: AbortSignal;
}

export async function decideExtended(pod: V1Pod, options: ExtendedOptions): Promise<ExtendedDecision> {
  const state: CycleState = new Map();
  try {
    for (let attempt = 0; attempt < triesMax; attempt++) {
      const made = await tryOnce(pod, options);
      if (made) return made;
    }
    return { decision: { is: 'error', error: new Error('nodes changed while extenders were asked'), plugin: '' }, state };
  } catch (error) {
    return { decision: { is: 'error', error, plugin: '' }, state };
  }
}

const objectsOf = (infos: readonly NodeInfo[]): readonly V1Node[] => infos.flatMap((info) => info.node ?? []);

/** Undefined when nothing of what was chosen fits any more. */
async function tryOnce(pod: V1Pod, options: ExtendedOptions): Promise<ExtendedDecision | undefined> {
  const { extenders, snapshot, signal } = options;
  const state: CycleState = new Map();
  const found = findFeasible(pod, state, options);
  if ('is' in found) return { decision: found, state };
  const { left, refused } = await extenders.filter(pod, objectsOf(found.feasible), signal);
  if (left.length === 0) {
    for (const [i, node] of found.feasible.entries()) found.failed.set(found.places[i] as number, refused.get(node.name) ?? nothingLeft);
    return { decision: noNode(found), state };
  }
  const ranked = await rank(pod, left, options);
  for (const name of ranked) {
    const fresh: CycleState = new Map();
    const node = snapshot.get(name);
    if (!node || refusalOn(pod, node, options, fresh) || refusalWithNominated(pod, node, options)) continue;
    return { decision: { is: 'node', name, evaluated: evaluatedOf(found), feasible: left.length }, state: fresh };
  }
  return undefined;
}

const nothingLeft: Verdict = { is: 'unschedulable', reasons: [], plugin: extenderName };

/** Names, the best first; chance decides between equals. */
async function rank(pod: V1Pod, left: readonly V1Node[], options: ExtendedOptions): Promise<readonly string[]> {
  const { extenders, snapshot, signal, random } = options;
  const names = left.map((node) => node.metadata?.name ?? '');
  if (names.length === 1) return names;
  const points = await extenders.score(pod, left, signal);
  const nodes = names.flatMap((name) => snapshot.get(name) ?? []);
  const state: CycleState = new Map();
  const fits = nodes.filter((node) => !refusalOn(pod, node, options, state));
  const totals = fits.length > 0 ? scoreNodes(pod, state, { ...options, nodes: fits }) : [];
  return fits
    .map(({ name }, i) => ({ name, total: (totals[i] ?? 0) + (points.get(name) ?? 0), lot: random.fraction() }))
    .sort((a, b) => b.total - a.total || a.lot - b.lot)
    .map(({ name }) => name);
}
