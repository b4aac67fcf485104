// What one metric of an autoscaler says: how many replicas, from which figures; or why it says nothing.
import {
  formatLabelSelector,
  formatQuantity,
  milliQuantityOf,
  milliValueOf,
  type V1LabelSelector,
  type V1Pod,
  type V2MetricIdentifier,
  type V2MetricSpec,
  type V2MetricStatus,
  type V2MetricTarget,
} from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import type { MetricsSource } from './metrics-source.ts';
import { countByAverage, countByShare, countByUtilization, countByValue, MetricError, type Tolerance } from './replica-count.ts';

export type Proposal =
  | { readonly is: 'valid'; readonly replicas: number; readonly metric: string; readonly status: V2MetricStatus }
  /** `reason`: of the event and the condition. */
  | { readonly is: 'invalid'; readonly reason: string; readonly message: string };

export interface ProposalInput {
  readonly source: MetricsSource;
  readonly namespace: string;
  /** Of the target's pods, as text. */
  readonly selector: string;
  readonly pods: readonly V1Pod[];
  readonly specReplicas: number;
  readonly statusReplicas: number;
  readonly tolerance: Tolerance;
  readonly nowMs: number;
}

type Valid = Omit<Extract<Proposal, { is: 'valid' }>, 'is'>;

/** Never rejects. */
export async function propose(input: ProposalInput, spec: V2MetricSpec): Promise<Proposal> {
  try {
    return { is: 'valid', ...(await proposalOf(input, spec)) };
  } catch (error) {
    return { is: 'invalid', reason: reasons[spec.type] ?? 'InvalidMetricSourceType', message: errorText(error) };
  }
}

const reasons: Readonly<Record<string, string>> = {
  Resource: 'FailedGetResourceMetric',
  ContainerResource: 'FailedGetContainerResourceMetric',
  Pods: 'FailedGetPodsMetric',
  Object: 'FailedGetObjectMetric',
  External: 'FailedGetExternalMetric',
};

function proposalOf(input: ProposalInput, spec: V2MetricSpec): Promise<Valid> {
  if (spec.resource) return ofResource(input, { name: spec.resource.name, target: spec.resource.target });
  if (spec.containerResource) {
    const { name, container, target } = spec.containerResource;
    return ofResource(input, { name, container, target });
  }
  if (spec.pods) return ofPods(input, spec.pods);
  if (spec.object) return ofObject(input, spec.object);
  if (spec.external) return ofExternal(input, spec.external);
  return Promise.reject(new MetricError(`unknown metric source type "${spec.type}"`));
}

const podsOf = ({ pods, specReplicas: currentReplicas, tolerance, nowMs }: ProposalInput) => ({ pods, currentReplicas, tolerance, nowMs });
const quantity = (milli: number): string => formatQuantity(milliQuantityOf(milli));
const seriesOf = ({ name, selector }: V2MetricIdentifier) => ({ name, selector: selector ? formatLabelSelector(selector) : '' });

/** The cause, with what was being done. */
async function explained<T>(doing: string, run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    throw new MetricError(doing, { cause: error });
  }
}

interface ResourceTarget {
  readonly name: string;
  readonly container?: string;
  readonly target: V2MetricTarget;
}

async function ofResource(input: ProposalInput, { name: resource, container, target }: ResourceTarget): Promise<Valid> {
  const { averageValue, averageUtilization } = target;
  const kind = container === undefined ? 'resource' : 'container resource';
  const values = () =>
    explained(`unable to get metrics for resource ${resource}`, () => input.source.resource({ ...input, resource, container }));
  const statusOf = (current: NonNullable<V2MetricStatus['resource']>['current']): V2MetricStatus =>
    container === undefined
      ? { type: 'Resource', resource: { name: resource, current } }
      : { type: 'ContainerResource', containerResource: { name: resource, container, current } };
  if (averageValue !== undefined) {
    const { replicas, averageMilli } = await explained(`failed to get ${resource} usage`, async () =>
      countByAverage({ ...podsOf(input), values: await values() }, { resource, targetMilli: milliValueOf(averageValue) }),
    );
    return { replicas, metric: `${resource} ${kind}`, status: statusOf({ averageValue: quantity(averageMilli) }) };
  }
  if (averageUtilization === undefined) {
    throw new MetricError(
      'invalid resource metric source: neither an average utilization target nor an average value (usage) target was set',
    );
  }
  const { replicas, averageMilli, utilization } = await explained(`failed to get ${resource} utilization`, async () =>
    countByUtilization({ ...podsOf(input), values: await values() }, { resource, container, targetPercent: averageUtilization }),
  );
  const current = { averageUtilization: utilization, averageValue: quantity(averageMilli) };
  return { replicas, metric: `${resource} ${kind} utilization (percentage of request)`, status: statusOf(current) };
}

