// Validation of pod specs as a whole.
import type { V1PodSpec } from '../../generated/types.gen.ts';
import { type FieldError, invalidValue, notSupported, required } from '../../meta/field-error.ts';
import { ipProblems } from '../../meta/ip.ts';
import { dnsLabelProblems, dnsSubdomainProblems, rangeProblem } from '../../meta/names.ts';
import { addProblems, validateLabels } from '../../meta/validate-metadata.ts';
import { validateContainers } from './containers.ts';
import { validateClaims, validateHostUsers, validatePodResources, validateWindows } from './pod-level.ts';
import { validateAffinity, validateGates, validateSpread, validateTolerations } from './scheduling.ts';
import { validatePodSecurity } from './security.ts';
import { validateVolumes } from './volumes.ts';

const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];
const preemptionPolicies = ['PreemptLowerPriority', 'Never'];
const deadlineMax = 2 ** 31 - 1;
const nameserversMax = 3;
const searchesMax = 32;

function validateChoice(value: string | undefined, choices: readonly string[], path: string, errors: FieldError[]): void {
  if ((value ?? '') === '') errors.push(required(path));
  else if (value !== undefined && !choices.includes(value)) errors.push(notSupported(path, value, choices));
}

function validateDns(spec: V1PodSpec, path: string, errors: FieldError[]): void {
  const config = spec.dnsConfig;
  if (spec.dnsPolicy === 'None') {
    if (config === undefined) return void errors.push(required(path, 'must provide `dnsConfig` when `dnsPolicy` is None'));
    if ((config.nameservers ?? []).length === 0) {
      return void errors.push(required(`${path}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'));
    }
  }
  if (config === undefined) return;
  const { nameservers = [], searches = [], options = [] } = config;
  if (nameservers.length > nameserversMax) {
    errors.push(invalidValue(`${path}.nameservers`, nameservers, `must not have more than ${nameserversMax} nameservers`));
  }
  nameservers.forEach((address, i) => {
    addProblems(errors, `${path}.nameservers[${i}]`, address, ipProblems(address));
  });
  if (searches.length > searchesMax) {
    errors.push(invalidValue(`${path}.searches`, searches, `must not have more than ${searchesMax} search paths`));
  }
  searches.forEach((search, i) => {
    if (search !== '.')
      addProblems(errors, `${path}.searches[${i}]`, search, dnsSubdomainProblems(search.replace(/\.$/, '').replaceAll('_', '-')));
  });
  options.forEach(({ name = '' }, i) => {
    if (name === '') errors.push(required(`${path}.options[${i}]`, 'must not be empty'));
  });
}

function validateHostNetwork(spec: V1PodSpec, path: string, errors: FieldError[]): void {
  if (spec.hostNetwork !== true) return;
  spec.containers?.forEach((container, i) => {
    container.ports?.forEach((port, j) => {
      if (port.hostPort !== port.containerPort) {
        const at = `${path}.containers[${i}].ports[${j}].containerPort`;
        errors.push(invalidValue(at, port.containerPort, 'must match `hostPort` when `hostNetwork` is true'));
      }
    });
  });
}

function validateNamesIn(spec: V1PodSpec, path: string, errors: FieldError[]): void {
  const subdomains = ['serviceAccountName', 'nodeName'] as const;
  for (const field of subdomains) {
    const value = spec[field] ?? '';
    if (value !== '') addProblems(errors, `${path}.${field}`, value, dnsSubdomainProblems(value));
  }
}

function validateHostAliases(spec: V1PodSpec, path: string, errors: FieldError[]): void {
  spec.hostAliases?.forEach(({ ip = '', hostnames = [] }, i) => {
    addProblems(errors, `${path}.hostAliases[${i}].ip`, ip, ipProblems(ip));
    hostnames.forEach((hostname, j) => {
      addProblems(errors, `${path}.hostAliases[${i}].hostnames[${j}]`, hostname, dnsSubdomainProblems(hostname));
    });
  });
}

/** A pod spec at `path`: `spec` of a pod, `spec.template.spec` of a workload. Defaults have been set. */
export function validatePodSpec(spec: V1PodSpec, path: string, errors: FieldError[]): void {
  const volumes = validateVolumes(spec.volumes, `${path}.volumes`, errors);
  validateContainers(spec, volumes, path, errors);
  validatePodResources(spec, `${path}.resources`, errors);
  validateClaims(spec, path, errors);
  validateHostNetwork(spec, path, errors);
  validateHostUsers(spec, path, errors);
  validateChoice(spec.restartPolicy, restartPolicies, `${path}.restartPolicy`, errors);
  validateChoice(spec.dnsPolicy, dnsPolicies, `${path}.dnsPolicy`, errors);
  validateLabels(spec.nodeSelector, `${path}.nodeSelector`, errors);
  validatePodSecurity(spec.securityContext, spec, `${path}.securityContext`, errors);
  validateWindows(spec, path, errors);
  validateAffinity(spec.affinity, `${path}.affinity`, errors);
  validateDns(spec, `${path}.dnsConfig`, errors);
  validateGates(spec, path, errors);
  validateSpread(spec.topologySpreadConstraints, `${path}.topologySpreadConstraints`, errors);
  validateNamesIn(spec, path, errors);
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > deadlineMax)) {
    errors.push(invalidValue(`${path}.activeDeadlineSeconds`, deadline, rangeProblem(1, deadlineMax)));
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    const value = spec[field] ?? '';
    if (value !== '') addProblems(errors, `${path}.${field}`, value, dnsLabelProblems(value));
  }
  validateTolerations(spec.tolerations, `${path}.tolerations`, errors);
  validateHostAliases(spec, path, errors);
  for (const field of ['priorityClassName', 'runtimeClassName'] as const) {
    const value = spec[field] ?? '';
    if (value !== '') addProblems(errors, `${path}.${field}`, value, dnsSubdomainProblems(value));
  }
  const { preemptionPolicy, os } = spec;
  if (preemptionPolicy !== undefined && !preemptionPolicies.includes(preemptionPolicy)) {
    errors.push(notSupported(`${path}.preemptionPolicy`, preemptionPolicy, preemptionPolicies));
  }
  if (os !== undefined) validateChoice(os.name, ['linux', 'windows'], `${path}.os.name`, errors);
}
