// NetworkPolicy: who may talk to some pods, and whom they may talk to.
import type { V1IPBlock, V1NetworkPolicy, V1NetworkPolicyPeer, V1NetworkPolicyPort } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, selectorCell } from '../meta/columns.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts';
import { cidrProblems } from '../meta/ip.ts';
import { containsRange, type IpRange, parseCidr } from '../meta/ip-range.ts';
import { portNameProblems, portNumberProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { addProblems } from '../meta/validate-metadata.ts';
import { validateLabelSelector } from '../meta/validate-selector.ts';

const protocols = ['TCP', 'UDP', 'SCTP'];
const policyTypes = ['Ingress', 'Egress'];

function setDefaults(draft: Draft<V1NetworkPolicy>): void {
  const spec = draft.spec;
  if (spec === undefined) return;
  spec.podSelector ??= {};
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) for (const port of rule.ports ?? []) port.protocol ??= 'TCP';
  if ((spec.policyTypes ?? []).length === 0) {
    spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  }
}

function validatePort({ protocol, port, endPort }: V1NetworkPolicyPort, path: string, errors: FieldError[]): void {
  if (protocol !== undefined && !protocols.includes(protocol)) errors.push(notSupported(`${path}.protocol`, protocol, protocols));
  const at = `${path}.endPort`;
  if (port === undefined) {
    if (endPort !== undefined) errors.push(invalidValue(at, endPort, 'may not be specified when `port` is not specified'));
  } else if (typeof port === 'string') {
    if (endPort !== undefined) errors.push(invalidValue(at, endPort, 'may not be specified when `port` is non-numeric'));
    addProblems(errors, `${path}.port`, port, portNameProblems(port));
  } else {
    addProblems(errors, `${path}.port`, port, portNumberProblems(port));
    if (endPort === undefined) return;
    if (endPort < port) errors.push(invalidValue(at, endPort, 'must be greater than or equal to `port`'));
    addProblems(errors, at, endPort, portNumberProblems(endPort));
  }
}

const rangeOf = (cidr: string): IpRange | undefined => (cidrProblems(cidr).length > 0 ? undefined : parseCidr(cidr));

function validateBlock({ cidr = '', except = [] }: V1IPBlock, path: string, errors: FieldError[]): void {
  if (cidr === '') return void errors.push(required(`${path}.cidr`));
  addProblems(errors, `${path}.cidr`, cidr, cidrProblems(cidr));
  const outer = rangeOf(cidr);
  if (outer === undefined) return;
  except.forEach((hole, i) => {
    const at = `${path}.except[${i}]`;
    addProblems(errors, at, hole, cidrProblems(hole));
    const inner = rangeOf(hole);
    if (inner !== undefined && (!containsRange(outer, inner) || outer.prefix === inner.prefix)) {
      errors.push(invalidValue(at, hole, 'must be a strict subset of `cidr`'));
    }
  });
}

function validatePeer(peer: V1NetworkPolicyPeer, path: string, errors: FieldError[]): void {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  validateLabelSelector(podSelector, `${path}.podSelector`, errors);
  validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`, errors);
  if (ipBlock !== undefined) validateBlock(ipBlock, `${path}.ipBlock`, errors);
  const count = [podSelector, namespaceSelector, ipBlock].filter((each) => each !== undefined).length;
  if (count === 0) errors.push(required(path, 'must specify a peer'));
  else if (count > 1 && ipBlock !== undefined) errors.push(forbiddenField(path, 'may not specify both ipBlock and another peer'));
}

function validate({ spec }: V1NetworkPolicy): FieldError[] {
  const errors: FieldError[] = [];
  validateLabelSelector(spec?.podSelector, 'spec.podSelector', errors);
  const rules = [
    ...(spec?.ingress ?? []).map(({ ports, from }, i) => ({ at: `spec.ingress[${i}]`, ports, peers: from, list: 'from' })),
    ...(spec?.egress ?? []).map(({ ports, to }, i) => ({ at: `spec.egress[${i}]`, ports, peers: to, list: 'to' })),
  ];
  for (const { at, ports, peers, list } of rules) {
    ports?.forEach((port, i) => {
      validatePort(port, `${at}.ports[${i}]`, errors);
    });
    peers?.forEach((peer, i) => {
      validatePeer(peer, `${at}.${list}[${i}]`, errors);
    });
  }
  const types = spec?.policyTypes ?? [];
  if (types.length > policyTypes.length) {
    errors.push(invalidValue('spec.policyTypes', types, 'may not specify more than two policyTypes'));
    return errors;
  }
  types.forEach((type, i) => {
    if (!policyTypes.includes(type)) errors.push(notSupported(`spec.policyTypes[${i}]`, type, policyTypes));
  });
  return errors;
}

export const networkpolicies: KindDefinition<V1NetworkPolicy> = {
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'NetworkPolicy',
  resource: 'networkpolicies',
  singular: 'networkpolicy',
  shortNames: ['netpol'],
  namespaced: true,
  schema: 'V1NetworkPolicy',
  hasGeneration: true,
  columns: [nameColumn, { name: 'Pod-Selector', type: 'string', cell: ({ spec }) => selectorCell(spec?.podSelector) }, ageColumn],
  setDefaults,
  validateCreate: validate,
  update: { validate },
};
