// Validation of security contexts.
import type { V1AppArmorProfile, V1PodSecurityContext, V1PodSpec, V1SeccompProfile, V1SecurityContext } from '../../generated/types.gen.ts';
import { duplicate, type FieldError, invalidValue, notSupported, required } from '../../meta/field-error.ts';
import { rangeProblem } from '../../meta/names.ts';
import { validateDescendingPath } from './volumes.ts';

const idMax = 2 ** 31 - 1;

function validateId(id: number | undefined, path: string, errors: FieldError[]): void {
  if (id !== undefined && (id < 0 || id > idMax)) errors.push(invalidValue(path, id, rangeProblem(0, idMax)));
}

const seccompTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function validateSeccomp(profile: V1SeccompProfile | undefined, path: string, errors: FieldError[]): void {
  if (profile === undefined) return;
  const type = profile.type ?? '';
  if (type === 'Localhost') {
    if (profile.localhostProfile === undefined) {
      errors.push(required(`${path}.localhostProfile`, 'must be set when seccomp type is Localhost'));
    } else validateDescendingPath(profile.localhostProfile, `${path}.localhostProfile`, errors);
  } else if (profile.localhostProfile !== undefined) {
    errors.push(invalidValue(`${path}.localhostProfile`, profile.localhostProfile, 'can only be set when seccomp type is Localhost'));
  }
  if (type === '') errors.push(required(`${path}.type`, 'type is required when seccompProfile is set'));
  else if (!seccompTypes.includes(type)) errors.push(notSupported(`${path}.type`, type, seccompTypes));
}

const appArmorTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function validateAppArmor(profile: V1AppArmorProfile | undefined, path: string, errors: FieldError[]): void {
  if (profile === undefined) return;
  const { type = '', localhostProfile } = profile;
  const at = `${path}.localhostProfile`;
  if (type === 'Localhost') {
    if ((localhostProfile ?? '').trim() === '') errors.push(required(at, 'must be set when AppArmor type is Localhost'));
    else if (localhostProfile?.trim() !== localhostProfile)
      errors.push(invalidValue(at, localhostProfile, 'must not be padded with whitespace'));
  } else if (localhostProfile !== undefined) {
    errors.push(invalidValue(at, localhostProfile, 'can only be set when AppArmor type is Localhost'));
  }
  if (type === '') errors.push(required(`${path}.type`, 'type is required when appArmorProfile is set'));
  else if (!appArmorTypes.includes(type)) errors.push(notSupported(`${path}.type`, type, appArmorTypes));
}

const procMounts = ['Default', 'Unmasked'];

export function validateContainerSecurity(context: V1SecurityContext | undefined, path: string, errors: FieldError[]): void {
  if (context === undefined) return;
  validateId(context.runAsUser, `${path}.runAsUser`, errors);
  validateId(context.runAsGroup, `${path}.runAsGroup`, errors);
  if (context.procMount !== undefined && !procMounts.includes(context.procMount)) {
    errors.push(notSupported(`${path}.procMount`, context.procMount, procMounts));
  }
  validateSeccomp(context.seccompProfile, `${path}.seccompProfile`, errors);
  validateAppArmor(context.appArmorProfile, `${path}.appArmorProfile`, errors);
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) {
      errors.push(invalidValue(path, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'));
    }
    if (context.capabilities?.add?.includes('CAP_SYS_ADMIN')) {
      errors.push(invalidValue(path, context, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN'));
    }
  }
}

const sysctlPattern = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const sysctlMax = 253;
const groupChangePolicies = ['Always', 'OnRootMismatch'];
const supplementalPolicies = ['Merge', 'Strict'];

export function validatePodSecurity(context: V1PodSecurityContext | undefined, spec: V1PodSpec, path: string, errors: FieldError[]): void {
  if (spec.hostPID === true && spec.shareProcessNamespace === true) {
    const detail = 'ShareProcessNamespace and HostPID cannot both be enabled';
    errors.push(invalidValue(`${path}.shareProcessNamespace`, spec.shareProcessNamespace, detail));
  }
  if (context === undefined) return;
  validateId(context.fsGroup, `${path}.fsGroup`, errors);
  validateId(context.runAsUser, `${path}.runAsUser`, errors);
  validateId(context.runAsGroup, `${path}.runAsGroup`, errors);
  context.supplementalGroups?.forEach((group, i) => {
    validateId(group, `${path}.supplementalGroups[${i}]`, errors);
  });
  validateSysctls(context, path, errors);
  const { fsGroupChangePolicy, supplementalGroupsPolicy } = context;
  if (fsGroupChangePolicy !== undefined && !groupChangePolicies.includes(fsGroupChangePolicy)) {
    errors.push(notSupported(`${path}.fsGroupChangePolicy`, fsGroupChangePolicy, groupChangePolicies));
  }
  validateSeccomp(context.seccompProfile, `${path}.seccompProfile`, errors);
  validateAppArmor(context.appArmorProfile, `${path}.appArmorProfile`, errors);
  if (supplementalGroupsPolicy !== undefined && !supplementalPolicies.includes(supplementalGroupsPolicy)) {
    errors.push(notSupported(`${path}.supplementalGroupsPolicy`, supplementalGroupsPolicy, supplementalPolicies));
  }
}

function validateSysctls(context: V1PodSecurityContext, path: string, errors: FieldError[]): void {
  const names = new Set<string>();
  context.sysctls?.forEach(({ name = '' }, i) => {
    const at = `${path}.sysctls[${i}].name`;
    if (name === '') errors.push(required(at));
    else if (name.length > sysctlMax || !sysctlPattern.test(name)) {
      const form = '([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
      errors.push(invalidValue(at, name, `must have at most ${sysctlMax} characters and match regex ^${form}$`));
    } else if (names.has(name.replaceAll('/', '.'))) errors.push(duplicate(at, name));
    names.add(name.replaceAll('/', '.'));
  });
}
