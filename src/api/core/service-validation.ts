// Validation of services, before and after the server has given them addresses and ports.
import type { V1Service, V1ServicePort, V1ServiceSpec } from '../generated/types.gen.ts';
import { sameMeaning } from '../meta/equal.ts';
import { duplicate, type FieldError, forbiddenField, invalidValue, notSupported, required } from '../meta/field-error.ts';
import { cidrProblems, ipFamilyOf, ipProblems, nonSpecialIPProblems } from '../meta/ip.ts';
import { dnsLabelProblems, dnsSubdomainProblems, portNumberProblems, qualifiedNameProblems } from '../meta/names.ts';
import { addProblems, validateLabels } from '../meta/validate-metadata.ts';
import { validatePortNumberOrName } from './pod-validation/handlers.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const affinities = ['ClientIP', 'None'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const trafficPolicies = ['Cluster', 'Local'];
const families = ['IPv4', 'IPv6'];
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];
const distributions = ['PreferClose', 'PreferSameNode', 'PreferSameZone'];
const affinitySecondsMax = 86_400;

export const isHeadless = (spec: V1ServiceSpec): boolean => spec.clusterIP === 'None' || spec.clusterIPs?.[0] === 'None';
export const isExternallyAccessible = (spec: V1ServiceSpec): boolean =>
  spec.type === 'LoadBalancer' || spec.type === 'NodePort' || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);

function validatePort(port: V1ServicePort, needsName: boolean, names: Set<string>, path: string, errors: FieldError[]): void {
  const { name = '', protocol = '', appProtocol } = port;
  if (name === '') {
    if (needsName) errors.push(required(`${path}.name`));
  } else {
    addProblems(errors, `${path}.name`, name, dnsLabelProblems(name));
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    names.add(name);
  }
  addProblems(errors, `${path}.port`, port.port ?? 0, portNumberProblems(port.port ?? 0));
  if (protocol === '') errors.push(required(`${path}.protocol`));
  else if (!protocols.includes(protocol)) errors.push(notSupported(`${path}.protocol`, protocol, protocols));
  validatePortNumberOrName(port.targetPort, `${path}.targetPort`, errors);
  if (appProtocol !== undefined) addProblems(errors, `${path}.appProtocol`, appProtocol, qualifiedNameProblems(appProtocol));
}

/** Pairs of protocol and number that must not come twice. */
function validateUniquePorts(spec: V1ServiceSpec, errors: FieldError[]): void {
  const ports = new Set<string>();
  const nodePorts = new Set<string>();
  spec.ports?.forEach(({ port, protocol, nodePort = 0 }, i) => {
    if (nodePort !== 0) {
      const key = `${protocol}/${nodePort}`;
      if (spec.type === 'ClusterIP') {
        errors.push(forbiddenField(`spec.ports[${i}].nodePort`, "may not be used when `type` is 'ClusterIP'"));
      } else if (nodePorts.has(key)) errors.push(duplicate(`spec.ports[${i}].nodePort`, nodePort));
      nodePorts.add(key);
    }
    const key = `${protocol}/${port}`;
    if (ports.has(key)) errors.push(duplicate(`spec.ports[${i}]`, { protocol, port }));
    ports.add(key);
  });
}

