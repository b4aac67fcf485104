// Makes a pod go for a more important one: says why in its condition and by an event, then deletes it gracefully.
import { formatTime, hasReason, pods, type V1Pod } from '../api/mod.ts';
import { type Clock, errorText, type Logger } from '../base/mod.ts';
import { type Client, type EventRecorder, referenceTo } from '../client/mod.ts';

export interface PreemptOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly recorder: EventRecorder;
}

export interface PreemptRequest {
  /** For whom. */
  readonly pod: V1Pod;
  readonly victim: V1Pod;
  readonly nodeName: string;
}

/** The pod waits for no node in particular any more. */
export async function clearNomination(
  { client, log, signal }: PreemptOptions | Omit<PreemptOptions, 'recorder'>,
  pod: V1Pod,
): Promise<void> {
  const { namespace, name = '' } = pod.metadata ?? {};
  const patch = { status: { nominatedNodeName: null } };
  try {
    await client.patch(pods, { namespace, name }, 'application/merge-patch+json', patch, { subresource: 'status', signal });
  } catch (error) {
    if (!hasReason(error, 'NotFound'))
      log.debug('Nomination could not be taken back', { pod: `${namespace}/${name}`, error: errorText(error) });
  }
}

/** A victim that is going already, or has gone, is left alone. */
export async function preempt(options: PreemptOptions, { pod, victim, nodeName }: PreemptRequest): Promise<void> {
  const { client, clock, log, signal, recorder } = options;
  const { namespace, name = '', uid } = victim.metadata ?? {};
  if (victim.metadata?.deletionTimestamp) return;
  const message = `${pod.spec?.schedulerName}: preempting to accommodate a higher priority pod`;
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
    message,
    lastTransitionTime: formatTime(clock.nowMs()),
  };
  try {
    await client.patch(
      pods,
      { namespace, name },
      'application/strategic-merge-patch+json',
      { status: { conditions: [condition] } },
      { subresource: 'status', signal },
    );
    await client.delete(pods, { namespace, name }, { preconditions: { uid }, signal });
    recorder.record(referenceTo(pods, victim), 'Normal', 'Preempted', `Preempted by pod ${pod.metadata?.uid} on node ${nodeName}`);
  } catch (error) {
    // It has gone by itself, or is another one by now: either way the room is looked at again.
    if (hasReason(error, 'NotFound', 'Conflict')) return;
    log.warn('Pod could not be preempted', { pod: `${namespace}/${name}`, error: errorText(error) });
  }
}
