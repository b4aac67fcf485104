// Where an autoscaler's metrics come from: resource metrics of this server, custom and external ones of whoever serves them.
// Source: https://github.com/kubernetes/metrics (custom_metrics v1beta2, external_metrics v1beta1)
import {
  hasReason,
  milliValueOf,
  type PodMetrics,
  podmetrics,
  qualifiedResource,
  type ResourceType,
  timeMs,
  type V2CrossVersionObjectReference,
} from '../../api/mod.ts';
import { parseDurationMs } from '../../base/mod.ts';
import type { ApiRequest, Client } from '../../client/mod.ts';
import { MetricError, type PodValue, type PodValues } from './replica-count.ts';

/** Every method throws {@link MetricError} with upstream's words. */
export interface MetricsSource {
  resource(of: { namespace: string; selector: string; resource: string; container?: string | undefined }): Promise<PodValues>;
  /** A metric of each pod. */
  pods(of: { namespace: string; selector: string; metric: Metric }): Promise<PodValues>;
  /** A metric of one object, in thousandths. */
  object(of: { namespace: string; object: V2CrossVersionObjectReference; metric: Metric }): Promise<number>;
  /** The sum of an external metric's series, in thousandths. */
  external(of: { namespace: string; metric: Metric }): Promise<number>;
}

export interface Metric {
  readonly name: string;
  /** Which of its series, as text; empty for all. */
  readonly selector: string;
}

export interface MetricsSourceOptions {
  readonly client: Pick<Client, 'list'>;
  readonly aggregated: Pick<Client, 'call'>;
  /** The resource of an object's kind; undefined when it is not served. */
  readonly resourceOf: (reference: V2CrossVersionObjectReference) => Promise<ResourceType | undefined>;
  readonly signal: AbortSignal;
}

interface ValueList {
  readonly items?: readonly {
    readonly describedObject?: { readonly name?: string };
    readonly timestamp?: string;
    readonly windowSeconds?: number;
    readonly value?: string;
  }[];
}

const customGroup = { group: 'custom.metrics.k8s.io', version: 'v1beta2', kind: 'MetricValueList', namespaced: true } as const;
const externalGroup = { group: 'external.metrics.k8s.io', version: 'v1beta1', kind: 'ExternalMetricValueList', namespaced: true } as const;
/** Of samples that do not say over how long they were taken. Source: the metrics clients' default. */
const windowDefaultMs = 60_000;

export function createMetricsSource({ client, aggregated, resourceOf, signal }: MetricsSourceOptions): MetricsSource {
  const ask = async (what: string, request: Omit<ApiRequest, 'verb' | 'signal'>): Promise<ValueList> => {
    try {
      return (await aggregated.call({ ...request, verb: 'get', signal })) as ValueList;
    } catch (error) {
      const cause = hasReason(error, 'NotFound') ? new MetricError(unserved(what, request.resource.resource)) : error;
      throw new MetricError(`unable to fetch metrics from ${what} metrics API`, { cause });
    }
  };
  return {
    async resource({ namespace, selector, resource, container }) {
      const items = await listPodMetrics(client, { namespace, selector, signal });
      return resourceValues(items, resource, container);
    },
    async pods({ namespace, selector, metric }) {
      const query = { labelSelector: selector, ...seriesQuery('metricLabelSelector', metric) };
      const resource = { ...customGroup, resource: 'pods' };
      const { items = [] } = await ask('custom', { resource, namespace, name: '*', subresource: metric.name, query });
      if (items.length === 0) throw new MetricError('no metrics returned from custom metrics API');
      return new Map(items.map((item) => [item.describedObject?.name ?? '', podValue(item)]));
    },
    async object({ namespace, object, metric }) {
      const found = await resourceOf(object);
      if (!found) throw new MetricError(`no matches for kind "${object.kind}" in version "${object.apiVersion ?? ''}"`);
      const query = seriesQuery('metricLabelSelector', metric);
      // The metrics of a namespace are at a path of their own.
      const request = isNamespace(found)
        ? {
            resource: { ...customGroup, namespaced: false, resource: 'namespaces' },
            name: object.name,
            subresource: `metrics/${metric.name}`,
          }
        : { resource: { ...customGroup, resource: qualifiedResource(found) }, namespace, name: object.name, subresource: metric.name };
      const [first] = (await ask('custom', { ...request, query })).items ?? [];
      if (!first) throw new MetricError('no metrics returned from custom metrics API');
      return milliValueOf(first.value ?? '0');
    },
    async external({ namespace, metric }) {
      const request = { resource: { ...externalGroup, resource: metric.name }, namespace, query: seriesQuery('labelSelector', metric) };
      const { items = [] } = await ask('external', request);
      if (items.length === 0) throw new MetricError('no metrics returned from external metrics API');
      return items.reduce((sum, { value = '0' }) => sum + milliValueOf(value), 0);
    },
  };
}

const unserved = (what: string, metric: string): string =>
  what === 'custom'
    ? 'no custom metrics API (custom.metrics.k8s.io) registered'
    : `the server could not find the requested resource (get ${metric}.${externalGroup.group})`;

const isNamespace = ({ group, resource }: ResourceType): boolean => group === '' && resource === 'namespaces';
const seriesQuery = (parameter: string, { selector }: Metric) => (selector === '' ? {} : { [parameter]: selector });

const podValue = ({ value = '0', timestamp, windowSeconds }: NonNullable<ValueList['items']>[number]): PodValue => ({
  milli: milliValueOf(value),
  atMs: timeMs(timestamp),
  windowMs: windowSeconds === undefined ? windowDefaultMs : windowSeconds * 1000,
});

async function listPodMetrics(
  client: Pick<Client, 'list'>,
  of: { readonly namespace: string; readonly selector: string; readonly signal: AbortSignal },
): Promise<readonly PodMetrics[]> {
  const { namespace, selector: labelSelector, signal } = of;
  try {
    const { items } = await client.list(podmetrics, { namespace, labelSelector, signal });
    if (items.length > 0) return items;
  } catch (error) {
    throw new MetricError('unable to fetch metrics from resource metrics API', { cause: error });
  }
  throw new MetricError('no metrics returned from resource metrics API');
}

/** The pods of which every wanted container is measured. Throws when the named container is not there. */
export function resourceValues(items: readonly PodMetrics[], resource: string, container: string | undefined): PodValues {
  const values = new Map<string, PodValue>();
  for (const { metadata, timestamp, window, containers } of items) {
    const { namespace = '', name = '' } = metadata ?? {};
    const wanted = containers.filter((one) => container === undefined || one.name === container);
    if (container !== undefined && wanted.length === 0) {
      throw new MetricError(`container ${container} not present in metrics for pod ${namespace}/${name}`);
    }
    const usages = wanted.map(({ usage }) => usage[resource]);
    if (usages.some((usage) => usage === undefined)) continue;
    const milli = usages.reduce((sum, usage) => sum + milliValueOf(usage ?? '0'), 0);
    values.set(name, { milli, atMs: timeMs(timestamp), windowMs: parseDurationMs(window) ?? 0 });
  }
  return values;
}
