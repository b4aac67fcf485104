// What is stored, and how long the store takes: upstream's names for etcd stand for whatever store there is.
import type { Clock, Family, Histogram, Metrics } from '../../base/mod.ts';
import type { ListOptions, Store, WriteOp } from '../../store/mod.ts';
import type { ApiCore } from '../core.ts';

const durationBuckets = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

/** How many objects there are, read from the caches when somebody asks. */
export function collectStorage(metrics: Metrics, core: Pick<ApiCore, 'kinds' | 'registry'>): void {
  const sizes = () =>
    core.kinds.flatMap((kind) => {
      const cached = core.registry.find(kind)?.cache;
      return cached ? [{ kind, value: cached.size }] : [];
    });
  metrics.collect({
    name: 'apiserver_storage_objects',
    help: 'Number of stored objects at the time of last check split by kind.',
    type: 'gauge',
    labels: ['resource'],
    read: () =>
      sizes().map(({ kind, value }) => ({ values: [kind.group === '' ? kind.resource : `${kind.resource}.${kind.group}`], value })),
  });
  metrics.collect({
    name: 'apiserver_resource_objects',
    help: 'Number of stored objects at the time of last check split by kind.',
    type: 'gauge',
    labels: ['group', 'resource'],
    read: () => sizes().map(({ kind, value }) => ({ values: [kind.group, kind.resource], value })),
  });
}

/** The same store, timed. */
export function measureStore(store: Store, metrics: Metrics, clock: Clock): Store {
  const seconds = metrics.histogram({
    name: 'etcd_request_duration_seconds',
    help: 'Etcd request latency in seconds for each operation and object type.',
    labels: ['operation', 'group', 'resource'],
    buckets: durationBuckets,
  });
  const errors = metrics.counter({
    name: 'etcd_request_errors_total',
    help: 'Etcd failed request counts for each operation and object type.',
    labels: ['operation', 'group', 'resource'],
  });
  async function timed<T>(operation: string, key: string, work: () => Promise<T>): Promise<T> {
    const startMs = clock.monotonicMs();
    try {
      return await work();
    } catch (error) {
      countIn(errors, operation, key).add();
      throw error;
    } finally {
      (countIn(seconds, operation, key) as Histogram).observe((clock.monotonicMs() - startMs) / 1000);
    }
  }
  return {
    read: (key) => timed('get', key, () => store.read(key)),
    list: (prefix: string, options?: ListOptions) => timed('list', prefix, () => store.list(prefix, options)),
    write: (op: WriteOp) => timed(op.do, op.key, () => store.write(op)),
    watch: (prefix, after, signal) => store.watch(prefix, after, signal),
    compact: (revision) => store.compact(revision),
    revision: () => store.revision(),
    ...(store.isStale ? { isStale: store.isStale } : {}),
    close: () => store.close(),
  };
}

/** `/registry/apps/deployments/default/web` is of group `apps` and resource `deployments`. */
function countIn<S>(family: Family<S>, operation: string, key: string): S {
  const [, , group = '', resource = ''] = key.split('/', 4);
  return family.of(operation, group === 'core' ? '' : group, resource);
}
