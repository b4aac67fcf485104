// Which APIServices are not available, and how often they became so, under upstream's names.
// Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
import type { V1APIService } from '../../api/mod.ts';
import type { Metrics } from '../../base/mod.ts';

export interface AggregatorMetrics {
  /** One that was available is not any more. */
  unavailable(name: string, reason: string): void;
}

const availabilityOf = ({ status }: V1APIService): string | undefined =>
  status?.conditions?.find(({ type }) => type === 'Available')?.status;

/** `all`: asked only when somebody reads. */
export function createAggregatorMetrics(metrics: Metrics, all: () => Iterable<V1APIService>): AggregatorMetrics {
  metrics.collect({
    name: 'aggregator_unavailable_apiservice',
    help: 'Whether an APIService is marked as unavailable: 1, or 0.',
    labels: ['name'],
    type: 'gauge',
    *read() {
      for (const service of all()) {
        const status = availabilityOf(service);
        if (status !== undefined) yield { values: [service.metadata?.name ?? ''], value: status === 'True' ? 0 : 1 };
      }
    },
  });
  const times = metrics.counter({
    name: 'aggregator_unavailable_apiservice_total',
    help: 'How often an APIService was marked as unavailable, by reason.',
    labels: ['name', 'reason'],
  });
  return { unavailable: (name, reason) => times.of(name, reason).add() };
}
