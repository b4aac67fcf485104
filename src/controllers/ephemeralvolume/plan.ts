// Which claims a pod's generic ephemeral volumes still lack. Pure.
import {
  claimNameOf,
  controllerReference,
  ephemeralClaimProblem,
  type Persisted,
  pods,
  type V1PersistentVolumeClaim,
  type V1Pod,
} from '../../api/mod.ts';

export interface EphemeralPlan {
  readonly create: readonly V1PersistentVolumeClaim[];
  /** Claims of these names are there, and belong to others: the pod cannot start before they are gone. */
  readonly problems: readonly string[];
}

export function planEphemeralClaims(
  pod: Persisted<V1Pod>,
  claimNamed: (name: string) => V1PersistentVolumeClaim | undefined,
): EphemeralPlan {
  const create: V1PersistentVolumeClaim[] = [];
  const problems: string[] = [];
  const { namespace, deletionTimestamp } = pod.metadata;
  if (deletionTimestamp !== undefined) return { create, problems };
  for (const volume of pod.spec?.volumes ?? []) {
    const template = volume.ephemeral?.volumeClaimTemplate;
    const name = claimNameOf(pod, volume);
    if (!template || name === undefined) continue;
    const standing = claimNamed(name);
    const problem = standing && ephemeralClaimProblem(pod, standing);
    if (problem !== undefined) problems.push(problem);
    if (standing) continue;
    const { labels, annotations } = template.metadata ?? {};
    create.push({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {
        name,
        namespace,
        ...(labels ? { labels } : {}),
        ...(annotations ? { annotations } : {}),
        ownerReferences: [controllerReference(pods, pod)],
      },
      spec: template.spec,
    });
  }
  return { create, problems };
}
