// What a Deployment knows of its ReplicaSets: which is new, which are old, their revisions and annotations. Pure.
import {
  compileLabelSelector,
  controllerReference,
  type Labels,
  type Persisted,
  safeEncode,
  scaledValue,
  type V1Deployment,
  type V1PodTemplateSpec,
  type V1ReplicaSet,
} from '../../api/mod.ts';
import { fnv1a } from '../../base/mod.ts';
import { deploymentType } from '../runtime/resource-types.ts';

export const hashLabel = 'pod-template-hash';
export const revisionAnnotation = 'deployment.kubernetes.io/revision';
const revisionHistoryAnnotation = 'deployment.kubernetes.io/revision-history';
const desiredAnnotation = 'deployment.kubernetes.io/desired-replicas';
const maxAnnotation = 'deployment.kubernetes.io/max-replicas';
const revisionHistoryCharsMax = 2000;

/** Annotations that are not handed down from a Deployment to its ReplicaSets. */
const notInherited = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  revisionAnnotation,
  revisionHistoryAnnotation,
  desiredAnnotation,
  maxAnnotation,
  'deprecated.deployment.rollback.to',
]);

export type Deployment = Persisted<V1Deployment>;
export type ReplicaSet = Persisted<V1ReplicaSet>;

export const specReplicas = (of: { readonly spec?: { readonly replicas?: number | undefined } | undefined } | undefined): number =>
  of?.spec?.replicas ?? 1;

export const sumReplicas = (sets: readonly V1ReplicaSet[]): number => sets.reduce((sum, set) => sum + specReplicas(set), 0);
const sumOf = (sets: readonly V1ReplicaSet[], field: 'replicas' | 'readyReplicas' | 'availableReplicas' | 'terminatingReplicas'): number =>
  sets.reduce((sum, set) => sum + (set.status?.[field] ?? 0), 0);
export const actualReplicas = (sets: readonly V1ReplicaSet[]): number => sumOf(sets, 'replicas');
export const readyReplicas = (sets: readonly V1ReplicaSet[]): number => sumOf(sets, 'readyReplicas');
export const availableReplicas = (sets: readonly V1ReplicaSet[]): number => sumOf(sets, 'availableReplicas');
export const terminatingReplicas = (sets: readonly V1ReplicaSet[]): number => sumOf(sets, 'terminatingReplicas');

export const activeSets = (sets: readonly ReplicaSet[]): readonly ReplicaSet[] => sets.filter((set) => specReplicas(set) > 0);

/** Oldest first; of the same second, by name. */
export const byAge = (sets: readonly ReplicaSet[]): ReplicaSet[] => [...sets].sort(compareAge);
export function compareAge(a: ReplicaSet, b: ReplicaSet): number {
  const [left, right] = [a.metadata, b.metadata];
  if (left.creationTimestamp !== right.creationTimestamp) return left.creationTimestamp < right.creationTimestamp ? -1 : 1;
  return left.name < right.name ? -1 : 1;
}

export const isRolling = (deployment: V1Deployment): boolean => (deployment.spec?.strategy?.type ?? 'RollingUpdate') === 'RollingUpdate';

/** How many pods there may be more, and how many may be unavailable, in numbers. Both never 0: a rollout could not move. */
export function limitsOf(deployment: V1Deployment): { readonly maxSurge: number; readonly maxUnavailable: number } {
  const replicas = specReplicas(deployment);
  if (!isRolling(deployment)) return { maxSurge: 0, maxUnavailable: 0 };
  const rolling = deployment.spec?.strategy?.rollingUpdate;
  const maxSurge = scaledValue(rolling?.maxSurge ?? '25%', replicas, 'up');
  const wanted = scaledValue(rolling?.maxUnavailable ?? '25%', replicas, 'down');
  const unavailable = maxSurge === 0 && wanted === 0 ? 1 : wanted;
  return { maxSurge, maxUnavailable: Math.min(unavailable, replicas) };
}

/** Templates are equal when they differ in nothing but the hash label. */
export function sameTemplate(a: V1PodTemplateSpec | undefined, b: V1PodTemplateSpec | undefined): boolean {
  return sameJson(withoutHash(a), withoutHash(b));
}

function withoutHash(template: V1PodTemplateSpec | undefined): unknown {
  const { [hashLabel]: _, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } };
}

/** Equal in depth, where nothing, an empty list and an empty object are the same, as upstream compares. */
function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isEmpty(a) && isEmpty(b)) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => sameJson(item, b[i]));
  }
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].every((key) => sameJson(left[key], right[key]));
}

