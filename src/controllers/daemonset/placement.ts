// On which nodes a DaemonSet's pods belong, and how they are tied to them. Pure.
import {
  matchesRequiredAffinity,
  tolerates,
  type V1DaemonSet,
  type V1Node,
  type V1Pod,
  type V1PodSpec,
  type V1Toleration,
} from '../../api/mod.ts';

const standing = (key: string, effect: string): V1Toleration => ({ key, operator: 'Exists', effect });
/** A daemon stays on a node that is in trouble: it may be what heals it. */
const daemonTolerations: readonly V1Toleration[] = [
  standing('node.kubernetes.io/not-ready', 'NoExecute'),
  standing('node.kubernetes.io/unreachable', 'NoExecute'),
  standing('node.kubernetes.io/disk-pressure', 'NoSchedule'),
  standing('node.kubernetes.io/memory-pressure', 'NoSchedule'),
  standing('node.kubernetes.io/pid-pressure', 'NoSchedule'),
  standing('node.kubernetes.io/unschedulable', 'NoSchedule'),
];
const networkToleration = standing('node.kubernetes.io/network-unavailable', 'NoSchedule');

const same = (a: V1Toleration, b: V1Toleration): boolean =>
  a.key === b.key && a.effect === b.effect && (a.operator ?? 'Equal') === (b.operator ?? 'Equal') && (a.value ?? '') === (b.value ?? '');

export function tolerationsOf(spec: V1PodSpec | undefined): readonly V1Toleration[] {
  const wanted = spec?.hostNetwork === true ? [...daemonTolerations, networkToleration] : daemonTolerations;
  const own = spec?.tolerations ?? [];
  return [...own.filter((each) => !wanted.some((other) => same(each, other))), ...wanted];
}

/** The spec of a pod for this node and no other. Requirements of the template on nodes have been judged already. */
export function specForNode(spec: V1PodSpec, nodeName: string): V1PodSpec {
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [nodeName] }];
  const required = { nodeSelectorTerms: [{ matchFields }] };
  const nodeAffinity = { ...spec.affinity?.nodeAffinity, requiredDuringSchedulingIgnoredDuringExecution: required };
  return { ...spec, affinity: { ...spec.affinity, nodeAffinity }, tolerations: tolerationsOf(spec) };
}

/** The node that a pod is on, or is meant for. */
export function nodeNameOf(pod: V1Pod): string | undefined {
  if (pod.spec?.nodeName) return pod.spec.nodeName;
  for (const { matchFields = [] } of pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ??
    []) {
    const found = matchFields.find(({ key, operator, values }) => key === 'metadata.name' && operator === 'In' && values?.length === 1);
    if (found) return found.values?.[0];
  }
  return undefined;
}

export interface Fit {
  /** A pod is to be there. */
  readonly run: boolean;
  /** One that is there may stay. */
  readonly stay: boolean;
}

export function fitOf({ spec }: V1DaemonSet, node: V1Node): Fit {
  const pod = spec?.template.spec;
  const nodeName = pod?.nodeName ?? '';
  if ((nodeName !== '' && nodeName !== node.metadata?.name) || !matchesRequiredAffinity(pod, node)) return { run: false, stay: false };
  const tolerations = tolerationsOf(pod);
  const untolerated = (node.spec?.taints ?? []).filter((taint) => !tolerations.some((each) => tolerates(each, taint)));
  const stay = !untolerated.some(({ effect }) => effect === 'NoExecute');
  return { run: stay && !untolerated.some(({ effect }) => effect === 'NoSchedule'), stay };
}