async function ofPods(input: ProposalInput, { metric, target }: NonNullable<V2MetricSpec['pods']>): Promise<Valid> {
  const values = await explained(`unable to get metric ${metric.name}`, () => input.source.pods({ ...input, metric: seriesOf(metric) }));
  const targetMilli = milliValueOf(target.averageValue ?? '0');
  const { replicas, averageMilli } = countByAverage({ ...podsOf(input), values }, { targetMilli });
  const status = { type: 'Pods', pods: { metric, current: { averageValue: quantity(averageMilli) } } };
  return { replicas, metric: `pods metric ${metric.name}`, status };
}

async function ofObject(input: ProposalInput, of: NonNullable<V2MetricSpec['object']>): Promise<Valid> {
  const { describedObject: object, metric, target } = of;
  const { namespace, source } = input;
  const read = async () => {
    try {
      return await source.object({ namespace, object, metric: seriesOf(metric) });
    } catch (error) {
      // Upstream puts the cause where the object's name would be.
      throw new MetricError(`unable to get metric ${metric.name}: ${object.kind} on ${namespace} ${object.name}/${errorText(error)}`);
    }
  };
  const statusOf = (current: object): V2MetricStatus => ({ type: 'Object', object: { describedObject: object, metric, current } });
  if (target.type === 'Value' && target.value !== undefined) {
    const milli = await read();
    const replicas = countByValue(podsOf(input), { milli, targetMilli: milliValueOf(target.value) });
    return { replicas, metric: `${object.kind} metric ${metric.name}`, status: statusOf({ value: quantity(milli) }) };
  }
  if (target.type === 'AverageValue' && target.averageValue !== undefined) {
    const milli = await explained(`failed to get ${metric.name} object metric`, read);
    const share = countByShare({ milli, targetMilli: milliValueOf(target.averageValue) }, input.statusReplicas, input.tolerance);
    const status = statusOf({ averageValue: quantity(share.averageMilli) });
    return { replicas: share.replicas, metric: `external metric ${metric.name}(${goText(metric.selector)})`, status };
  }
  throw new MetricError('invalid object metric source: neither a value target nor an average value target was set');
}

async function ofExternal(input: ProposalInput, { metric, target }: NonNullable<V2MetricSpec['external']>): Promise<Valid> {
  const { namespace, source } = input;
  const read = () =>
    explained(`unable to get external metric ${namespace}/${metric.name}/${goText(metric.selector)}`, () =>
      source.external({ namespace, metric: seriesOf(metric) }),
    );
  const name = `external metric ${metric.name}(${goText(metric.selector)})`;
  const statusOf = (current: object): V2MetricStatus => ({ type: 'External', external: { metric, current } });
  if (target.averageValue !== undefined) {
    const milli = await explained(`failed to get ${metric.name} external metric`, read);
    const share = countByShare({ milli, targetMilli: milliValueOf(target.averageValue) }, input.statusReplicas, input.tolerance);
    return { replicas: share.replicas, metric: name, status: statusOf({ averageValue: quantity(share.averageMilli) }) };
  }
  if (target.value !== undefined) {
    const milli = await explained(`failed to get external metric ${metric.name}`, read);
    const replicas = countByValue(podsOf(input), { milli, targetMilli: milliValueOf(target.value) });
    return { replicas, metric: name, status: statusOf({ value: quantity(milli) }) };
  }
  throw new MetricError('invalid external metric source: neither a value target nor an average value target was set');
}

/** A label selector as Go prints one, which is how upstream names an external metric. */
function goText(selector: V1LabelSelector | undefined): string {
  if (!selector) return 'nil';
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}: ${value},`);
  const requirements = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) => `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  const matchLabels = labels.length === 0 ? 'map[string]string{}' : `map[string]string{${labels.sort().join('')}}`;
  return `&LabelSelector{MatchLabels:${matchLabels},MatchExpressions:[]LabelSelectorRequirement{${requirements.join('')}},}`;
}
