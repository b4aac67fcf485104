// What priority and fairness tells about itself, under upstream's names.
// Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
import type { Metrics } from '../../base/mod.ts';
import type { FlowSchema } from './classify.ts';
import type { PriorityLevel, RejectReason } from './priority-level.ts';

/** Seconds, as upstream has them. */
const waitBuckets = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30];

export interface FlowMetrics {
  dispatched(schema: FlowSchema, waitedSeconds: number): void;
  rejected(schema: FlowSchema, reason: RejectReason): void;
}

export const noFlowMetrics: FlowMetrics = { dispatched() {}, rejected() {} };

/** `levels`: all that there are, read when somebody asks for the metrics. */
export function createFlowMetrics(metrics: Metrics, levels: () => Iterable<readonly [string, PriorityLevel]>): FlowMetrics {
  const of = ['priority_level', 'flow_schema'];
  const dispatched = metrics.counter({
    name: 'apiserver_flowcontrol_dispatched_requests_total',
    help: 'Number of requests executed by API Priority and Fairness',
    labels: of,
  });
  const rejected = metrics.counter({
    name: 'apiserver_flowcontrol_rejected_requests_total',
    help: 'Number of requests rejected by API Priority and Fairness',
    labels: [...of, 'reason'],
  });
  const waited = metrics.histogram({
    name: 'apiserver_flowcontrol_request_wait_duration_seconds',
    help: 'Length of time a request spent waiting in its queue',
    labels: [...of, 'execute'],
    buckets: waitBuckets,
  });
  const gauges: readonly (readonly [string, string, (level: PriorityLevel) => number])[] = [
    ['apiserver_flowcontrol_current_inqueue_requests', 'Number of requests that wait in queues', (level) => level.waiting],
    ['apiserver_flowcontrol_current_executing_seats', 'Seats that are taken by requests under way', (level) => level.executing],
    ['apiserver_flowcontrol_nominal_limit_seats', 'Seats that the level has of its own', (level) => level.limits.nominal],
  ];
  for (const [name, help, value] of gauges) {
    const read = () => [...levels()].map(([level, seats]) => ({ values: [level], value: value(seats) }));
    metrics.collect({ name, help, labels: ['priority_level'], type: 'gauge', read });
  }
  return {
    dispatched({ level, name }, waitedSeconds) {
      dispatched.of(level, name).add();
      waited.of(level, name, 'true').observe(waitedSeconds);
    },
    rejected({ level, name }, reason) {
      rejected.of(level, name, reason).add();
    },
  };
}
