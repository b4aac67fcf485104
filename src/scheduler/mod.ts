// The door of scheduler/: picks a node for every pod, by what the node has room for and what the pod asks.
export {
  type SchedulerConfiguration,
  SchedulerConfigurationError,
  withFiles,
} from './config/configuration.ts';
export type { DecisionRecord, ExplainPod, PodExplanation } from './explain.ts';
export type {
  ClusterEvent,
  CycleState,
  EnabledPlugin,
  Plugin,
  PostFilterRequest,
  PostFilterResult,
  Profile,
  Verdict,
} from './framework.ts';
export { createSchedulerMetrics, type SchedulerMetrics } from './metrics.ts';
export { readSchedulerConfiguration } from './registry.ts';
export { runScheduler, type SchedulerOptions } from './scheduler.ts';
export type { NodeRefusal, NodeScore, Refusal, Trial } from './why.ts';
