// What the schema of autoscaling lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const autoscaling: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.autoscaling.v1',
    group: 'autoscaling',
    version: 'v1',
    atomic: ['V1CrossVersionObjectReference'],
    fields: {},
    types: `
      V1CrossVersionObjectReference V1HorizontalPodAutoscaler V1HorizontalPodAutoscalerList V1HorizontalPodAutoscalerSpec
      V1HorizontalPodAutoscalerStatus V1Scale V1ScaleSpec V1ScaleStatus
    `,
  },
  {
    definitions: 'io.k8s.api.autoscaling.v2',
    group: 'autoscaling',
    version: 'v2',
    fields: {
      V2HPAScalingRules: { policies: 'atomic', tolerance: 'quantity' },
      V2HorizontalPodAutoscalerSpec: { metrics: 'atomic' },
      V2HorizontalPodAutoscalerStatus: { conditions: 'map:type patch=merge:type', currentMetrics: 'atomic' },
      V2MetricSpec: { type: 'go=v2.MetricSourceType' },
      V2MetricTarget: { averageValue: 'quantity', type: 'go=v2.MetricTargetType', value: 'quantity' },
      V2MetricValueStatus: { averageValue: 'quantity', value: 'quantity' },
    },
    types: `
      V2ContainerResourceMetricSource V2ContainerResourceMetricStatus V2CrossVersionObjectReference V2ExternalMetricSource
      V2ExternalMetricStatus V2HPAScalingPolicy V2HPAScalingRules V2HorizontalPodAutoscaler V2HorizontalPodAutoscalerBehavior
      V2HorizontalPodAutoscalerCondition V2HorizontalPodAutoscalerList V2HorizontalPodAutoscalerSpec
      V2HorizontalPodAutoscalerStatus V2MetricIdentifier V2MetricSpec V2MetricStatus V2MetricTarget V2MetricValueStatus
      V2ObjectMetricSource V2ObjectMetricStatus V2PodsMetricSource V2PodsMetricStatus V2ResourceMetricSource
      V2ResourceMetricStatus
    `,
  },
];
