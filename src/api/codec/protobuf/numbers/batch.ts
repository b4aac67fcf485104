// Field numbers of the protobuf form: batch. One type a line, in the form that plan.ts reads.
export const batch = `
V1CronJob metadata=1 spec=2 status=3
V1CronJobSpec schedule=1 timeZone=8* startingDeadlineSeconds=2* concurrencyPolicy=3 suspend=4* jobTemplate=5 successfulJobsHistoryLimit=6* failedJobsHistoryLimit=7*
V1CronJobStatus active=1 lastScheduleTime=4 lastSuccessfulTime=5
V1Job metadata=1 spec=2 status=3
V1JobCondition type=1 status=2 lastProbeTime=3 lastTransitionTime=4 reason=5 message=6
V1JobSpec parallelism=1* completions=2* activeDeadlineSeconds=3* podFailurePolicy=11 successPolicy=16 backoffLimit=7* backoffLimitPerIndex=12* maxFailedIndexes=13* selector=4 manualSelector=5* template=6 ttlSecondsAfterFinished=8* completionMode=9* suspend=10* podReplacementPolicy=14* managedBy=15*
V1JobStatus conditions=1 startTime=2 completionTime=3 active=4 succeeded=5 failed=6 terminating=11* completedIndexes=7 failedIndexes=10* uncountedTerminatedPods=8 ready=9*
V1JobTemplateSpec metadata=1 spec=2
V1PodFailurePolicy rules=1
V1PodFailurePolicyOnExitCodesRequirement containerName=1* operator=2 values=3
V1PodFailurePolicyOnPodConditionsPattern type=1 status=2
V1PodFailurePolicyRule action=1 onExitCodes=2 onPodConditions=3
V1SuccessPolicy rules=1
V1SuccessPolicyRule succeededIndexes=1* succeededCount=2*
V1UncountedTerminatedPods succeeded=1 failed=2
`;
