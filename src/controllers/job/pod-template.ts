// The pods of a Job: its template with the finalizer, and with the completion index in annotation, label, host name and environment. Pure.
import type { V1Container, V1Pod, V1PodTemplateSpec } from '../../api/mod.ts';
import { podFromTemplate } from '../runtime/pod-control.ts';
import { jobType } from '../runtime/workload-types.ts';
import {
  hasLimitPerIndex,
  indexAnnotation,
  indexFailures,
  indexFailuresAnnotation,
  indexIgnoredAnnotation,
  indexIgnoredFailures,
  type Job,
  type Pod,
  trackingFinalizer,
} from './pods.ts';
import { judgeFailure } from './policies.ts';

const indexVariable = 'JOB_COMPLETION_INDEX';
/** What the server adds five letters to. */
const prefixMax = 58;

/** `replaced` is the last failed pod of the index, with a limit per index. */
export function podOfJob(job: Job, index: number | undefined, replaced: Pod | undefined): V1Pod {
  const template = job.spec?.template;
  const pod = podFromTemplate(jobType, job, withFinalizer(template));
  if (index === undefined) return pod;
  const suffix = `-${index}-`;
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      generateName: `${job.metadata.name.slice(0, prefixMax - suffix.length)}${suffix}`,
      labels: { ...pod.metadata?.labels, [indexAnnotation]: String(index) },
      annotations: { ...pod.metadata?.annotations, [indexAnnotation]: String(index), ...failureAnnotations(job, replaced) },
    },
    ...(template?.spec
      ? {
          spec: {
            ...template.spec,
            hostname: `${job.metadata.name}-${index}`,
            containers: template.spec.containers.map(withIndexVariable),
            ...(template.spec.initContainers ? { initContainers: template.spec.initContainers.map(withIndexVariable) } : {}),
          },
        }
      : {}),
  };
}

function withFinalizer(template: V1PodTemplateSpec | undefined): V1PodTemplateSpec {
  const finalizers = (template?.metadata?.finalizers ?? []).filter((each) => each !== trackingFinalizer);
  return { ...template, metadata: { ...template?.metadata, finalizers: [...finalizers, trackingFinalizer] } };
}

function withIndexVariable(container: V1Container): V1Container {
  if (container.env?.some(({ name }) => name === indexVariable)) return container;
  const variable = { name: indexVariable, valueFrom: { fieldRef: { fieldPath: `metadata.labels['${indexAnnotation}']` } } };
  return { ...container, env: [...(container.env ?? []), variable] };
}

function failureAnnotations(job: Job, replaced: Pod | undefined): Readonly<Record<string, string>> {
  if (!hasLimitPerIndex(job)) return {};
  if (!replaced) return { [indexFailuresAnnotation]: '0' };
  const { counts } = judgeFailure(job, replaced);
  const ignored = indexIgnoredFailures(replaced) + (counts ? 0 : 1);
  return {
    [indexFailuresAnnotation]: String(indexFailures(replaced) + (counts ? 1 : 0)),
    ...(ignored > 0 ? { [indexIgnoredAnnotation]: String(ignored) } : {}),
  };
}
