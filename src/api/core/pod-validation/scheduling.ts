// Validation of what the scheduler reads: tolerations, affinity, spreading, gates.
import type {
  V1Affinity,
  V1NodeSelector,
  V1NodeSelectorRequirement,
  V1NodeSelectorTerm,
  V1PodAffinity,
  V1PodAffinityTerm,
  V1PodSpec,
  V1Toleration,
  V1TopologySpreadConstraint,
} from '../../generated/types.gen.ts';
import { duplicate, type FieldError, invalidValue, notSupported, required } from '../../meta/field-error.ts';
import { dnsLabelProblems, labelValueProblems, qualifiedNameProblems } from '../../meta/names.ts';
import { addProblems } from '../../meta/validate-metadata.ts';
import { validateLabelSelector, validateRequirement } from '../../meta/validate-selector.ts';

const taintEffects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function validateTaintEffect(effect: string | undefined, path: string, errors: FieldError[]): void {
  if ((effect ?? '') === '') errors.push(required(path));
  else if (effect !== undefined && !taintEffects.includes(effect)) errors.push(notSupported(path, effect, taintEffects));
}

export function validateTolerations(tolerations: readonly V1Toleration[] | undefined, path: string, errors: FieldError[]): void {
  tolerations?.forEach((toleration, i) => {
    validateToleration(toleration, `${path}[${i}]`, errors);
  });
}

