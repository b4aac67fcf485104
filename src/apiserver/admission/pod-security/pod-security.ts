// PodSecurity: pods keep to the standard of their namespace; workloads whose pods would not, and namespaces whose pods do not, are warned of.
// Source: https://kubernetes.io/docs/concepts/security/pod-security-admission/
import {
  forbidden,
  invalid,
  type KubeObject,
  type V1Container,
  type V1CronJob,
  type V1Namespace,
  type V1Pod,
  type V1PodTemplate,
  type V1PodTemplateSpec,
} from '../../../api/mod.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../chain.ts';
import type { PodSecuritySettings } from '../settings.ts';
import { viewOf } from './check.ts';
import { compareLevels, isPrivileged, isSame, type Policy, policyOf, prefix, type Standard, textOf } from './policy.ts';
import { describe, violationsOf } from './standards.ts';

/** Of the pods that stand in a namespace so many are looked at when its policy gets stricter. */
const podsMax = 3000;

export interface PodSecurityOptions {
  readonly namespace: (name: string) => KubeObject | undefined;
  readonly pods: (namespace: string) => readonly V1Pod[];
  /** Default: what labels do not say is privileged, and nobody is exempt. */
  readonly settings?: PodSecuritySettings | undefined;
}

type Template = Pick<V1PodTemplateSpec, 'metadata' | 'spec'>;
type WithTemplate = KubeObject & { readonly spec?: { readonly template?: V1PodTemplateSpec | undefined } | undefined };

const ofSpec = (object: KubeObject): Template | undefined => (object as WithTemplate).spec?.template;

/** Where the pods of a workload are described. */
const templates: Readonly<Record<string, (object: KubeObject) => Template | undefined>> = {
  '/replicationcontrollers': ofSpec,
  '/podtemplates': (object) => (object as V1PodTemplate).template,
  'apps/replicasets': ofSpec,
  'apps/deployments': ofSpec,
  'apps/statefulsets': ofSpec,
  'apps/daemonsets': ofSpec,
  'batch/jobs': ofSpec,
  'batch/cronjobs': (object) => (object as V1CronJob).spec?.jobTemplate.spec?.template,
};

/** Subresources that are no pod, or change nothing of what it may do. */
const ignoredSubresources: ReadonlySet<string> = new Set([
  'exec',
  'attach',
  'binding',
  'eviction',
  'log',
  'portforward',
  'proxy',
  'resize',
  'status',
]);

export function podSecurity(options: PodSecurityOptions): AdmissionPlugin {
  const { defaults, exempt } = options.settings ?? {};
  const policyIn = (name: string | undefined): Policy | undefined =>
    name === undefined ? undefined : policyOf((options.namespace(name) as V1Namespace | undefined)?.metadata?.labels, defaults)?.policy;
  return {
    name: 'PodSecurity',
    validate(attributes, object) {
      const { kind, operation, subresource, namespace } = attributes;
      if (!object || (operation !== 'CREATE' && operation !== 'UPDATE')) return;
      if (kind.group === '' && kind.resource === 'pods') {
        if (subresource !== undefined && ignoredSubresources.has(subresource)) return;
        const policy = policyIn(namespace);
        if (policy && !isExempt(exempt, attributes, (object as V1Pod).spec)) judgePod(attributes, object as V1Pod, policy);
        return;
      }
      if (subresource !== undefined) return;
      if (kind.group === '' && kind.resource === 'namespaces') return judgeNamespace(options, attributes, object as V1Namespace);
      const key = `${kind.group}/${kind.resource}`;
      const templateOf = Object.hasOwn(templates, key) ? templates[key] : undefined;
      const policy = templateOf && policyIn(namespace);
      const template = policy && templateOf?.(object);
      if (template && !isExempt(exempt, attributes, template.spec)) tell(attributes, template, policy);
    },
  };
}

/** Told in the audit log. */
function isExempt(
  exempt: PodSecuritySettings['exempt'] | undefined,
  { user, namespace = '', annotate }: AdmissionAttributes,
  spec: V1Pod['spec'],
): boolean {
  if (!exempt) return false;
  const by = exempt.usernames.includes(user.name)
    ? 'user'
    : exempt.namespaces.includes(namespace)
      ? 'namespace'
      : spec?.runtimeClassName !== undefined && exempt.runtimeClasses.includes(spec.runtimeClassName)
        ? 'runtimeClass'
        : undefined;
  if (by !== undefined) annotate?.(`${prefix}exempt`, by);
  return by !== undefined;
}

