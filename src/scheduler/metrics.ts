// What the scheduler tells of itself, under upstream's names.
// Source: https://kubernetes.io/docs/reference/instrumentation/metrics/ (scheduler_*)
import type { Metrics } from '../base/mod.ts';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';
/** Pods that wait, by upstream's names of its queues. */
export type PendingPods = Readonly<Record<'active' | 'backoff' | 'gated' | 'unschedulable', number>>;

export interface SchedulerMetrics {
  /** One try of one pod has ended; `seconds` include the binding. */
  attempt(result: AttemptResult, profile: string, seconds: number): void;
  /** Who counts the pods that wait, when somebody asks. A scheduler that starts again takes the place of the one before. */
  countPending(read: () => PendingPods): void;
}

const buckets = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i);

/** Once for each {@link Metrics}. */
export function createSchedulerMetrics(metrics: Metrics): SchedulerMetrics {
  let pending: (() => PendingPods) | undefined;
  const attempts = metrics.counter({
    name: 'scheduler_schedule_attempts_total',
    help: "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while 'error' means an internal scheduler problem.",
    labels: ['result', 'profile'],
  });
  const seconds = metrics.histogram({
    name: 'scheduler_scheduling_attempt_duration_seconds',
    help: 'Scheduling attempt latency in seconds (scheduling algorithm + binding)',
    labels: ['result', 'profile'],
    buckets,
  });
  metrics.collect({
    name: 'scheduler_pending_pods',
    help: "Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods; 'gated' is the number of unschedulable pods that the scheduler never attempted to schedule because they are gated.",
    type: 'gauge',
    labels: ['queue'],
    read: () => Object.entries(pending?.() ?? {}).map(([queue, value]) => ({ values: [queue], value })),
  });
  return {
    attempt(result, profile, took) {
      attempts.of(result, profile).add();
      seconds.of(result, profile).observe(took);
    },
    countPending(read) {
      pending = read;
    },
  };
}
