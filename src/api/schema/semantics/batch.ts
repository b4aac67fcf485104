// What the schema of batch lacks: definition names, list and merge semantics, quantities, Go's names of types.
import type { PackageSemantics } from './package-semantics.ts';

export const batch: readonly PackageSemantics[] = [
  {
    definitions: 'io.k8s.api.batch.v1',
    group: 'batch',
    version: 'v1',
    fields: {
      V1CronJobSpec: { concurrencyPolicy: 'go=v1.ConcurrencyPolicy' },
      V1CronJobStatus: { active: 'atomic' },
      V1JobCondition: { status: 'go=v1.ConditionStatus', type: 'go=v1.JobConditionType' },
      V1JobSpec: { completionMode: 'go=v1.CompletionMode', podReplacementPolicy: 'go=v1.PodReplacementPolicy' },
      V1JobStatus: { conditions: 'atomic patch=merge:type' },
      V1PodFailurePolicy: { rules: 'atomic' },
      V1PodFailurePolicyOnExitCodesRequirement: { values: 'set' },
      V1PodFailurePolicyRule: { action: 'go=v1.PodFailurePolicyAction', onPodConditions: 'atomic' },
      V1SuccessPolicy: { rules: 'atomic' },
      V1UncountedTerminatedPods: { failed: 'set', succeeded: 'set' },
    },
    types: `
      V1CronJob V1CronJobList V1CronJobSpec V1CronJobStatus V1Job V1JobCondition V1JobList V1JobSpec V1JobStatus V1JobTemplateSpec
      V1PodFailurePolicy V1PodFailurePolicyOnExitCodesRequirement V1PodFailurePolicyOnPodConditionsPattern V1PodFailurePolicyRule
      V1SuccessPolicy V1SuccessPolicyRule V1UncountedTerminatedPods
    `,
  },
];
