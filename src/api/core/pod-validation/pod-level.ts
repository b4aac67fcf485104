// Validation of what a pod says of itself as a whole: its resources, its claims to devices, its user namespace, Windows.
import type { V1Container, V1PodResourceClaim, V1PodSpec, V1WindowsSecurityContextOptions } from '../../generated/types.gen.ts';
import { duplicate, type FieldError, forbiddenField, invalidValue, notFoundValue, notSupported, required } from '../../meta/field-error.ts';
import { dnsLabelProblems, dnsSubdomainProblems } from '../../meta/names.ts';
import { compareQuantities, formatQuantity, parseQuantity, quantityProblem } from '../../meta/quantity.ts';
import { addProblems } from '../../meta/validate-metadata.ts';
import { podAmounts } from '../pod-amounts.ts';
import { validateResources } from './resources.ts';

const hugePagesPrefix = 'hugepages-';
const isPodResource = (name: string): boolean => name === 'cpu' || name === 'memory' || name.startsWith(hugePagesPrefix);

const everyContainer = (spec: V1PodSpec): readonly (readonly [V1Container, string])[] => [
  ...(spec.initContainers ?? []).map((container, i) => [container, `initContainers[${i}]`] as const),
  ...(spec.containers ?? []).map((container, i) => [container, `containers[${i}]`] as const),
];

/** What the pod may use in all: source KEP-2837. The containers' own amounts have been judged. */
export function validatePodResources(spec: V1PodSpec, path: string, errors: FieldError[]): void {
  const { resources } = spec;
  if (resources === undefined) return;
  if (spec.os?.name === 'windows') return void errors.push(forbiddenField(path, 'may not be set for a windows pod'));
  if ((resources.claims ?? []).length > 0) {
    errors.push(forbiddenField(`${path}.claims`, 'claims may not be set for Resources at pod-level'));
  }
  for (const side of ['limits', 'requests'] as const) {
    for (const name of Object.keys(resources[side] ?? {})) {
      if (!isPodResource(name)) errors.push(notSupported(`${path}.${side}[${name}]`, name, ['cpu', hugePagesPrefix, 'memory']));
    }
  }
  validateResources(resources, path, errors);
  if (amountsAreSound(spec)) validateTogether(spec, path, errors);
}

function amountsAreSound(spec: V1PodSpec): boolean {
  const all = [spec, ...everyContainer(spec).map(([container]) => container)];
  const texts = all.flatMap(({ resources }) => [...Object.values(resources?.limits ?? {}), ...Object.values(resources?.requests ?? {})]);
  return texts.every((text) => quantityProblem(text) === undefined);
}

/** The containers fit into the pod. */
function validateTogether(spec: V1PodSpec, path: string, errors: FieldError[]): void {
  const { resources: whole, overhead: _, ...parts } = spec;
  for (const side of ['requests', 'limits'] as const) {
    for (const [name, sum] of [...podAmounts({ spec: parts }, side)].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const text = whole?.[side]?.[name];
      if (text === undefined || (side === 'limits' && !name.startsWith(hugePagesPrefix))) continue;
      if (compareQuantities(sum, parseQuantity(text)) <= 0) continue;
      const detail = `must be greater than or equal to aggregate container ${side} of ${formatQuantity(sum)}`;
      errors.push(invalidValue(`${path}.${side}[${name}]`, text, detail));
    }
  }
  spec.containers?.forEach((container, i) => {
    for (const [name, text] of Object.entries(container.resources?.limits ?? {})) {
      const limit = whole?.limits?.[name];
      if (limit === undefined || compareQuantities(parseQuantity(text), parseQuantity(limit)) <= 0) continue;
      // Upstream names the field so.
      errors.push(invalidValue(`${path}.containers[${i}][${name}].limits`, text, `must be less than or equal to pod limits of ${limit}`));
    }
  });
}

/** The pod's claims, and the names by which its containers use them. */
export function validateClaims(spec: V1PodSpec, path: string, errors: FieldError[]): void {
  const names = new Set<string>();
  spec.resourceClaims?.forEach((claim, i) => {
    validateClaim(claim, names, `${path}.resourceClaims[${i}]`, errors);
  });
  for (const [container, at] of everyContainer(spec)) {
    const used = new Set<string>();
    for (const [i, { name = '', request = '' }] of (container.resources?.claims ?? []).entries()) {
      const where = `${path}.${at}.resources.claims[${i}]`;
      if (name === '') {
        errors.push(required(`${where}.name`));
        continue;
      }
      const key = request === '' ? name : `${name}/${request}`;
      if (used.has(key)) errors.push(duplicate(where, key));
      used.add(key);
      if (request !== '') addProblems(errors, `${where}.request`, request, dnsLabelProblems(request));
      if (!names.has(name)) errors.push(notFoundValue(where, name, `must be one of the names in pod.spec.resourceClaims${listed(names)}`));
    }
  }
}

const listed = (names: ReadonlySet<string>): string => (names.size === 0 ? ' which is empty' : `: ${[...names].sort().join(', ')}`);

