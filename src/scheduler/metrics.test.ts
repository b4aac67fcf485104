import { expect, test } from 'vitest';
import type { V1Pod } from '../api/mod.ts';
import { createMetrics, VirtualClock } from '../base/mod.ts';
import { turn } from '../base/ports/clock.ts';
import { createSchedulerMetrics } from './metrics.ts';
import { SchedulingQueue } from './queue.ts';

test('attempts are counted and timed, and pods that wait are counted where they wait', () => {
  const metrics = createMetrics();
  const told = createSchedulerMetrics(metrics);
  const queue = new SchedulingQueue({ clock: new VirtualClock({ settle: turn }), plugins: [], onReady: () => {} });
  told.countPending(() => queue.pending());
  const pod = (name: string, spec: Partial<V1Pod['spec']> = {}): V1Pod => ({
    metadata: { name, namespace: 'ns' },
    spec: { containers: [], ...spec },
  });
  const gated = pod('c', { schedulingGates: [{ name: 'g' }] });
  for (const each of [pod('a'), pod('b'), gated]) queue.set(each);
  const tried = queue.pop();
  if (!tried) throw new Error('wanted a pod');
  queue.failed(tried.pod, new Set());
  queue.failed(gated, new Set());
  told.attempt('unschedulable', 'default-scheduler', 0.003);
  const lines = metrics.text().split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'scheduler_pending_pods{queue="active"} 1',
      'scheduler_pending_pods{queue="gated"} 1',
      'scheduler_pending_pods{queue="unschedulable"} 1',
      'scheduler_schedule_attempts_total{result="unschedulable",profile="default-scheduler"} 1',
      'scheduler_scheduling_attempt_duration_seconds_count{result="unschedulable",profile="default-scheduler"} 1',
    ]),
  );
});
