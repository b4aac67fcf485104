// Which names of a definition are free in its group, and what its conditions say of them. A pure function.
// Source: https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/#CustomResourceDefinitionStatus
import {
  getCondition,
  isConditionTrue,
  removeCondition,
  sameMeaning,
  setCondition,
  type V1CustomResourceDefinition,
  type V1CustomResourceDefinitionCondition,
  type V1CustomResourceDefinitionNames,
} from '../../api/mod.ts';

export type Condition = V1CustomResourceDefinitionCondition;
type Status = NonNullable<V1CustomResourceDefinition['status']>;

/** Names that definitions of a group have been given, each with the name of the definition that has it. */
export interface NamesOfGroup {
  readonly resources: ReadonlyMap<string, string>;
  readonly kinds: ReadonlyMap<string, string>;
}

export function namesOfGroup(definitions: Iterable<V1CustomResourceDefinition>): NamesOfGroup {
  const resources = new Map<string, string>();
  const kinds = new Map<string, string>();
  for (const { metadata, status } of definitions) {
    const owner = metadata?.name ?? '';
    const names = status?.acceptedNames;
    if (!names) continue;
    for (const name of [names.plural, names.singular, ...(names.shortNames ?? [])]) if (name) resources.set(name, owner);
    for (const name of [names.kind, names.listKind]) if (name) kinds.set(name, owner);
  }
  return { resources, kinds };
}

const approvalAnnotation = 'api-approved.kubernetes.io';
const protectedGroup = /(^|\.)(k8s\.io|kubernetes\.io)$/;

/** The status that the definition is to have: the very same when nothing changes. */
export function planStatus(definition: V1CustomResourceDefinition, taken: NamesOfGroup, nowTime: string): Status {
  const { names, accepted } = acceptNames(definition, taken);
  const before = definition.status?.conditions ?? [];
  const judged = setCondition(before, accepted, nowTime);
  const established = setCondition(judged, establishedOf(definition, accepted), nowTime);
  const conditions = approvalOf(definition, established, nowTime);
  const status = definition.status;
  if (status && conditions === status.conditions && sameMeaning(names, status.acceptedNames)) return status;
  return { ...status, conditions, acceptedNames: names };
}

interface Acceptance {
  readonly names: V1CustomResourceDefinitionNames;
  readonly accepted: Condition;
}

function acceptNames(definition: V1CustomResourceDefinition, taken: NamesOfGroup): Acceptance {
  const owner = definition.metadata?.name ?? '';
  const wanted = definition.spec.names;
  const had = definition.status?.acceptedNames ?? { plural: '', kind: '' };
  let conflict: Pick<Condition, 'reason' | 'message'> | undefined;
  const accept = (asked: readonly string[], standing: readonly string[], among: ReadonlyMap<string, string>, reason: string): boolean => {
    const used = asked.filter((name) => !standing.includes(name) && (among.get(name) ?? owner) !== owner);
    if (used.length === 0) return true;
    conflict = { reason, message: used.map((name) => `${JSON.stringify(name)} is already in use`).join(', ') };
    return false;
  };
  const one = (asked: string | undefined, standing: string | undefined, among: ReadonlyMap<string, string>, reason: string) =>
    accept(asked ? [asked] : [], standing ? [standing] : [], among, reason) ? (asked ?? '') : (standing ?? '');
  const { resources, kinds } = taken;
  const plural = one(wanted.plural, had.plural, resources, 'PluralConflict');
  const singular = one(wanted.singular, had.singular, resources, 'SingularConflict');
  const shortNames = accept(wanted.shortNames ?? [], had.shortNames ?? [], resources, 'ShortNamesConflict')
    ? wanted.shortNames
    : had.shortNames;
  const kind = one(wanted.kind, had.kind, kinds, 'KindConflict');
  const listKind = one(wanted.listKind, had.listKind, kinds, 'ListKindConflict');
  const { categories } = wanted;
  return {
    names: { plural, singular, ...(shortNames ? { shortNames } : {}), kind, listKind, ...(categories ? { categories } : {}) },
    accepted: {
      type: 'NamesAccepted',
      ...(conflict ? { status: 'False', ...conflict } : { status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }),
    },
  };
}

/** Once established it stays so. */
function establishedOf(definition: V1CustomResourceDefinition, accepted: Condition): Condition {
  const standing = getCondition(definition.status?.conditions, 'Established');
  if (standing?.status === 'True') return standing;
  return accepted.status === 'True'
    ? { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
    : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
}

/** Only groups of the Kubernetes project need an approval. */
function approvalOf(
  { metadata, spec }: V1CustomResourceDefinition,
  conditions: readonly Condition[],
  nowTime: string,
): readonly Condition[] {
  const type = 'KubernetesAPIApprovalPolicyConformant';
  if (!protectedGroup.test(spec.group)) return removeCondition(conditions, type);
  const approval = metadata?.annotations?.[approvalAnnotation];
  const see = 'see https://github.com/kubernetes/enhancements/pull/1111';
  const verdict = !approval
    ? {
        status: 'False',
        reason: 'MissingAnnotation',
        message: `protected groups must have approval annotation "${approvalAnnotation}", ${see}`,
      }
    : approval.startsWith('unapproved')
      ? { status: 'False', reason: 'UnapprovedAPI', message: `not approved: ${JSON.stringify(approval)}` }
      : { status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${approval}` };
  return setCondition(conditions, { type, ...verdict }, nowTime);
}

export const isEstablished = (definition: V1CustomResourceDefinition): boolean =>
  isConditionTrue(definition.status?.conditions, 'Established');

export const namesAreAccepted = (definition: V1CustomResourceDefinition): boolean =>
  isConditionTrue(definition.status?.conditions, 'NamesAccepted');
