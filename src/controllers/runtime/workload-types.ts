// The kinds of the batch, daemon and stateful controllers, as they are reached.
import type { ResourceType, V1ControllerRevision, V1CronJob, V1DaemonSet, V1Job, V1StatefulSet } from '../../api/mod.ts';

export const jobType: ResourceType<V1Job> = { group: 'batch', version: 'v1', kind: 'Job', resource: 'jobs', namespaced: true };
export const cronJobType: ResourceType<V1CronJob> = {
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  resource: 'cronjobs',
  namespaced: true,
};
export const daemonSetType: ResourceType<V1DaemonSet> = {
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  resource: 'daemonsets',
  namespaced: true,
};
export const statefulSetType: ResourceType<V1StatefulSet> = {
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  resource: 'statefulsets',
  namespaced: true,
};
export const revisionType: ResourceType<V1ControllerRevision> = {
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  resource: 'controllerrevisions',
  namespaced: true,
};
