// Node: a machine that runs pods.
import type { V1Node, V1NodeSystemInfo, V1Taint } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, orNone } from '../meta/columns.ts';
import { getCondition } from '../meta/conditions.ts';
import { sameMeaning } from '../meta/equal.ts';
import { type FieldError, forbiddenField, invalidValue, quoteValue } from '../meta/field-error.ts';
import { cidrProblems } from '../meta/ip.ts';
import { labelValueProblems, qualifiedNameProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { validateTaintEffect } from './pod-validation/scheduling.ts';
import { canonicalizeQuantities } from './quantities.ts';

const infoFields = [
  'machineID',
  'systemUUID',
  'bootID',
  'kernelVersion',
  'osImage',
  'containerRuntimeVersion',
  'kubeletVersion',
  'kubeProxyVersion',
  'operatingSystem',
  'architecture',
] as const satisfies readonly (keyof V1NodeSystemInfo)[];

/** A node's status always shows these, empty until its kubelet has spoken. */
function setDefaults(draft: Draft<V1Node>): void {
  draft.spec ??= {};
  const { spec } = draft;
  // podCIDR is the old form of podCIDRs.
  if (spec.podCIDR && (spec.podCIDRs ?? []).length === 0) spec.podCIDRs = [spec.podCIDR];
  else if (!spec.podCIDR && spec.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
  draft.status ??= {};
  draft.status.daemonEndpoints ??= {};
  draft.status.daemonEndpoints.kubeletEndpoint ??= { Port: 0 };
  const info: Partial<Draft<V1NodeSystemInfo>> = draft.status.nodeInfo ?? {};
  for (const field of infoFields) info[field] ??= '';
  draft.status.nodeInfo ??= info as Draft<V1NodeSystemInfo>;
  canonicalizeQuantities(draft.status.capacity);
  canonicalizeQuantities(draft.status.allocatable);
}

/** TaintNodesByCondition: pods stay off a new node until it is ready. Admission, not defaulting. */
export function addNotReadyTaint(draft: Draft<V1Node>): void {
  const taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  draft.spec ??= {};
  const taints = draft.spec.taints ?? [];
  if (!taints.some(({ key, effect }) => key === taint.key && effect === taint.effect)) draft.spec.taints = [...taints, taint];
}

function validateTaints(taints: readonly V1Taint[] | undefined, errors: FieldError[]): void {
  const pairs = new Set<string>();
  taints?.forEach((taint, i) => {
    // Upstream reports taints below metadata.
    const at = `metadata.taints[${i}]`;
    const { key = '', value = '', effect = '' } = taint;
    addProblems(errors, `${at}.key`, key, qualifiedNameProblems(key));
    const problems = labelValueProblems(value);
    if (problems.length > 0) errors.push(invalidValue(`${at}.value`, value, problems.join(';')));
    validateTaintEffect(effect, `${at}.effect`, errors);
    const pair = `${effect}/${key}`;
    if (pairs.has(pair)) {
      const message = `Duplicate value: ${quoteValue(taint)}: taints must be unique by key and effect pair`;
      errors.push({ type: 'FieldValueDuplicate', field: at, message, text: `${at}: ${message}` });
    }
    pairs.add(pair);
  });
}

function validate(node: V1Node): FieldError[] {
  const errors: FieldError[] = [];
  validateTaints(node.spec?.taints, errors);
  node.spec?.podCIDRs?.forEach((cidr, i) => {
    addProblems(errors, `spec.podCIDRs[${i}]`, cidr, cidrProblems(cidr));
  });
  return errors;
}

function validateUpdate(next: V1Node, old: V1Node): FieldError[] {
  const errors = validate(next);
  if ((old.spec?.podCIDRs ?? []).length > 0 && !sameMeaning(next.spec?.podCIDRs, old.spec?.podCIDRs)) {
    errors.push(forbiddenField('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'));
  }
  if ((old.spec?.providerID ?? '') !== '' && next.spec?.providerID !== old.spec?.providerID) {
    errors.push(forbiddenField('spec.providerID', 'node updates may not change providerID except from "" to valid'));
  }
  return errors;
}

function statusCell(node: V1Node): string {
  const ready = getCondition(node.status?.conditions, 'Ready');
  const state = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return node.spec?.unschedulable === true ? `${state},SchedulingDisabled` : state;
}

const rolePrefix = 'node-role.kubernetes.io/';

function rolesCell(node: V1Node): string {
  const labels = node.metadata?.labels ?? {};
  const roles = Object.keys(labels)
    .filter((key) => key.startsWith(rolePrefix) && key.length > rolePrefix.length)
    .map((key) => key.slice(rolePrefix.length));
  const role = labels['kubernetes.io/role'];
  if (role) roles.push(role);
  return orNone([...new Set(roles)].sort().join(','));
}

const addressCell = (node: V1Node, type: string): string => orNone(node.status?.addresses?.find((each) => each.type === type)?.address);
const infoCell = (node: V1Node, field: 'osImage' | 'kernelVersion' | 'containerRuntimeVersion'): string =>
  node.status?.nodeInfo?.[field] || '<unknown>';

export const nodes: KindDefinition<V1Node> = {
  group: '',
  version: 'v1',
  kind: 'Node',
  resource: 'nodes',
  singular: 'node',
  shortNames: ['no'],
  namespaced: false,
  schema: 'V1Node',
  hasGeneration: false,
  columns: [
    nameColumn,
    { name: 'Status', type: 'string', description: 'The status of the node', cell: statusCell },
    { name: 'Roles', type: 'string', description: 'The roles of the node', cell: rolesCell },
    ageColumn,
    { name: 'Version', type: 'string', cell: ({ status }) => status?.nodeInfo?.kubeletVersion ?? '' },
    { name: 'Internal-IP', type: 'string', priority: 1, cell: (node) => addressCell(node, 'InternalIP') },
    { name: 'External-IP', type: 'string', priority: 1, cell: (node) => addressCell(node, 'ExternalIP') },
    { name: 'OS-Image', type: 'string', priority: 1, cell: (node) => infoCell(node, 'osImage') },
    { name: 'Kernel-Version', type: 'string', priority: 1, cell: (node) => infoCell(node, 'kernelVersion') },
    { name: 'Container-Runtime', type: 'string', priority: 1, cell: (node) => infoCell(node, 'containerRuntimeVersion') },
  ],
  selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable ?? false) },
  setDefaults,
  validateCreate: validate,
  update: {
    prepare: (draft, old) => {
      draft.status = old.status as Draft<V1Node>['status'];
    },
    validate: validateUpdate,
  },
  status: {
    prepare: (draft, old) => {
      draft.spec = old.spec as Draft<V1Node>['spec'];
    },
    validate: validateUpdate,
  },
};
