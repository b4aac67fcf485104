// Field numbers of the protobuf form: apps. One type a line, in the form that plan.ts reads.
export const apps = `
V1ControllerRevision metadata=1 data=2 revision=3
V1DaemonSet metadata=1 spec=2 status=3
V1DaemonSetCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
V1DaemonSetSpec selector=1 template=2 updateStrategy=3 minReadySeconds=4 revisionHistoryLimit=6*
V1DaemonSetStatus currentNumberScheduled=1 numberMisscheduled=2 desiredNumberScheduled=3 numberReady=4 observedGeneration=5 updatedNumberScheduled=6 numberAvailable=7 numberUnavailable=8 collisionCount=9* conditions=10
V1DaemonSetUpdateStrategy type=1 rollingUpdate=2
V1Deployment metadata=1 spec=2 status=3
V1DeploymentCondition type=1 status=2 lastUpdateTime=6 lastTransitionTime=7 reason=4 message=5
V1DeploymentSpec replicas=1* selector=2 template=3 strategy=4 minReadySeconds=5 revisionHistoryLimit=6* paused=7 progressDeadlineSeconds=9*
V1DeploymentStatus observedGeneration=1 replicas=2 updatedReplicas=3 readyReplicas=7 availableReplicas=4 unavailableReplicas=5 terminatingReplicas=9* conditions=6 collisionCount=8*
V1DeploymentStrategy type=1 rollingUpdate=2
V1ReplicaSet metadata=1 spec=2 status=3
V1ReplicaSetCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
V1ReplicaSetSpec replicas=1* minReadySeconds=4 selector=2 template=3
V1ReplicaSetStatus replicas=1 fullyLabeledReplicas=2 readyReplicas=4 availableReplicas=5 terminatingReplicas=7* observedGeneration=3 conditions=6
V1RollingUpdateDaemonSet maxUnavailable=1 maxSurge=2
V1RollingUpdateDeployment maxUnavailable=1 maxSurge=2
V1RollingUpdateStatefulSetStrategy partition=1* maxUnavailable=2
V1StatefulSet metadata=1 spec=2 status=3
V1StatefulSetCondition type=1 status=2 lastTransitionTime=3 reason=4 message=5
V1StatefulSetOrdinals start=1
V1StatefulSetPersistentVolumeClaimRetentionPolicy whenDeleted=1 whenScaled=2
V1StatefulSetSpec replicas=1* selector=2 template=3 volumeClaimTemplates=4 serviceName=5* podManagementPolicy=6 updateStrategy=7 revisionHistoryLimit=8* minReadySeconds=9 persistentVolumeClaimRetentionPolicy=10 ordinals=11
V1StatefulSetStatus observedGeneration=1 replicas=2 readyReplicas=3 currentReplicas=4 updatedReplicas=5 currentRevision=6 updateRevision=7 collisionCount=9* conditions=10 availableReplicas=11
V1StatefulSetUpdateStrategy type=1 rollingUpdate=2
`;
