// What work queues tell of themselves, under upstream's names. Counting costs an addition.
// Source: https://kubernetes.io/docs/reference/instrumentation/metrics/ (workqueue_*)
import type { Counter, Gauge, Histogram, Metrics } from '../base/mod.ts';

/** The series of one queue. */
export interface QueueSeries {
  readonly adds: Counter;
  readonly retries: Counter;
  readonly depth: Gauge;
  /** Seconds that a run took. */
  readonly work: Histogram;
}

/** Of the queue of this name. A controller that starts again goes on counting. */
export type WorkQueueMetrics = (name: string) => QueueSeries;

const buckets = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10];

/** Once for each {@link Metrics}. */
export function createWorkQueueMetrics(metrics: Metrics): WorkQueueMetrics {
  const labels = ['name'];
  const adds = metrics.counter({ name: 'workqueue_adds_total', help: 'Total number of adds handled by workqueue', labels });
  const retries = metrics.counter({ name: 'workqueue_retries_total', help: 'Total number of retries handled by workqueue', labels });
  const depth = metrics.gauge({ name: 'workqueue_depth', help: 'Current depth of workqueue', labels });
  const work = metrics.histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long in seconds processing an item from workqueue takes.',
    labels,
    buckets,
  });
  return (name) => ({ adds: adds.of(name), retries: retries.of(name), depth: depth.of(name), work: work.of(name) });
}