function validateToleration(toleration: V1Toleration, path: string, errors: FieldError[]): void {
  const { key = '', operator = '', value = '', effect = '' } = toleration;
  if (key !== '') addProblems(errors, `${path}.key`, key, qualifiedNameProblems(key));
  if (key === '' && operator !== 'Exists') {
    const detail = 'operator must be Exists when `key` is empty, which means "match all values and all keys"';
    errors.push(invalidValue(`${path}.operator`, operator, detail));
  }
  if (toleration.tolerationSeconds !== undefined && effect !== 'NoExecute') {
    errors.push(invalidValue(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"));
  }
  if (operator === '' || operator === 'Equal') {
    const problems = labelValueProblems(value);
    if (problems.length > 0) errors.push(invalidValue(`${path}.operator`, value, problems.join(';')));
  } else if (operator === 'Exists') {
    if (value !== '') errors.push(invalidValue(`${path}.operator`, toleration, "value must be empty when `operator` is 'Exists'"));
  } else errors.push(notSupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  if (effect !== '') validateTaintEffect(effect, `${path}.effect`, errors);
}

export const validateNodeRequirement = (requirement: V1NodeSelectorRequirement, path: string, errors: FieldError[]): void =>
  validateRequirement(requirement, path, errors, 'numbers');

function validateFieldRequirement(requirement: V1NodeSelectorRequirement, path: string, errors: FieldError[]): void {
  if (requirement.operator === 'In' || requirement.operator === 'NotIn') {
    if ((requirement.values ?? []).length !== 1) {
      const detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
      errors.push(required(`${path}.values`, detail));
    }
  } else errors.push(invalidValue(`${path}.operator`, requirement.operator ?? '', 'not a valid selector operator'));
  if (requirement.key !== 'metadata.name')
    errors.push(invalidValue(`${path}.key`, requirement.key ?? '', 'not a valid field selector key'));
}

function validateNodeTerm(term: V1NodeSelectorTerm, path: string, errors: FieldError[]): void {
  term.matchExpressions?.forEach((requirement, i) => {
    validateNodeRequirement(requirement, `${path}.matchExpressions[${i}]`, errors);
  });
  term.matchFields?.forEach((requirement, i) => {
    validateFieldRequirement(requirement, `${path}.matchFields[${i}]`, errors);
  });
}

function validateNodeSelector(selector: V1NodeSelector, path: string, errors: FieldError[]): void {
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0) errors.push(required(`${path}.nodeSelectorTerms`, 'must have at least one node selector term'));
  terms.forEach((term, i) => {
    validateNodeTerm(term, `${path}.nodeSelectorTerms[${i}]`, errors);
  });
}

function validateWeight(weight: number | undefined, path: string, errors: FieldError[]): void {
  if ((weight ?? 0) < 1 || (weight ?? 0) > 100) errors.push(invalidValue(`${path}.weight`, weight ?? 0, 'must be in the range 1-100'));
}

function validatePodTerm(term: V1PodAffinityTerm, path: string, errors: FieldError[]): void {
  validateLabelSelector(term.labelSelector, `${path}.labelSelector`, errors);
  validateLabelSelector(term.namespaceSelector, `${path}.namespaceSelector`, errors);
  term.namespaces?.forEach((namespace) => {
    addProblems(errors, `${path}.namespace`, namespace, dnsLabelProblems(namespace));
  });
  const topologyKey = term.topologyKey ?? '';
  if (topologyKey === '') errors.push(required(`${path}.topologyKey`, 'can not be empty'));
  addProblems(errors, `${path}.topologyKey`, topologyKey, qualifiedNameProblems(topologyKey));
}

function validatePodAffinity(affinity: V1PodAffinity | undefined, path: string, errors: FieldError[]): void {
  affinity?.requiredDuringSchedulingIgnoredDuringExecution?.forEach((term, i) => {
    validatePodTerm(term, `${path}.requiredDuringSchedulingIgnoredDuringExecution[${i}]`, errors);
  });
  affinity?.preferredDuringSchedulingIgnoredDuringExecution?.forEach((weighted, i) => {
    const at = `${path}.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
    validateWeight(weighted.weight, at, errors);
    validatePodTerm(weighted.podAffinityTerm ?? { topologyKey: '' }, `${at}.podAffinityTerm`, errors);
  });
}

export function validateAffinity(affinity: V1Affinity | undefined, path: string, errors: FieldError[]): void {
  const node = affinity?.nodeAffinity;
  if (node?.requiredDuringSchedulingIgnoredDuringExecution !== undefined) {
    const at = `${path}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`;
    validateNodeSelector(node.requiredDuringSchedulingIgnoredDuringExecution, at, errors);
  }
  node?.preferredDuringSchedulingIgnoredDuringExecution?.forEach((term, i) => {
    const at = `${path}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${i}]`;
    validateWeight(term.weight, at, errors);
    validateNodeTerm(term.preference ?? {}, `${at}.preference`, errors);
  });
  validatePodAffinity(affinity?.podAffinity, `${path}.podAffinity`, errors);
  validatePodAffinity(affinity?.podAntiAffinity, `${path}.podAntiAffinity`, errors);
}

const unsatisfiableActions = ['DoNotSchedule', 'ScheduleAnyway'];
const inclusionPolicies = ['Honor', 'Ignore'];

function validateSpreadConstraint(constraint: V1TopologySpreadConstraint, path: string, errors: FieldError[]): void {
  const { maxSkew = 0, topologyKey = '', whenUnsatisfiable = '', minDomains } = constraint;
  if (maxSkew <= 0) errors.push(invalidValue(`${path}.maxSkew`, maxSkew, 'must be greater than zero'));
  if (topologyKey === '') errors.push(required(`${path}.topologyKey`, 'can not be empty'));
  if (!unsatisfiableActions.includes(whenUnsatisfiable)) {
    errors.push(notSupported(`${path}.whenUnsatisfiable`, whenUnsatisfiable, unsatisfiableActions));
  }
  if (minDomains !== undefined && minDomains <= 0) {
    errors.push(invalidValue(`${path}.minDomains`, minDomains, 'must be greater than zero'));
  }
  if (minDomains !== undefined && whenUnsatisfiable !== 'DoNotSchedule') {
    const detail = 'can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway';
    errors.push(invalidValue(`${path}.minDomains`, minDomains, detail));
  }
  for (const field of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
    const policy = constraint[field];
    if (policy !== undefined && !inclusionPolicies.includes(policy))
      errors.push(notSupported(`${path}.${field}`, policy, inclusionPolicies));
  }
  validateLabelSelector(constraint.labelSelector, `${path}.labelSelector`, errors);
}

export function validateSpread(constraints: readonly V1TopologySpreadConstraint[] | undefined, path: string, errors: FieldError[]): void {
  constraints?.forEach((constraint, i) => {
    validateSpreadConstraint(constraint, `${path}[${i}]`, errors);
    const twin = constraints.findIndex(
      (other) => other.topologyKey === constraint.topologyKey && other.whenUnsatisfiable === constraint.whenUnsatisfiable,
    );
    if (twin < i) {
      const pair = `{${constraint.topologyKey}, ${constraint.whenUnsatisfiable}}`;
      errors.push(duplicate(`${path}[${i}].{topologyKey, whenUnsatisfiable}`, pair));
    }
  });
}

/** Readiness gates and scheduling gates: lists of qualified names, the second without repeats. */
export function validateGates(spec: V1PodSpec, path: string, errors: FieldError[]): void {
  spec.readinessGates?.forEach(({ conditionType = '' }, i) => {
    addProblems(errors, `${path}.readinessGates[${i}].conditionType`, conditionType, qualifiedNameProblems(conditionType));
  });
  const names = new Set<string>();
  spec.schedulingGates?.forEach(({ name = '' }, i) => {
    addProblems(errors, `${path}.schedulingGates[${i}]`, name, qualifiedNameProblems(name));
    if (names.has(name)) errors.push(duplicate(`${path}.schedulingGates[${i}]`, name));
    names.add(name);
  });
}
