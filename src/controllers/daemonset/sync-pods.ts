// Creates and deletes a DaemonSet's pods.
import type { V1Pod } from '../../api/mod.ts';
import type { EventRecorder } from '../../client/mod.ts';
import type { ControllerContext } from '../runtime/controller.ts';
import type { Expectations } from '../runtime/expectations.ts';
import { createPod, deletePod, podFromTemplate } from '../runtime/pod-control.ts';
import { slowStart } from '../runtime/slow-start.ts';
import { daemonSetType } from '../runtime/workload-types.ts';
import { specForNode } from './placement.ts';
import { type DaemonInput, type DaemonPlan, type DaemonSet, hashLabel } from './plan.ts';

/** The most pods that one reconcile creates, and deletes. */
const burst = 250;
const generationAnnotation = 'deprecated.daemonset.template.generation';
const generationLabel = 'pod-template-generation';

interface Parts {
  readonly context: ControllerContext;
  readonly expectations: Expectations;
  readonly events: EventRecorder;
}

function podFor(set: DaemonSet, hash: string, nodeName: string): V1Pod {
  const pod = podFromTemplate(daemonSetType, set, set.spec?.template);
  const generation = set.metadata.annotations?.[generationAnnotation];
  const labels = { ...pod.metadata?.labels, ...(generation === undefined ? {} : { [generationLabel]: generation }), [hashLabel]: hash };
  return { ...pod, metadata: { ...pod.metadata, labels }, ...(pod.spec ? { spec: specForNode(pod.spec, nodeName) } : {}) };
}

/** Gives the first error. */
export async function syncPods(
  { context, expectations, events }: Parts,
  key: string,
  { set, hash }: DaemonInput,
  plan: Pick<DaemonPlan, 'createOn' | 'remove'>,
): Promise<unknown> {
  const { client, signal } = context;
  const owner = { client, events, type: daemonSetType, owner: set, signal };
  const createOn = plan.createOn.slice(0, burst);
  const remove = plan.remove.slice(0, burst);
  expectations.expectCreations(key, createOn.length);
  expectations.expectDeletions(
    key,
    remove.map((pod) => pod.metadata.uid),
  );
  const { started, error } = await slowStart(createOn.length, async (i) => {
    try {
      await createPod(owner, podFor(set, hash, createOn[i] ?? ''));
    } catch (failure) {
      expectations.creationObserved(key);
      throw failure;
    }
  });
  for (let skipped = started; skipped < createOn.length; skipped++) expectations.creationObserved(key);
  const results = await Promise.allSettled(
    remove.map(async (pod) => {
      try {
        if (!(await deletePod(owner, pod))) expectations.deletionObserved(key, pod.metadata.uid);
      } catch (failure) {
        expectations.deletionObserved(key, pod.metadata.uid);
        throw failure;
      }
    }),
  );
  return error ?? results.find((result) => result.status === 'rejected')?.reason;
}
