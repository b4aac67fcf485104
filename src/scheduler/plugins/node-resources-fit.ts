// NodeResourcesFit: the node has room for what the pod asks for; by default a node with more room left is liked better.
import type { V1Node, V1Pod } from '../../api/mod.ts';
import { defaultArgs, type FitArgs } from '../config/plugin-args.ts';
import { type Plugin, success, unresolvable, unschedulable, type Verdict } from '../framework.ts';
import type { NodeInfo } from '../node-info.ts';
import { podRequests, type Resources, toResources } from '../pod-resources.ts';
import { createResourceScore } from '../resource-scores.ts';

const stateKey = 'NodeResourcesFit';
const requestsIn = (state: Map<string, unknown>, pod: V1Pod): Resources =>
  (state.get(stateKey) as Resources | undefined) ?? podRequests(pod);

/** What is lacking, in upstream's words and order: pods, cpu, memory, ephemeral-storage, then the rest. */
function lacking(requests: Resources, info: NodeInfo): Verdict {
  const reasons: string[] = [];
  let neverFits = false;
  if (info.pods.size + 1 > info.allowedPods) reasons.push('Too many pods');
  const order = ['cpu', 'memory', 'ephemeral-storage', ...[...requests.keys()].filter((name) => !coreResources.has(name))];
  for (const name of order) {
    const wanted = requests.get(name) ?? 0;
    const offered = info.allocatable.get(name) ?? 0;
    if (wanted === 0 || wanted <= offered - (info.requested.get(name) ?? 0)) continue;
    reasons.push(`Insufficient ${name}`);
    neverFits ||= wanted > offered;
  }
  return refusalFor(reasons, neverFits);
}

/** Made once: nodes are turned down by the thousand, for few reasons. */
const refusals = new Map<string, Verdict>();
/** Names of resources are many only where somebody makes them up. */
const refusalsMax = 256;

function refusalFor(reasons: readonly string[], neverFits: boolean): Verdict {
  const key = `${neverFits}:${reasons.join()}`;
  let refusal = refusals.get(key);
  if (!refusal) {
    refusal = { ...(neverFits ? unresolvable(...reasons) : unschedulable(...reasons)), plugin: stateKey };
    if (refusals.size < refusalsMax) refusals.set(key, refusal);
  }
  return refusal;
}

/** The common case, without a list: asked for every node of every pod. */
function fits(requests: Resources, info: NodeInfo): boolean {
  if (info.pods.size + 1 > info.allowedPods) return false;
  const cpu = requests.get('cpu') ?? 0;
  const memory = requests.get('memory') ?? 0;
  if ((cpu > 0 && cpu > info.freeCpu) || (memory > 0 && memory > info.freeMemory)) return false;
  if (requests.size <= (requests.has('cpu') ? 1 : 0) + (requests.has('memory') ? 1 : 0)) return true;
  for (const [name, wanted] of requests) {
    if (wanted > 0 && wanted > (info.allocatable.get(name) ?? 0) - (info.requested.get(name) ?? 0)) return false;
  }
  return true;
}

const coreResources = new Set(['cpu', 'memory', 'ephemeral-storage', 'pods']);

/** What the pod asks for, but for extended resources that somebody else looks after. */
function createRequests({ ignoredResources, ignoredResourceGroups }: FitArgs): (pod: V1Pod) => Resources {
  if (ignoredResources.length + ignoredResourceGroups.length === 0) return podRequests;
  const isIgnored = (name: string) =>
    !coreResources.has(name) && (ignoredResources.includes(name) || ignoredResourceGroups.includes(name.slice(0, name.indexOf('/'))));
  return (pod) => new Map([...podRequests(pod)].filter(([name]) => !isIgnored(name)));
}

function couldHold(requests: Resources, node: V1Node): boolean {
  const offered = toResources(node.status?.allocatable);
  return [...requests].every(([name, wanted]) => wanted <= (offered.get(name) ?? 0));
}

/** Whether there is more now of anything that is wanted. */
const offersMore = (wanted: Resources, before: Resources, now: Resources): boolean =>
  [...wanted.keys()].some((name) => (now.get(name) ?? 0) > (before.get(name) ?? 0));

export function createNodeResourcesFit(args: FitArgs = defaultArgs.NodeResourcesFit): Plugin {
  const requestsOf = createRequests(args);
  const score = createResourceScore(args);
  return {
    name: 'NodeResourcesFit',
    nodeAlone: true,
    helpedBy: 'a pod goes or asks for less, or a node that could hold the pod is added or offers more',
    mayHelp: (pod, event) => {
      switch (event.is) {
        case 'podGone':
          return true;
        case 'podChanged':
          return offersMore(requestsOf(pod), requestsOf(event.pod), requestsOf(event.old));
        case 'nodeAdded':
          return couldHold(requestsOf(pod), event.node);
        case 'nodeChanged': {
          const wanted = new Map([...requestsOf(pod), ['pods', 1]]);
          const [before, now] = [event.old, event.node].map((node) => toResources(node.status?.allocatable));
          return couldHold(requestsOf(pod), event.node) && offersMore(wanted, before ?? new Map(), now ?? new Map());
        }
        case 'podBound':
        case 'nodeGone':
          return false;
      }
    },
    preFilter: (state, pod) => {
      state.set(stateKey, requestsOf(pod));
      return success;
    },
    filter: (state, pod, info) => {
      const requests = requestsIn(state, pod);
      return fits(requests, info) ? success : lacking(requests, info);
    },
    score: (_state, pod, info) => score(pod, info),
  };
}
