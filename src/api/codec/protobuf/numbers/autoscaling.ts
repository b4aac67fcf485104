// Field numbers of the protobuf form: autoscaling. One type a line, in the form that plan.ts reads.
export const autoscaling = `
V1CrossVersionObjectReference kind=1 name=2 apiVersion=3
V1HorizontalPodAutoscaler metadata=1 spec=2 status=3
V1HorizontalPodAutoscalerSpec scaleTargetRef=1 minReplicas=2* maxReplicas=3 targetCPUUtilizationPercentage=4*
V1HorizontalPodAutoscalerStatus observedGeneration=1* lastScaleTime=2 currentReplicas=3 desiredReplicas=4 currentCPUUtilizationPercentage=5*
V1Scale metadata=1 spec=2 status=3
V1ScaleSpec replicas=1*
V1ScaleStatus replicas=1 selector=2
V2ContainerResourceMetricSource name=1 target=2 container=3
V2ContainerResourceMetricStatus name=1 current=2 container=3
V2CrossVersionObjectReference kind=1 name=2 apiVersion=3
V2ExternalMetricSource metric=1 target=2
V2ExternalMetricStatus metric=1 current=2
V2HPAScalingPolicy type=1 value=2 periodSeconds=3
V2HPAScalingRules stabilizationWindowSeconds=3* selectPolicy=1* policies=2 tolerance=4
V2HorizontalPodAutoscaler metadata=1 spec=2 status=3
V2HorizontalPodAutoscalerBehavior scaleUp=1 scaleDown=2
V2HorizontalPodAutoscalerCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
V2HorizontalPodAutoscalerSpec scaleTargetRef=1 minReplicas=2* maxReplicas=3 metrics=4 behavior=5
V2HorizontalPodAutoscalerStatus observedGeneration=1* lastScaleTime=2 currentReplicas=3 desiredReplicas=4 currentMetrics=5 conditions=6
V2MetricIdentifier name=1 selector=2
V2MetricSpec type=1 object=2 pods=3 resource=4 containerResource=7 external=5
V2MetricStatus type=1 object=2 pods=3 resource=4 containerResource=7 external=5
V2MetricTarget type=1 value=2 averageValue=3 averageUtilization=4*
V2MetricValueStatus value=1 averageValue=2 averageUtilization=3*
V2ObjectMetricSource describedObject=1 target=2 metric=3
V2ObjectMetricStatus metric=1 current=2 describedObject=3
V2PodsMetricSource metric=1 target=2
V2PodsMetricStatus metric=1 current=2
V2ResourceMetricSource name=1 target=2
V2ResourceMetricStatus name=1 current=2
`;