function validateByType(spec: V1ServiceSpec, errors: FieldError[]): void {
  switch (spec.type) {
    case 'LoadBalancer':
    case 'NodePort':
      if (isHeadless(spec)) {
        errors.push(
          invalidValue('spec.clusterIPs[0]', spec.clusterIPs?.[0] ?? spec.clusterIP, `may not be set to 'None' for ${spec.type} services`),
        );
      }
      return;
    case 'ExternalName': {
      for (const field of ['clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) {
        const value = spec[field];
        if (value !== undefined && value.length > 0)
          errors.push(forbiddenField(`spec.${field}`, 'may not be set for ExternalName services'));
      }
      const name = (spec.externalName ?? '').replace(/\.$/, '');
      if (name === '') errors.push(required('spec.externalName'));
      else addProblems(errors, 'spec.externalName', name, dnsSubdomainProblems(name));
      return;
    }
    default:
  }
}

function validateAffinity(spec: V1ServiceSpec, errors: FieldError[]): void {
  const affinity = spec.sessionAffinity ?? '';
  if (affinity === '') errors.push(required('spec.sessionAffinity'));
  else if (!affinities.includes(affinity)) errors.push(notSupported('spec.sessionAffinity', affinity, affinities));
  const config = spec.sessionAffinityConfig;
  if (affinity === 'None' && config !== undefined) {
    errors.push(forbiddenField('spec.sessionAffinityConfig', 'must not be set when session affinity is None'));
  }
  if (affinity !== 'ClientIP') return;
  const path = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds';
  const seconds = config?.clientIP?.timeoutSeconds;
  if (seconds === undefined) errors.push(required(path));
  else if (seconds <= 0 || seconds > affinitySecondsMax) {
    errors.push(invalidValue(path, seconds, `must be greater than 0 and less than ${affinitySecondsMax}`));
  }
}

/** Cluster IPs, families and policy by themselves and with each other: what must hold before any is allocated. */
export function serviceAddressErrors(spec: V1ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : []);
  if (spec.clusterIP && spec.clusterIPs?.[0] !== undefined && spec.clusterIPs[0] !== spec.clusterIP) {
    errors.push(invalidValue('spec.clusterIPs', spec.clusterIPs, 'first value must match `clusterIP`'));
  }
  if (clusterIPs.length > 2) errors.push(invalidValue('spec.clusterIPs', clusterIPs, 'may only hold up to 2 values'));
  clusterIPs.forEach((address, i) => {
    if (address === 'None') {
      if (i > 0) errors.push(invalidValue(`spec.clusterIPs[${i}]`, address, "'None' must be the first and only value"));
    } else if (ipFamilyOf(address) === undefined) addProblems(errors, `spec.clusterIPs[${i}]`, address, ipProblems(address));
    else if (families.includes(spec.ipFamilies?.[i] ?? '') && ipFamilyOf(address) !== spec.ipFamilies?.[i]) {
      const detail = `expected an ${spec.ipFamilies?.[i]} value as indicated by \`ipFamilies[${i}]\``;
      errors.push(invalidValue(`spec.clusterIPs[${i}]`, address, detail));
    }
  });
  const [first, second] = clusterIPs;
  if (first !== undefined && second !== undefined && ipFamilyOf(first) === ipFamilyOf(second) && ipFamilyOf(first) !== undefined) {
    const detail = 'may specify no more than one IP for each IP family, i.e. "IPv4" and "IPv6"';
    errors.push(invalidValue('spec.clusterIPs', clusterIPs, detail));
  }
  spec.ipFamilies?.forEach((family, i) => {
    if (!families.includes(family)) errors.push(notSupported(`spec.ipFamilies[${i}]`, family, families));
    else if (spec.ipFamilies?.indexOf(family) !== i) errors.push(duplicate(`spec.ipFamilies[${i}]`, family));
  });
  if (spec.ipFamilyPolicy !== undefined && !familyPolicies.includes(spec.ipFamilyPolicy)) {
    errors.push(notSupported('spec.ipFamilyPolicy', spec.ipFamilyPolicy, familyPolicies));
  }
  return errors;
}

function validateOtherAddresses(spec: V1ServiceSpec, errors: FieldError[]): void {
  spec.externalIPs?.forEach((address, i) => {
    const problems = ipProblems(address);
    addProblems(errors, `spec.externalIPs[${i}]`, address, problems.length > 0 ? problems : nonSpecialIPProblems(address));
  });
  spec.loadBalancerSourceRanges?.forEach((range, i) => {
    addProblems(errors, `spec.loadBalancerSourceRanges[${i}]`, range, cidrProblems(range.trim()));
  });
}