function judgePod(attributes: AdmissionAttributes, pod: V1Pod, policy: Policy): void {
  const { enforce, audit } = policy;
  if (isPrivileged(enforce, audit, policy.warn) || !pod.spec) return;
  if (attributes.operation === 'UPDATE' && !isSignificant(pod, attributes.old as V1Pod)) return;
  attributes.annotate?.(`${prefix}enforce-policy`, textOf(enforce));
  const found = violationsOf(enforce, viewOf(pod.spec, pod.metadata?.annotations));
  if (found.length > 0) {
    note(attributes, pod, audit);
    const subject = { group: '', resource: 'pods', name: attributes.name || undefined };
    throw forbidden(subject, `violates PodSecurity "${textOf(enforce)}": ${describe(found)}`);
  }
  tell(attributes, pod, policy);
}

/** Users are told by a warning, and the audit log by an annotation. */
function tell(attributes: AdmissionAttributes, template: Template, { audit, warn }: Policy): void {
  note(attributes, template, audit);
  const problem = problemOf(template, warn);
  if (problem !== undefined) attributes.warn(problem);
}

function note(attributes: AdmissionAttributes, template: Template, audit: Standard): void {
  const problem = attributes.annotate && problemOf(template, audit);
  if (problem !== undefined) attributes.annotate?.(`${prefix}audit-violations`, problem);
}

function problemOf({ metadata, spec }: Template, standard: Standard): string | undefined {
  if (isPrivileged(standard) || !spec) return undefined;
  const found = violationsOf(standard, viewOf(spec, metadata?.annotations));
  return found.length === 0 ? undefined : `would violate PodSecurity "${textOf(standard)}": ${describe(found)}`;
}

/** Of what may change in a pod, this is what the standards are about. */
function isSignificant(next: V1Pod, old: V1Pod): boolean {
  const notes = ({ metadata }: V1Pod) =>
    Object.entries(metadata?.annotations ?? {})
      .filter(([key]) => /^((container\.)?seccomp\.security\.alpha|container\.apparmor\.security\.beta)\.kubernetes\.io\//.test(key))
      .map((entry) => entry.join('='))
      .sort()
      .join();
  if (notes(next) !== notes(old)) return true;
  const changed = (all: readonly V1Container[] | undefined, before: readonly V1Container[] | undefined) =>
    (all ?? []).length !== (before ?? []).length ||
    (all ?? []).some(({ name, image }) => !(before ?? []).some((each) => each.name === name && each.image === image));
  return (['containers', 'initContainers', 'ephemeralContainers'] as const).some((field) => changed(next.spec?.[field], old.spec?.[field]));
}

/** Labels must be right when they are new. A stricter policy is told of the pods that would no longer be let in. */
function judgeNamespace(options: PodSecurityOptions, attributes: AdmissionAttributes, namespace: V1Namespace): void {
  const { defaults, exempt } = options.settings ?? {};
  const next = policyOf(namespace.metadata?.labels, defaults);
  const old = policyOf(attributes.old?.metadata?.labels, defaults);
  const [problem, standing] = [next, old].map((each) => (each?.errors ?? []).map(({ text }) => text).join());
  if (next && problem !== '' && problem !== standing) throw invalid({ group: '', kind: 'Namespace', name: attributes.name }, next.errors);
  if (!next || !attributes.old || isPrivileged(next.policy.enforce) || exempt?.namespaces.includes(attributes.name)) return;
  const { enforce } = next.policy;
  const before: Standard = old?.policy.enforce ?? { level: 'privileged', version: 'latest' };
  if (isSame(enforce, before) || (enforce.version === before.version && compareLevels(enforce, before) <= 0)) return;
  for (const text of podWarnings(options.pods(attributes.name), attributes.name, enforce)) attributes.warn(text);
}

function podWarnings(pods: readonly V1Pod[], namespace: string, enforce: Standard): readonly string[] {
  const names = new Map<string, string[]>();
  const looked = pods.slice(0, podsMax);
  for (const { metadata, spec } of looked) {
    const found = spec ? violationsOf(enforce, viewOf(spec, metadata?.annotations)) : [];
    if (found.length === 0) continue;
    const reasons = found.map(({ reason }) => reason).join(', ');
    names.set(reasons, [...(names.get(reasons) ?? []), metadata?.name ?? '']);
  }
  const lines = [...names].map(([reasons, all]) => {
    const [first = ''] = [...all].sort();
    const others = all.length === 1 ? '' : ` (and ${all.length - 1} other ${all.length === 2 ? 'pod' : 'pods'})`;
    return `${first}${others}: ${reasons}`;
  });
  return [
    ...(looked.length < pods.length
      ? [`new PodSecurity enforce level only checked against the first ${looked.length} of ${pods.length} existing pods`]
      : []),
    ...(lines.length > 0
      ? [`existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${textOf(enforce)}"`]
      : []),
    ...lines.sort(),
  ];
}
