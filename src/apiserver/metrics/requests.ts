// What requests cost, under upstream's names: a step of the pipeline that counts, times and sizes them.
// Source: https://kubernetes.io/docs/reference/instrumentation/metrics/
import { type GroupVersionResource, type KindDefinition, StatusError, subresourcesOf } from '../../api/mod.ts';
import type { Clock, Counter, Gauge, Histogram, Metrics } from '../../base/mod.ts';
import { isLongRunning } from '../http/deadline.ts';
import type { EdgeResponse } from '../http/exchange.ts';
import { allOf, type RequestInfo, type ResourceInfo } from '../http/request-info.ts';
import type { Answer } from '../pipeline.ts';
import type { WatchFrame } from '../request.ts';

/** Seconds, as upstream has them. */
const durationBuckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const sizeBuckets = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const component = 'apiserver';
/** Paths that are counted by their first part. All others are somebody's typing. */
const countedPaths: ReadonlySet<string> = new Set(['api', 'apis', 'healthz', 'livez', 'readyz', 'metrics', 'openapi', 'version', '']);
const connecting: ReadonlySet<string> = new Set(['attach', 'exec', 'portforward', 'proxy']);

export interface RequestMetricsOptions {
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Which kind is served there: requests for others are not counted, whatever they are called. */
  readonly find: (of: GroupVersionResource) => KindDefinition | undefined;
}

export interface RequestMetrics {
  /** Runs one request and counts it. `patchesByApply` tells server-side apply from other patches. */
  measure(request: MeasuredRequest, next: () => Answer): Promise<EdgeResponse>;
  /** Counts events as they are sent to a watcher. */
  watched(kind: KindDefinition, frames: AsyncIterable<readonly WatchFrame[]>): AsyncIterable<readonly WatchFrame[]>;
}

export interface MeasuredRequest {
  readonly info: RequestInfo;
  readonly patchesByApply: boolean;
}

/** The series of one sort of requests. */
interface Series {
  readonly seconds: Histogram;
  readonly sizes: Histogram;
  readonly open: Gauge;
  readonly count: (code: number) => Counter;
}

export function createRequestMetrics({ metrics, clock, find }: RequestMetricsOptions): RequestMetrics {
  const families = defineFamilies(metrics);
  const mutating = families.inFlight.of('mutating');
  const readOnly = families.inFlight.of('readOnly');
  const known = new Map<string, Series>();
  const seriesOf = ({ info, patchesByApply }: MeasuredRequest): Series | undefined => {
    const place = info.as === 'path' ? pathPlace(info.path, info.verb) : resourcePlace(info, patchesByApply);
    if (!place) return undefined;
    const dryRun = info.query.dryRun === undefined ? '' : allOf(info.query, 'dryRun').includes('All') ? 'All' : 'invalid';
    const key = `${place.join('\u0000')}\u0000${dryRun}`;
    const before = known.get(key);
    if (before) return before;
    if (info.as === 'resource' && !isServed(info, find)) return undefined;
    const made = newSeries(families, [...place, component], dryRun);
    known.set(key, made);
    return made;
  };

  return {
    async measure(request, next) {
      const series = seriesOf(request);
      if (!series) return next();
      const long = isLongRunning(request.info);
      const gauge = long ? series.open : isWrite(request.info.method) ? mutating : readOnly;
      const startMs = clock.monotonicMs();
      gauge.add(1);
      try {
        const response = await next();
        series.count(response.status).add();
        if (!long) series.seconds.observe((clock.monotonicMs() - startMs) / 1000);
        if (response.body.as === 'bytes') series.sizes.observe(response.body.bytes.length);
        if (response.finished) return untilFinished(response, response.finished, gauge);
        gauge.add(-1);
        return response;
      } catch (error) {
        gauge.add(-1);
        series.count(error instanceof StatusError ? error.code : 500).add();
        throw error;
      }
    },
    watched: (kind, frames) => counted(families.events.of(kind.group, kind.version, kind.kind), frames),
  };
}

type Families = ReturnType<typeof defineFamilies>;

function defineFamilies(metrics: Metrics) {
  const of = ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'];
  return {
    total: metrics.counter({
      name: 'apiserver_request_total',
      help: 'Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.',
      labels: [...of, 'dry_run', 'code'],
    }),
    seconds: metrics.histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.',
      labels: [...of, 'dry_run'],
      buckets: durationBuckets,
    }),
    sizes: metrics.histogram({
      name: 'apiserver_response_sizes',
      help: 'Response size distribution in bytes for each group, version, verb, resource, subresource, scope and component.',
      labels: of,
      buckets: sizeBuckets,
    }),
    longRunning: metrics.gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Gauge of all active long-running apiserver requests broken out by verb, group, version, resource, scope and component.',
      labels: of,
    }),
    inFlight: metrics.gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Number of requests of this apiserver that are under way, per request kind.',
      labels: ['request_kind'],
    }),
    events: metrics.counter({
      name: 'apiserver_watch_events_total',
      help: 'Number of events sent in watch clients',
      labels: ['group', 'version', 'kind'],
    }),
  };
}

function newSeries({ total, seconds, sizes, longRunning }: Families, labels: readonly string[], dryRun: string): Series {
  const byCode = new Map<number, Counter>();
  return {
    seconds: seconds.of(...labels, dryRun),
    sizes: sizes.of(...labels),
    open: longRunning.of(...labels),
    count(code) {
      const counter = byCode.get(code) ?? total.of(...labels, dryRun, String(code));
      byCode.set(code, counter);
      return counter;
    },
  };
}

/** A stream goes on after it has been answered. */
function untilFinished(response: EdgeResponse, finished: () => void, gauge: Gauge): EdgeResponse {
  let over = false;
  const end = () => {
    if (!over) gauge.add(-1);
    over = true;
    finished();
  };
  return { ...response, finished: end };
}

async function* counted(counter: Counter, frames: AsyncIterable<readonly WatchFrame[]>): AsyncGenerator<readonly WatchFrame[]> {
  for await (const batch of frames) {
    counter.add(batch.length);
    yield batch;
  }
}

const isWrite = (method: string): boolean => method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';

/** The labels from verb to scope. */
function pathPlace(path: string, verb: string): readonly string[] | undefined {
  const first = path.split('/', 2)[1] ?? '';
  if (!countedPaths.has(first) || (verb !== 'get' && verb !== 'post' && verb !== 'head')) return undefined;
  return [verb.toUpperCase(), '', '', '', `/${first}`, ''];
}

const verbLabels: Readonly<Record<string, string>> = { create: 'POST', update: 'PUT' };

function resourcePlace(info: ResourceInfo, patchesByApply: boolean): readonly string[] {
  const verb = connecting.has(info.subresource)
    ? 'CONNECT'
    : info.verb === 'patch' && patchesByApply
      ? 'APPLY'
      : (verbLabels[info.verb] ?? info.verb.toUpperCase());
  const scope = info.name !== '' || info.verb === 'create' ? 'resource' : info.namespace !== '' ? 'namespace' : 'cluster';
  return [verb, info.group, info.version, info.resource, info.subresource, scope];
}

/** Labels come from what is served, never from what is asked: nobody makes series up. */
function isServed(info: ResourceInfo, find: RequestMetricsOptions['find']): boolean {
  const kind = find(info);
  if (!kind || info.verb === '') return false;
  return info.subresource === '' || subresourcesOf(kind).some((one) => one.name === info.subresource);
}
