// One sync of a Deployment: what it works with, what it notes on the way, and the one status write at its end.
import {
  formatTime,
  type Persisted,
  type V1Deployment,
  type V1DeploymentCondition,
  type V1DeploymentStatus,
  type V1Pod,
  type V1ReplicaSet,
} from '../../api/mod.ts';
import { type Again, type EventRecorder, type Informer, referenceTo } from '../../client/mod.ts';
import { againAfter, type ControllerContext, done } from '../runtime/controller.ts';
import { deploymentType } from '../runtime/resource-types.ts';
import { type Deployment, revisionAnnotation } from './replica-sets.ts';
import { deadlineInMs, sameStatus, withCondition } from './status.ts';

export interface Parts {
  readonly context: ControllerContext;
  readonly deployments: Informer<V1Deployment>;
  readonly sets: Informer<V1ReplicaSet>;
  readonly pods: Informer<V1Pod>;
  readonly events: EventRecorder;
}

/** One sync: the deployment as this sync has changed it so far (conditions are written once, at the end), and as it is stored. */
export interface Sync extends Parts {
  deployment: Deployment;
  readonly stored: Deployment;
}

export const now = ({ context }: Parts) => {
  const ms = context.clock.nowMs();
  return { ms, time: formatTime(ms) };
};

export function noteCondition(sync: Sync, condition: V1DeploymentCondition): void {
  const conditions = withCondition(sync.deployment.status?.conditions ?? [], condition);
  sync.deployment = { ...sync.deployment, status: { ...sync.deployment.status, conditions } };
}

/**
 * Notes the revision on the Deployment itself. It is written with the status: there an annotation does not count as a
 * change of the spec.
 */
export function noteRevision(sync: Sync, revision: number): void {
  const { metadata } = sync.deployment;
  if (revision === 0) return;
  const annotations = { ...metadata.annotations, [revisionAnnotation]: String(revision) };
  sync.deployment = { ...sync.deployment, metadata: { ...metadata, annotations } };
}

export function recordScaling(sync: Sync, name: string, from: number, to: number): void {
  const message = `Scaled ${from < to ? 'up' : 'down'} replica set ${name} from ${from} to ${to}`;
  sync.events.record(referenceTo(deploymentType, sync.stored), 'Normal', 'ScalingReplicaSet', message);
}

export async function writeStatus(sync: Sync, status: V1DeploymentStatus): Promise<Again> {
  const { client, signal, clock } = sync.context;
  const { annotations } = sync.deployment.metadata;
  const revised = annotations?.[revisionAnnotation] !== sync.stored.metadata.annotations?.[revisionAnnotation];
  if (revised || !sameStatus(sync.stored.status, status)) {
    const next: Persisted<V1Deployment> = { ...sync.deployment, status };
    await client.updateStatus(deploymentType, next, { signal });
  }
  const waitMs = deadlineInMs(sync.deployment, status, clock.nowMs());
  return waitMs === undefined ? done : againAfter(waitMs);
}