function validateTraffic(spec: V1ServiceSpec, errors: FieldError[]): void {
  const { externalTrafficPolicy, internalTrafficPolicy, trafficDistribution } = spec;
  if (externalTrafficPolicy !== undefined && externalTrafficPolicy !== '') {
    if (!isExternallyAccessible(spec)) {
      const detail = 'may only be set for externally-accessible services';
      errors.push(invalidValue('spec.externalTrafficPolicy', externalTrafficPolicy, detail));
    } else if (!trafficPolicies.includes(externalTrafficPolicy)) {
      errors.push(notSupported('spec.externalTrafficPolicy', externalTrafficPolicy, trafficPolicies));
    }
  }
  if (internalTrafficPolicy !== undefined && !trafficPolicies.includes(internalTrafficPolicy)) {
    errors.push(notSupported('spec.internalTrafficPolicy', internalTrafficPolicy, trafficPolicies));
  }
  if (trafficDistribution !== undefined && !distributions.includes(trafficDistribution)) {
    errors.push(notSupported('spec.trafficDistribution', trafficDistribution, distributions));
  }
  if (spec.allocateLoadBalancerNodePorts !== undefined && spec.type !== 'LoadBalancer') {
    errors.push(forbiddenField('spec.allocateLoadBalancerNodePorts', "may only be used when `type` is 'LoadBalancer'"));
  }
}

export function validateService(service: V1Service): FieldError[] {
  const errors: FieldError[] = [];
  const spec = service.spec ?? {};
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') errors.push(required('spec.ports'));
  validateByType(spec, errors);
  const names = new Set<string>();
  ports.forEach((port, i) => {
    validatePort(port, ports.length > 1, names, `spec.ports[${i}]`, errors);
  });
  validateLabels(spec.selector, 'spec.selector', errors);
  validateAffinity(spec, errors);
  errors.push(...serviceAddressErrors(spec));
  validateOtherAddresses(spec, errors);
  const type = spec.type ?? '';
  if (type === '') errors.push(required('spec.type'));
  else if (!types.includes(type)) errors.push(notSupported('spec.type', type, types));
  validateUniquePorts(spec, errors);
  validateTraffic(spec, errors);
  return errors;
}

/** The first family stays; a second one, and its address, may come and go, but not become another. */
function changedFamilies(after: V1ServiceSpec, before: V1ServiceSpec): FieldError[] {
  const isOther = (a: string | undefined, b: string | undefined) => a !== undefined && b !== undefined && a !== b;
  const errors: FieldError[] = [];
  if (isOther(after.clusterIPs?.[1], before.clusterIPs?.[1])) {
    errors.push(invalidValue('spec.clusterIPs[1]', after.clusterIPs, 'may not change once set'));
  }
  for (const i of [0, 1]) {
    if (isOther(after.ipFamilies?.[i], before.ipFamilies?.[i])) {
      errors.push(invalidValue(`spec.ipFamilies[${i}]`, after.ipFamilies, 'may not change once set'));
    }
  }
  return errors;
}

export function validateServiceUpdate(next: V1Service, old: V1Service): FieldError[] {
  const errors: FieldError[] = [];
  const [after, before] = [next.spec ?? {}, old.spec ?? {}];
  const keeps = after.type !== 'ExternalName' && before.type !== 'ExternalName';
  if (keeps && before.clusterIPs?.[0] !== undefined && after.clusterIPs?.[0] !== before.clusterIPs[0]) {
    errors.push(invalidValue('spec.clusterIPs[0]', after.clusterIPs ?? null, 'may not change once set'));
  }
  if (keeps) errors.push(...changedFamilies(after, before));
  const { loadBalancerClass } = before;
  if (before.type === 'LoadBalancer' && after.type === 'LoadBalancer' && !sameMeaning(loadBalancerClass, after.loadBalancerClass)) {
    errors.push(invalidValue('spec.loadBalancerClass', after.loadBalancerClass, 'may not change once set'));
  }
  return [...errors, ...validateService(next)];
}
