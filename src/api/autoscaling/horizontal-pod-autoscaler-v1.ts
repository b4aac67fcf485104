// HorizontalPodAutoscaler in autoscaling/v1: the same objects, with CPU as the one metric. What v1 has no fields for travels in annotations.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v1/
import { conform, FieldDecodeError } from '../codec/conform.ts';
import type {
  V1HorizontalPodAutoscaler,
  V2HorizontalPodAutoscaler,
  V2HorizontalPodAutoscalerBehavior,
  V2HorizontalPodAutoscalerCondition,
  V2MetricSpec,
  V2MetricStatus,
} from '../generated/types.gen.ts';
import type { Column, KindDefinition } from '../kind.ts';
import type { Draft } from '../meta/object.ts';
import { schemaOf } from '../schema/load.ts';
import { horizontalpodautoscalers as stored } from './horizontal-pod-autoscaler.ts';
import { metricOfV1, metricToV1, statusOfV1, statusToV1 } from './metrics-v1.ts';

const prefix = 'autoscaling.alpha.kubernetes.io/';
const annotations = {
  metrics: `${prefix}metrics`,
  behavior: `${prefix}behavior`,
  currentMetrics: `${prefix}current-metrics`,
  conditions: `${prefix}conditions`,
} as const;

/** Where the fields that annotations carry are described. */
const described = {
  metrics: 'V2HorizontalPodAutoscalerSpec',
  behavior: 'V2HorizontalPodAutoscalerSpec',
  currentMetrics: 'V2HorizontalPodAutoscalerStatus',
  conditions: 'V2HorizontalPodAutoscalerStatus',
} as const;

/**
 * What an annotation says of its field, an item of a list by way of `convert`. Undefined when there is none, or when it says what the field
 * cannot hold: users may write anything here.
 */
function noted<T>(
  notes: Readonly<Record<string, string>>,
  field: keyof typeof annotations,
  convert?: (item: unknown) => unknown,
): T | undefined {
  try {
    const value: unknown = JSON.parse(notes[annotations[field]] ?? 'null');
    if (convert && !Array.isArray(value)) return undefined;
    const fields = { [field]: convert && Array.isArray(value) ? value.map(convert) : value };
    return conform(fields, schemaOf(described[field])).value[field] as T | undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof FieldDecodeError) return undefined;
    throw error;
  }
}

const isCpuUtilization = (metric: V2MetricSpec): boolean =>
  metric.type === 'Resource' && metric.resource?.name === 'cpu' && metric.resource.target?.averageUtilization !== undefined;

function withAnnotations(metadata: V1HorizontalPodAutoscaler['metadata'], changes: Readonly<Record<string, unknown>>) {
  const own = Object.entries(metadata?.annotations ?? {}).filter(([key]) => !Object.hasOwn(changes, key));
  const added = Object.entries(changes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, JSON.stringify(value)] as const);
  const { annotations: _, ...rest } = metadata ?? {};
  return own.length + added.length === 0 ? rest : { ...rest, annotations: Object.fromEntries([...own, ...added]) };
}

const nothing: Readonly<Record<string, undefined>> = Object.fromEntries(Object.values(annotations).map((key) => [key, undefined]));

function toStorage(draft: Draft<V1HorizontalPodAutoscaler>): Draft<V2HorizontalPodAutoscaler> {
  const { metadata, spec, status } = draft;
  const notes = metadata?.annotations ?? {};
  const { targetCPUUtilizationPercentage: cpu, ...rest } = spec ?? { scaleTargetRef: { kind: '', name: '' }, maxReplicas: 0 };
  const others = noted<V2MetricSpec[]>(notes, 'metrics', metricOfV1) ?? [];
  const metrics: V2MetricSpec[] =
    cpu === undefined
      ? others
      : [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: cpu } } }, ...others];
  const behavior = noted<V2HorizontalPodAutoscalerBehavior>(notes, 'behavior');
  const conditions = noted<V2HorizontalPodAutoscalerCondition[]>(notes, 'conditions');
  const measured = noted<V2MetricStatus[]>(notes, 'currentMetrics', statusOfV1) ?? [];
  const { currentCPUUtilizationPercentage: current, ...counts } = status ?? { currentReplicas: 0, desiredReplicas: 0 };
  const currentMetrics: V2MetricStatus[] =
    measured.length > 0 || current === undefined
      ? measured // It says more than the one field.
      : [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } }];
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: withAnnotations(metadata, nothing),
    spec: { ...rest, ...(metrics.length === 0 ? {} : { metrics }), ...(behavior === undefined ? {} : { behavior }) },
    ...(status === undefined
      ? {}
      : {
          status: {
            ...counts,
            currentMetrics: currentMetrics.length === 0 ? (null as unknown as undefined) : currentMetrics,
            ...(conditions === undefined ? {} : { conditions }),
          },
        }),
  } as Draft<V2HorizontalPodAutoscaler>;
}

/** The last metric of CPU utilization is v1's field; the others stand in the annotation. */
function fromStorage(object: V2HorizontalPodAutoscaler): V1HorizontalPodAutoscaler {
  const { metadata, spec, status } = object;
  const metrics = spec?.metrics ?? [];
  const cpu = metrics.filter(isCpuUtilization).at(-1);
  const others = metrics.filter((metric) => !isCpuUtilization(metric)).map(metricToV1);
  const measured = (status?.currentMetrics ?? []).filter(
    ({ resource }) => resource?.name === 'cpu' && resource.current?.averageUtilization !== undefined,
  );
  const otherStatus = (status?.currentMetrics ?? []).map(statusToV1);
  const { metrics: _, behavior, ...rest } = spec ?? { scaleTargetRef: { kind: '', name: '' }, maxReplicas: 0 };
  const current = measured.at(-1)?.resource?.current?.averageUtilization;
  const target = cpu?.resource?.target?.averageUtilization;
  return {
    kind: 'HorizontalPodAutoscaler',
    apiVersion: 'autoscaling/v1',
    metadata: withAnnotations(metadata, {
      [annotations.metrics]: others.length === 0 ? undefined : others,
      [annotations.behavior]: behavior,
      [annotations.currentMetrics]: otherStatus.length === 0 ? undefined : otherStatus,
      [annotations.conditions]: (status?.conditions ?? []).length === 0 ? undefined : status?.conditions,
    }),
    spec: { ...rest, ...(target === undefined ? {} : { targetCPUUtilizationPercentage: target }) },
    status: {
      ...(status?.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
      ...(status?.lastScaleTime === undefined ? {} : { lastScaleTime: status.lastScaleTime }),
      currentReplicas: status?.currentReplicas ?? 0,
      desiredReplicas: status?.desiredReplicas ?? 0,
      ...(current === undefined ? {} : { currentCPUUtilizationPercentage: current }),
    },
  };
}

export const horizontalpodautoscalersV1: KindDefinition<V1HorizontalPodAutoscaler> = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  resource: 'horizontalpodautoscalers',
  singular: 'horizontalpodautoscaler',
  shortNames: ['hpa'],
  categories: ['all'],
  namespaced: true,
  schema: 'V1HorizontalPodAutoscaler',
  hasGeneration: false,
  // They read the stored object.
  columns: stored.columns as unknown as readonly Column<V1HorizontalPodAutoscaler>[],
  setDefaults: (draft) => {
    if (draft.spec) draft.spec.minReplicas ??= 1;
  },
  status: {},
  storage: { kind: stored, toStorage, fromStorage },
};