function validateClaim(claim: V1PodResourceClaim, names: Set<string>, path: string, errors: FieldError[]): void {
  const { name = '', resourceClaimName, resourceClaimTemplateName } = claim;
  if (name === '') errors.push(required(`${path}.name`));
  else if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
  else {
    addProblems(errors, `${path}.name`, name, dnsLabelProblems(name));
    names.add(name);
  }
  const both = '`resourceClaimName` or `resourceClaimTemplateName`';
  if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
    errors.push(invalidValue(path, claim, `at most one of ${both} may be specified`));
  }
  if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
    errors.push(invalidValue(path, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'));
  }
  for (const field of ['resourceClaimName', 'resourceClaimTemplateName'] as const) {
    const value = claim[field];
    if (value !== undefined) addProblems(errors, `${path}.${field}`, value, dnsSubdomainProblems(value));
  }
}

/** A pod with users of its own shares no other namespace with the node. Source: KEP-127. */
export function validateHostUsers(spec: V1PodSpec, path: string, errors: FieldError[]): void {
  if (spec.hostUsers !== false) return;
  const shared = { hostNetwork: spec.hostNetwork, HostPID: spec.hostPID, HostIPC: spec.hostIPC };
  for (const [field, value] of Object.entries(shared)) {
    if (value === true) errors.push(forbiddenField(`${path}.${field}`, 'when `hostUsers` is false'));
  }
}

const credentialSpecKiB = 64;
const domainMax = 256;
const userMax = 104;
const netBiosDomain = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const dnsDomain = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/;

function userNameProblems(text: string): string[] {
  if (text === '') return ['runAsUserName cannot be an empty string'];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it looks for.
  if (/[\x00-\x1f\x7f]/.test(text)) return ['runAsUserName cannot contain control characters'];
  const parts = text.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const [user = '', domain] = parts.reverse();
  const problems: string[] = [];
  if (domain !== undefined && domain.length >= domainMax) {
    problems.push(`runAsUserName's Domain length must be under ${domainMax} characters`);
  }
  if (domain !== undefined && !netBiosDomain.test(domain) && !dnsDomain.test(domain)) {
    problems.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  }
  if (user === '') problems.push("runAsUserName's User cannot be empty");
  else if (user.length > userMax) problems.push(`runAsUserName's User length must not be longer than ${userMax} characters`);
  if (/^[. ]+$/.test(user)) problems.push("runAsUserName's User cannot contain only periods or spaces");
  if (/["/\\:;|=,+*?<>@[\]]/.test(user)) {
    problems.push(`runAsUserName's User cannot contain the following characters: "/\\:;|=,+*?<>@[]`);
  }
  return problems;
}

function validateWindowsOptions(options: V1WindowsSecurityContextOptions | undefined, path: string, errors: FieldError[]): void {
  if (options === undefined) return;
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName: user } = options;
  if (name !== undefined) addProblems(errors, `${path}.gmsaCredentialSpecName`, name, dnsSubdomainProblems(name));
  if (spec === '') errors.push(invalidValue(`${path}.gmsaCredentialSpec`, spec, 'gmsaCredentialSpec cannot be an empty string'));
  else if (spec !== undefined && Buffer.byteLength(spec) > credentialSpecKiB * 1024) {
    errors.push(invalidValue(`${path}.gmsaCredentialSpec`, spec, `gmsaCredentialSpec size must be under ${credentialSpecKiB} KiB`));
  }
  if (user !== undefined) addProblems(errors, `${path}.runAsUserName`, user, userNameProblems(user));
}

/** Options for Windows, of the pod and of its containers: host processes are all or none of them. */
export function validateWindows(spec: V1PodSpec, path: string, errors: FieldError[]): void {
  const own = spec.securityContext?.windowsOptions;
  const containers = everyContainer(spec).map(([container, at]) => {
    return { options: container.securityContext?.windowsOptions, at: `${path}.${at}.securityContext.windowsOptions` };
  });
  const all = [{ options: own, at: `${path}.securityContext.windowsOptions` }, ...containers].filter(
    ({ options }) => options !== undefined,
  );
  if (all.length === 0) return;
  for (const { options, at } of all) {
    if (spec.os?.name === 'linux') errors.push(forbiddenField(at, 'windows options cannot be set for a linux pod'));
    validateWindowsOptions(options, at, errors);
  }
  for (const { options, at } of containers) {
    if (own?.hostProcess === undefined || options?.hostProcess === undefined || own.hostProcess === options.hostProcess) continue;
    const detail = `pod hostProcess value must be identical if both are specified, was ${own.hostProcess}`;
    errors.push(invalidValue(`${at}.hostProcess`, options.hostProcess, detail));
  }
  const onHost = containers.filter(({ options }) => options?.hostProcess ?? own?.hostProcess ?? false).length;
  if (onHost === 0) return;
  if (onHost !== containers.length) {
    errors.push(invalidValue(path, '', 'If pod contains any hostProcess containers then all containers must be HostProcess containers'));
  }
  if (spec.hostNetwork !== true) {
    errors.push(invalidValue(`${path}.hostNetwork`, false, 'hostNetwork must be true if pod contains any hostProcess containers'));
  }
}
