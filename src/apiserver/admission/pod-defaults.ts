// What admission adds to a new pod: the numbers of its priority class, tolerations of nodes that fail.
import {
  addDefaultTolerations,
  type Draft,
  forbidden,
  type KubeObject,
  noPriorityClass,
  type PodPriority,
  setPriority,
  systemPriorityClasses,
  type V1Pod,
  type V1PriorityClass,
} from '../../api/mod.ts';
import { isNewPod } from './attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './chain.ts';

const forNewPods =
  (change: (pod: Draft<V1Pod>, attributes: AdmissionAttributes) => void): NonNullable<AdmissionPlugin['mutate']> =>
  (attributes, draft) => {
    if (!draft || !isNewPod(attributes)) return;
    change(draft as Draft<V1Pod>, attributes);
  };

export const defaultTolerationSeconds: AdmissionPlugin = { name: 'DefaultTolerationSeconds', mutate: forNewPods(addDefaultTolerations) };

export interface PriorityOptions {
  readonly classes: {
    readonly get: (name: string) => KubeObject | undefined;
    readonly all: () => readonly KubeObject[];
  };
}

/** Source: https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/ */
export function podPriority(options: PriorityOptions): AdmissionPlugin {
  return {
    name: 'Priority',
    mutate: forNewPods((pod, attributes) => {
      const refuse = (why: string) => forbidden({ group: '', resource: 'pods', name: attributes.name || undefined }, why);
      const name = pod.spec?.priorityClassName ?? '';
      const priority = name === '' ? globalDefault(options) : classNamed(options, name);
      if (!priority) throw refuse(`no PriorityClass with name ${name} was found`);
      const sent = pod.spec?.priority;
      if (sent !== undefined && sent !== priority.value) {
        throw refuse(
          `the integer value of priority (${sent}) must not be provided in pod spec; priority admission controller computed ${priority.value} from the given PriorityClass name`,
        );
      }
      const policy = pod.spec?.preemptionPolicy;
      if (policy !== undefined && policy !== priority.preemptionPolicy) {
        throw refuse(
          `the string value of PreemptionPolicy (${policy}) must not be provided in pod spec; priority admission controller computed ${priority.preemptionPolicy} from the given PriorityClass name`,
        );
      }
      setPriority(pod, priority);
    }),
  };
}

function classNamed(options: PriorityOptions, name: string): PodPriority | undefined {
  const found = options.classes.get(name);
  if (found) return priorityOf(found);
  const value = Object.hasOwn(systemPriorityClasses, name) ? systemPriorityClasses[name] : undefined;
  return value === undefined ? undefined : { value, preemptionPolicy: noPriorityClass.preemptionPolicy };
}

/** Of several defaults, the lowest counts. */
function globalDefault(options: PriorityOptions): PodPriority {
  let lowest: PodPriority | undefined;
  for (const each of options.classes.all() as readonly V1PriorityClass[]) {
    if (each.globalDefault !== true) continue;
    if (!lowest || (each.value ?? 0) < lowest.value) lowest = { ...priorityOf(each), className: each.metadata?.name };
  }
  return lowest ?? noPriorityClass;
}

function priorityOf(found: V1PriorityClass): PodPriority {
  return { value: found.value ?? 0, preemptionPolicy: found.preemptionPolicy ?? noPriorityClass.preemptionPolicy };
}
