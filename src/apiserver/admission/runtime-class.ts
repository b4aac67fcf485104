// RuntimeClass: a new pod gets the overhead of its runtime class, and goes where the class can run.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#runtimeclass
import { type Draft, forbidden, type KubeObject, sameMeaning, type V1Pod, type V1RuntimeClass } from '../../api/mod.ts';
import { isNewPod } from './attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './chain.ts';

export interface RuntimeClassLookup {
  readonly get: (name: string) => KubeObject | undefined;
}

export function runtimeClass(classes: RuntimeClassLookup): AdmissionPlugin {
  const classOf = (attributes: AdmissionAttributes, { spec }: V1Pod): V1RuntimeClass | undefined => {
    const name = spec?.runtimeClassName;
    if (!name) return undefined;
    const found = classes.get(name) as V1RuntimeClass | undefined;
    if (!found) throw refusal(attributes, `pod rejected: RuntimeClass "${name}" not found`);
    return found;
  };
  return {
    name: 'RuntimeClass',
    mutate: (attributes, draft) => {
      if (!draft || !isNewPod(attributes)) return;
      const pod = draft as Draft<V1Pod>;
      const found = classOf(attributes, pod as V1Pod);
      if (!found || !pod.spec) return;
      setOverhead(attributes, pod.spec, found);
      setScheduling(attributes, pod.spec, found);
    },
    validate: (attributes, object) => {
      if (!object || !isNewPod(attributes)) return;
      const pod = object as V1Pod;
      const found = classOf(attributes, pod);
      const [wanted, sent] = [found?.overhead?.podFixed ?? {}, pod.spec?.overhead ?? {}];
      if (Object.keys(sent).length > 0 && !found) {
        throw refusal(attributes, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
      }
      if (found && !sameMeaning(wanted, sent)) throw refusal(attributes, overheadProblem);
    },
  };
}

const overheadProblem = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

const refusal = ({ name }: AdmissionAttributes, why: string) => forbidden({ group: '', resource: 'pods', name: name || undefined }, why);

type Spec = NonNullable<Draft<V1Pod>['spec']>;

function setOverhead(attributes: AdmissionAttributes, spec: Spec, { overhead }: V1RuntimeClass): void {
  if (!overhead) return;
  if (Object.keys(spec.overhead ?? {}).length > 0 && !sameMeaning(spec.overhead, overhead.podFixed)) {
    throw refusal(attributes, overheadProblem);
  }
  if (overhead.podFixed) spec.overhead = { ...overhead.podFixed };
}

/** Both selectors must hold; the tolerations of both do. */
function setScheduling(attributes: AdmissionAttributes, spec: Spec, { scheduling }: V1RuntimeClass): void {
  const { nodeSelector = {}, tolerations = [] } = scheduling ?? {};
  const selector: Record<string, string> = { ...spec.nodeSelector };
  for (const [key, value] of Object.entries(nodeSelector)) {
    if (selector[key] !== undefined && selector[key] !== value) {
      throw refusal(
        attributes,
        `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${selector[key]}`,
      );
    }
    selector[key] = value;
  }
  if (Object.keys(nodeSelector).length > 0) spec.nodeSelector = selector;
  const more = tolerations.filter((each) => !(spec.tolerations ?? []).some((standing) => sameMeaning(standing, each)));
  if (more.length > 0) spec.tolerations = [...(spec.tolerations ?? []), ...more.map((each) => ({ ...each }))];
}
