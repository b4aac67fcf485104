// What is said to extenders and what they answer: k8s.io/kube-scheduler/extender/v1. Its fields have Go's names, and are read
// in whatever case they come, as Go reads them.
import type { V1Node, V1Pod } from '../../api/mod.ts';
import type { ExtenderConfiguration } from '../config/extenders.ts';
import type { Candidate } from '../framework.ts';

export interface FilterAnswer {
  /** The names of the nodes that are left. */
  readonly left: readonly string[];
  readonly failed: ReadonlyMap<string, string>;
  readonly unresolvable: ReadonlyMap<string, string>;
}

/** An extender answered with an error, or not as it should. */
export class ExtenderError extends Error {
  override readonly name = 'ExtenderError';
}

/** For filter and prioritize. */
export const argsOf = (config: ExtenderConfiguration, pod: V1Pod, nodes: readonly V1Node[]): object => ({
  Pod: pod,
  Nodes: config.nodeCacheCapable ? null : { metadata: {}, items: nodes },
  NodeNames: config.nodeCacheCapable ? nodes.map((node) => node.metadata?.name ?? '') : null,
});

export const bindingOf = (pod: V1Pod, nodeName: string): object => ({
  PodName: pod.metadata?.name,
  PodNamespace: pod.metadata?.namespace,
  PodUID: pod.metadata?.uid,
  Node: nodeName,
});

export function preemptionOf(config: ExtenderConfiguration, pod: V1Pod, candidates: readonly Candidate[]): object {
  const byNode = (podOf: (victim: V1Pod) => unknown) =>
    Object.fromEntries(
      candidates.map(({ nodeName, victims, violations }) => [nodeName, { Pods: victims.map(podOf), NumPDBViolations: violations }]),
    );
  return {
    Pod: pod,
    NodeNameToVictims: config.nodeCacheCapable ? null : byNode((victim) => victim),
    NodeNameToMetaVictims: config.nodeCacheCapable ? byNode((victim) => ({ UID: victim.metadata?.uid })) : null,
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

function field(value: unknown, name: string): unknown {
  if (!isRecord(value)) return undefined;
  const exact = value[name];
  if (exact !== undefined) return exact;
  const key = Object.keys(value).find((one) => one.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : value[key];
}

function texts(value: unknown): ReadonlyMap<string, string> {
  return new Map(isRecord(value) ? Object.entries(value).map(([name, text]) => [name, String(text)]) : []);
}

/** Throws {@link ExtenderError} for the error that the answer carries. */
export function checkError(answer: unknown): void {
  const error = field(answer, 'Error');
  if (typeof error === 'string' && error !== '') throw new ExtenderError(error);
}

export function readFilter(config: ExtenderConfiguration, answer: unknown, sent: readonly string[]): FilterAnswer {
  checkError(answer);
  const names = field(answer, 'NodeNames');
  const items = field(field(answer, 'Nodes'), 'items');
  const left =
    config.nodeCacheCapable && Array.isArray(names)
      ? names.map(String)
      : Array.isArray(items)
        ? items.map((item) => String(field(field(item, 'metadata'), 'name') ?? ''))
        : [];
  const known = new Set(sent);
  const stranger = left.find((name) => !known.has(name));
  if (stranger !== undefined) {
    const text = `extender ${JSON.stringify(config.urlPrefix)} claims a filtered node ${JSON.stringify(stranger)} which is not found in the input node list`;
    throw new ExtenderError(text);
  }
  return { left, failed: texts(field(answer, 'FailedNodes')), unresolvable: texts(field(answer, 'FailedAndUnresolvableNodes')) };
}

/** Scores by node name, from 0 to 10. */
export function readPriorities(answer: unknown): ReadonlyMap<string, number> {
  if (!Array.isArray(answer)) throw new ExtenderError('the answer to prioritize is not a list');
  return new Map(answer.map((one) => [String(field(one, 'Host') ?? ''), Number(field(one, 'Score') ?? 0)]));
}

/** Of the candidates that were sent those that are left, with the victims that the extender chose. */
export function readPreemption(
  config: ExtenderConfiguration,
  answer: unknown,
  podsOn: (nodeName: string) => readonly V1Pod[],
): Candidate[] {
  const byNode = field(answer, 'NodeNameToMetaVictims');
  const left: Candidate[] = [];
  for (const [nodeName, of] of Object.entries(isRecord(byNode) ? byNode : {})) {
    const uids = field(of, 'Pods');
    const there = new Map(podsOn(nodeName).map((pod) => [pod.metadata?.uid, pod]));
    const victims = (Array.isArray(uids) ? uids : []).map((one) => {
      const uid = String(field(one, 'UID') ?? '');
      const pod = there.get(uid);
      if (pod) return pod;
      const text = `extender: ${config.urlPrefix} claims to preempt pod (UID: ${uid}) on node: ${nodeName}, but the pod is not found on that node`;
      throw new ExtenderError(text);
    });
    if (victims.length > 0) left.push({ nodeName, victims, violations: Number(field(of, 'NumPDBViolations') ?? 0) });
    else if (!config.ignorable) throw new ExtenderError(`expected at least one victim pod on node ${JSON.stringify(nodeName)}`);
  }
  return left;
}
