// The ReplicaSet of a Deployment's present template: found and brought up to date, or created.
import { hasReason, isControlledBy, type V1ReplicaSet } from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { referenceTo } from '../../client/mod.ts';
import { isNamespaceTerminating } from '../runtime/pod-control.ts';
import { deploymentType, replicaSetType } from '../runtime/resource-types.ts';
import { newSetSize, type Sets } from './plan.ts';
import {
  findNew,
  findOld,
  newReplicaSet,
  nextRevision,
  type ReplicaSet,
  refreshedNewSet,
  revisionOf,
  sameTemplate,
} from './replica-sets.ts';
import { hasDeadline, newCondition } from './status.ts';
import { noteCondition, noteRevision, now, recordScaling, type Sync, writeStatus } from './sync.ts';

/** The sets, with the new one brought up to date, or created when `create` says so. */
export async function withCurrent(sync: Sync, all: readonly ReplicaSet[], create: boolean): Promise<Sets> {
  const old = findOld(sync.deployment, all);
  const existing = findNew(sync.deployment, all);
  const revision = nextRevision(old);
  if (existing) return { old, current: await refresh(sync, existing, revision) };
  return { old, current: create ? await createSet(sync, old, revision) : undefined };
}

async function refresh(sync: Sync, existing: ReplicaSet, revision: number): Promise<ReplicaSet> {
  const { client, signal } = sync.context;
  const wanted = refreshedNewSet(sync.deployment, existing, revision);
  const current = wanted === existing ? existing : await client.update(replicaSetType, wanted, { signal });
  noteRevision(sync, revisionOf(current));
  if (hasDeadline(sync.deployment) && !sync.deployment.status?.conditions?.some(({ type }) => type === 'Progressing')) {
    const said = { reason: 'FoundNewReplicaSet', message: `Found new replica set "${current.metadata.name}"` };
    noteCondition(sync, newCondition('Progressing', 'True', said, now(sync).time));
  }
  return current;
}

async function createSet(sync: Sync, old: readonly ReplicaSet[], revision: number): Promise<ReplicaSet | undefined> {
  const { client, signal } = sync.context;
  const empty = newReplicaSet(sync.deployment, revision);
  const replicas = newSetSize(sync.deployment, old, 0);
  const draft: V1ReplicaSet = { ...empty, spec: { ...empty.spec, selector: empty.spec?.selector ?? {}, replicas } };
  const name = draft.metadata?.name ?? '';
  let made: ReplicaSet;
  try {
    made = await client.create(replicaSetType, draft, { signal });
    if (replicas > 0) recordScaling(sync, name, 0, replicas);
    if (hasDeadline(sync.deployment)) {
      const said = { reason: 'NewReplicaSetCreated', message: `Created new replica set "${name}"` };
      noteCondition(sync, newCondition('Progressing', 'True', said, now(sync).time));
    }
  } catch (error) {
    if (isNamespaceTerminating(error)) return undefined;
    if (!hasReason(error, 'AlreadyExists')) throw await creationFailed(sync, name, error);
    made = await existingSet(sync, name, error);
  }
  noteRevision(sync, revision);
  return made;
}

/** The set of that name, when the cache was only behind; else the hash of another template is the same: it is counted, and tried with another. */
async function existingSet(sync: Sync, name: string, error: unknown): Promise<ReplicaSet> {
  const { client, signal } = sync.context;
  const { deployment } = sync;
  const found = await client.get(replicaSetType, { namespace: deployment.metadata.namespace, name }, { signal });
  if (isControlledBy(found, deployment) && sameTemplate(found.spec?.template, deployment.spec?.template)) return found;
  const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
  await client.updateStatus(deploymentType, { ...sync.stored, status: { ...sync.stored.status, collisionCount } }, { signal });
  throw error;
}

async function creationFailed(sync: Sync, name: string, error: unknown): Promise<unknown> {
  const message = `Failed to create new replica set "${name}": ${errorText(error)}`;
  if (sync.context.signal.aborted) return error;
  sync.events.record(referenceTo(deploymentType, sync.stored), 'Warning', 'ReplicaSetCreateError', message);
  if (hasDeadline(sync.deployment)) {
    const said = { reason: 'ReplicaSetCreateError', message };
    noteCondition(sync, newCondition('Progressing', 'False', said, now(sync).time));
    await writeStatus(sync, sync.deployment.status ?? {});
  }
  return error;
}
