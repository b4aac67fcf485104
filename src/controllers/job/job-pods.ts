// What the Job controller does to pods: adopts, creates, deletes them, and takes their finalizer away.
import { compileLabelSelector, hasReason } from '../../api/mod.ts';
import { adoptObject, claim, controlledBy, orphansIn, releaseObject } from '../runtime/ownership.ts';
import { createPod, deletePod } from '../runtime/pod-control.ts';
import { isActive } from '../runtime/pods.ts';
import { podType } from '../runtime/resource-types.ts';
import { slowStart } from '../runtime/slow-start.ts';
import { jobType } from '../runtime/workload-types.ts';
import type { Parts } from './parts.ts';
import { podOfJob } from './pod-template.ts';
import { hasFinalizer, type Job, type Pod, trackingFinalizer } from './pods.ts';

const strategic = 'application/strategic-merge-patch+json';

/** All pods of the job; adopts and releases on the way. */
export async function claimPods(parts: Parts, job: Job): Promise<readonly Pod[]> {
  const { client, signal } = parts.context;
  const candidates = [...controlledBy(parts.pods, job), ...orphansIn(parts.pods, job.metadata.namespace ?? '').filter(isActive)];
  const { keep, adopt, release } = claim(job, candidates, compileLabelSelector(job.spec?.selector));
  if (adopt.length === 0 && release.length === 0) return keep;
  const { namespace, name, uid } = job.metadata;
  const fresh = await client.get(jobType, { namespace, name }, { signal });
  if (fresh.metadata.uid !== uid || fresh.metadata.deletionTimestamp !== undefined) return keep;
  const write = { client, ownerType: jobType, owner: job, type: podType, signal };
  for (const pod of release) await releaseObject(write, pod);
  const adopted: Pod[] = [];
  // One write: an orphan that has the finalizer would lose it again.
  for (const pod of adopt) adopted.push(await adoptObject(write, pod, trackingFinalizer));
  return [...keep, ...adopted];
}

/** Takes the finalizer away. With the job's key the cache is known to be behind until it shows it. */
export async function releasePod(parts: Parts, key: string | undefined, pod: Pod): Promise<void> {
  const { client, signal } = parts.context;
  const { uid, namespace, name } = pod.metadata;
  const expected = key === undefined ? undefined : expectedOf(parts, key).add(uid);
  const patch = { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } };
  try {
    await client.patch(podType, { namespace, name }, strategic, patch, { signal });
  } catch (error) {
    // It is gone, or another of its name is there.
    if (hasReason(error, 'NotFound', 'Conflict')) return;
    expected?.delete(uid);
    throw error;
  }
}

function expectedOf(parts: Parts, key: string): Set<string> {
  const known = parts.released.get(key);
  if (known) return known;
  const fresh = new Set<string>();
  parts.released.set(key, fresh);
  return fresh;
}

export interface Outcome {
  readonly pods: readonly Pod[];
  readonly error: unknown;
}

/** Deletes pods, all at once; gives those that went. `uncounted`: they lose their finalizer first, so that they never count as failed. */
export async function deletePods(parts: Parts, job: Job, key: string, pods: readonly Pod[], uncounted: boolean): Promise<Outcome> {
  const { client, signal } = parts.context;
  const owner = { client, events: parts.events, type: jobType, owner: job, signal };
  parts.expectations.expectDeletions(
    key,
    pods.map((pod) => pod.metadata.uid),
  );
  const results = await Promise.allSettled(
    pods.map(async (pod) => {
      try {
        if (uncounted && hasFinalizer(pod)) await releasePod(parts, key, pod);
        if (!(await deletePod(owner, pod))) parts.expectations.deletionObserved(key, pod.metadata.uid);
      } catch (error) {
        parts.expectations.deletionObserved(key, pod.metadata.uid);
        throw error;
      }
    }),
  );
  return {
    pods: pods.filter((_, i) => results[i]?.status === 'fulfilled'),
    error: results.find((result) => result.status === 'rejected')?.reason,
  };
}

/** Creates a pod for each index, a few at first; gives how many came to be. */
export async function createPods(
  parts: Parts,
  job: Job,
  key: string,
  indexes: readonly (number | undefined)[],
  lastFailed: ReadonlyMap<number, Pod>,
): Promise<{ readonly created: number; readonly error: unknown }> {
  const { client, signal } = parts.context;
  const owner = { client, events: parts.events, type: jobType, owner: job, signal };
  parts.expectations.expectCreations(key, indexes.length);
  let created = 0;
  const { started, error } = await slowStart(indexes.length, async (i) => {
    const index = indexes[i];
    try {
      await createPod(owner, podOfJob(job, index, index === undefined ? undefined : lastFailed.get(index)));
      created++;
    } catch (failure) {
      parts.expectations.creationObserved(key);
      throw failure;
    }
  });
  for (let skipped = started; skipped < indexes.length; skipped++) parts.expectations.creationObserved(key);
  return { created, error };
}