const isEmpty = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);

/** The set with the Deployment's template. Of several, the oldest. */
export const findNew = (deployment: V1Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined =>
  byAge(sets).find((set) => sameTemplate(set.spec?.template, deployment.spec?.template));

export const findOld = (deployment: V1Deployment, sets: readonly ReplicaSet[]): readonly ReplicaSet[] => {
  const current = findNew(deployment, sets);
  return sets.filter((set) => set.metadata.uid !== current?.metadata.uid);
};

export const revisionOf = (set: V1ReplicaSet): number => {
  const text = set.metadata?.annotations?.[revisionAnnotation] ?? '';
  return /^\d+$/.test(text) ? Number(text) : 0;
};

export const nextRevision = (old: readonly V1ReplicaSet[]): number => Math.max(0, ...old.map(revisionOf)) + 1;

/** A hash of the template, and of the number of collisions so far, in letters that are safe in names. */
export function templateHash(template: V1PodTemplateSpec | undefined, collisionCount: number | undefined): string {
  const text = canonical(template) + (collisionCount === undefined ? '' : `/${collisionCount}`);
  return safeEncode(String(fnv1a(text)));
}

function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(',')}}`;
}

/** The annotations that say for which size of the Deployment a set was last scaled. */
export const sizeAnnotations = (deployment: V1Deployment): Readonly<Record<string, string>> => ({
  [desiredAnnotation]: String(specReplicas(deployment)),
  [maxAnnotation]: String(specReplicas(deployment) + limitsOf(deployment).maxSurge),
});

const numberIn = (set: V1ReplicaSet, annotation: string): number | undefined => {
  const text = set.metadata?.annotations?.[annotation];
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
};
export const desiredOf = (set: V1ReplicaSet): number | undefined => numberIn(set, desiredAnnotation);
export const maxReplicasOf = (set: V1ReplicaSet): number | undefined => numberIn(set, maxAnnotation);

/** The new set, not yet created, without replicas. */
export function newReplicaSet(deployment: Deployment, revision: number): V1ReplicaSet {
  const template = deployment.spec?.template;
  const hash = templateHash(template, deployment.status?.collisionCount);
  const labels: Labels = { ...template?.metadata?.labels, [hashLabel]: hash };
  const selector = deployment.spec?.selector ?? {};
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace,
      labels,
      annotations: { ...inherited(deployment), [revisionAnnotation]: String(revision), ...sizeAnnotations(deployment) },
      ownerReferences: [controllerReference(deploymentType, deployment)],
    },
    spec: {
      replicas: 0,
      minReadySeconds: deployment.spec?.minReadySeconds ?? 0,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template?.metadata, labels } },
    },
  };
}

const inherited = (deployment: V1Deployment): Record<string, string> =>
  Object.fromEntries(Object.entries(deployment.metadata?.annotations ?? {}).filter(([key]) => !notInherited.has(key)));

/** The annotations and minReadySeconds that the existing new set should have; the very same object when it has them. */
export function refreshedNewSet(deployment: Deployment, set: ReplicaSet, revision: number): ReplicaSet {
  const standing = set.metadata.annotations ?? {};
  const annotations: Record<string, string> = { ...standing, ...inherited(deployment) };
  const old = standing[revisionAnnotation] ?? '';
  if (revisionOf(set) < revision) {
    annotations[revisionAnnotation] = String(revision);
    if (old !== '') annotations[revisionHistoryAnnotation] = historyWith(standing[revisionHistoryAnnotation], old);
  }
  const minReadySeconds = deployment.spec?.minReadySeconds ?? 0;
  const same = sameJson(standing, annotations) && (set.spec?.minReadySeconds ?? 0) === minReadySeconds;
  if (same || !set.spec) return set;
  return { ...set, metadata: { ...set.metadata, annotations }, spec: { ...set.spec, minReadySeconds } };
}

/** The revisions that this template had before; the oldest go when the text grows too long. */
function historyWith(history: string | undefined, revision: string): string {
  const all = [...(history ? history.split(',') : []), revision];
  while (all.length > 1 && all.join(',').length >= revisionHistoryCharsMax) all.shift();
  return all.join(',');
}

/** Whose selector takes everything selects by mistake. */
export const selectsEverything = (deployment: V1Deployment): boolean => isEmpty(deployment.spec?.selector);

export const matcherOf = (deployment: V1Deployment) => compileLabelSelector(deployment.spec?.selector);
