// PodTolerationRestriction: pods get the tolerations of their namespace, and no others than those that it lists.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#podtolerationrestriction
import {
  type Draft,
  forbidden,
  internalError,
  type KubeObject,
  qosClassOf,
  sameMeaning,
  type V1Pod,
  type V1Toleration,
} from '../../api/mod.ts';
import { isNewPod } from './attributes.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './chain.ts';

const defaultsAnnotation = 'scheduler.alpha.kubernetes.io/defaultTolerations';
const listAnnotation = 'scheduler.alpha.kubernetes.io/tolerationsWhitelist';
const memoryPressure: V1Toleration = { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' };

export interface PodTolerationOptions {
  readonly namespace: (name: string) => KubeObject | undefined;
}

const refuse = ({ name }: AdmissionAttributes, why: string) => forbidden({ group: '', resource: 'pods', name: name || undefined }, why);

/** Undefined where the namespace says nothing. */
function tolerationsIn(namespace: KubeObject | undefined, annotation: string): readonly V1Toleration[] | undefined {
  const text = namespace?.metadata?.annotations?.[annotation];
  if (text === undefined || text === '') return undefined;
  try {
    const list: unknown = JSON.parse(text);
    if (Array.isArray(list)) return list as V1Toleration[];
  } catch {
    // Told below, without the parser's words.
  }
  throw internalError(new Error(`annotation ${annotation} of namespace ${namespace?.metadata?.name ?? ''} is no list of tolerations`));
}

export const podTolerationRestriction = ({ namespace }: PodTolerationOptions): AdmissionPlugin => ({
  name: 'PodTolerationRestriction',
  optional: true,
  mutate(attributes, draft) {
    const spec = (draft as Draft<V1Pod> | undefined)?.spec;
    if (!spec || !isNewPod(attributes)) return;
    const own: readonly V1Toleration[] = spec.tolerations ?? [];
    const added = tolerationsIn(namespace(attributes.namespace ?? ''), defaultsAnnotation) ?? [];
    if (own.some((one) => added.some((other) => isOfSameTaint(one, other) && !sameMeaning(one, other))))
      throw refuse(attributes, 'namespace tolerations and pod tolerations conflict');
    const burstable = qosClassOf(spec as V1Pod['spec'] & object) === 'BestEffort' ? [] : [memoryPressure];
    const all = [...own, ...added, ...burstable];
    const merged = all.filter((one, i) => all.findIndex((other) => sameMeaning(one, other)) === i);
    if (merged.length > 0) spec.tolerations = merged;
  },
  validate(attributes, object) {
    const spec = (object as V1Pod | undefined)?.spec;
    if (!spec || !isNewPod(attributes)) return;
    const list = tolerationsIn(namespace(attributes.namespace ?? ''), listAnnotation);
    if (!list || list.length === 0) return;
    const isListed = (one: V1Toleration) => sameMeaning(one, memoryPressure) || list.some((wide) => covers(wide, one));
    if ((spec.tolerations ?? []).every(isListed)) return;
    throw refuse(attributes, 'pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace whitelist');
  },
});

const operatorOf = ({ operator }: V1Toleration): string => operator || 'Equal';
const isOfSameTaint = (a: V1Toleration, b: V1Toleration): boolean =>
  (a.key ?? '') === (b.key ?? '') &&
  (a.effect ?? '') === (b.effect ?? '') &&
  (operatorOf(a) !== 'Equal' || (a.value ?? '') === (b.value ?? ''));

/** True when `wide` tolerates all that `one` does. */
function covers(wide: V1Toleration, one: V1Toleration): boolean {
  if (wide.key && wide.key !== one.key) return false;
  if (!wide.key && operatorOf(wide) !== 'Exists') return false;
  if (wide.effect && wide.effect !== one.effect) return false;
  if (wide.tolerationSeconds !== undefined && (one.tolerationSeconds === undefined || one.tolerationSeconds > wide.tolerationSeconds))
    return false;
  if (operatorOf(wide) === 'Exists') return true;
  return operatorOf(one) === 'Equal' && (wide.value ?? '') === (one.value ?? '');
}
