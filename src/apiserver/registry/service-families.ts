// Which IP families a Service has: from its policy, its addresses and what the cluster is configured for. Pure, but for the draft.
// Source: https://kubernetes.io/docs/concepts/services-networking/dual-stack/#services
import { type Draft, type FieldError, type IPFamily, invalidValue, ipFamilyOf, isHeadless, type V1Service } from '../../api/mod.ts';

type Spec = NonNullable<V1Service['spec']>;

const policyPath = 'spec.ipFamilyPolicy';
const otherFamily = (family: string | undefined): IPFamily => (family === 'IPv4' ? 'IPv6' : 'IPv4');
const isSelectorless = (spec: Spec): boolean => isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0;
const sameList = (a: readonly string[] = [], b: readonly string[] = []): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);
/** Whether `next` is `old` without its second. */
const isReduced = (next: readonly string[] = [], old: readonly string[] = []): boolean =>
  next.length === 1 && old.length === 2 && next[0] === old[0];

/** Sets policy and families of a Service that has addresses, in upstream's order. `configured`: the cluster's, the default first. */
export function setFamilies(spec: Draft<Spec>, old: Spec | undefined, configured: readonly IPFamily[]): FieldError[] {
  if (old && staysDualByPreference(spec, old)) return [];
  spec.ipFamilyPolicy ??= old?.ipFamilyPolicy ?? (isSelectorless(spec) ? 'RequireDualStack' : 'SingleStack');
  const problems = [...(old ? narrow(spec, old) : []), ...policyErrors(spec), ...inferFamilies(spec, configured)];
  if (problems.length > 0) return problems;
  const wantsDual = spec.ipFamilyPolicy !== 'SingleStack';
  if (isSelectorless(spec)) {
    // Its endpoints are somebody else's: it may have families that the cluster has not.
    if ((spec.ipFamilies ?? []).length === 0) spec.ipFamilies = [configured[0] ?? 'IPv4'];
    if (wantsDual && spec.ipFamilies?.length === 1) spec.ipFamilies = [...spec.ipFamilies, otherFamily(spec.ipFamilies[0])];
    return [];
  }
  const errors = clusterErrors(spec, configured);
  if (errors.length > 0) return errors;
  if ((spec.ipFamilies ?? []).length === 0) spec.ipFamilies = [configured[0] ?? 'IPv4'];
  if (wantsDual && spec.ipFamilies?.length === 1 && configured.length === 2) {
    spec.ipFamilies = [...spec.ipFamilies, otherFamily(spec.ipFamilies[0])];
  }
  return [];
}

/** A Service that prefers two families keeps what it has when the cluster gains or loses one, until its user changes it. */
function staysDualByPreference(spec: Spec, old: Spec): boolean {
  if (spec.ipFamilyPolicy !== 'PreferDualStack' || old.ipFamilyPolicy !== 'PreferDualStack') return false;
  return spec.clusterIP === old.clusterIP && sameList(spec.clusterIPs, old.clusterIPs) && sameList(spec.ipFamilies, old.ipFamilies);
}

/** An update from two families to one. */
function narrow(spec: Draft<Spec>, old: Spec): FieldError[] {
  if (spec.ipFamilyPolicy === 'SingleStack') {
    if (sameList(spec.clusterIPs, old.clusterIPs) && (spec.clusterIPs ?? []).length > 1) spec.clusterIPs = spec.clusterIPs?.slice(0, 1);
    if (sameList(spec.ipFamilies, old.ipFamilies) && (spec.ipFamilies ?? []).length > 1) spec.ipFamilies = spec.ipFamilies?.slice(0, 1);
    return [];
  }
  const refuse = (what: string) => invalidValue(policyPath, spec.ipFamilyPolicy, `must be 'SingleStack' to release the secondary ${what}`);
  return [
    ...(isReduced(spec.clusterIPs, old.clusterIPs) ? [refuse('cluster IP')] : []),
    ...(isReduced(spec.ipFamilies, old.ipFamilies) ? [refuse('IP family')] : []),
  ];
}

function policyErrors(spec: Spec): FieldError[] {
  if (spec.ipFamilyPolicy !== 'SingleStack') return [];
  const refuse = (what: string) =>
    invalidValue(policyPath, spec.ipFamilyPolicy, `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`);
  return [
    ...(spec.clusterIPs?.length === 2 ? [refuse('cluster IPs')] : []),
    ...(spec.ipFamilies?.length === 2 ? [refuse('IP families')] : []),
  ];
}

/** Addresses that are chosen say which families are wanted. */
function inferFamilies(spec: Draft<Spec>, configured: readonly IPFamily[]): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, ip] of (spec.clusterIPs ?? []).entries()) {
    if (ip === 'None') break;
    const family = ipFamilyOf(ip);
    if (family === undefined || index < (spec.ipFamilies ?? []).length) continue;
    if (configured.includes(family)) spec.ipFamilies = [...(spec.ipFamilies ?? []), family];
    else errors.push(invalidValue(`spec.clusterIPs[${index}]`, spec.clusterIPs, `${family} is not configured on this cluster`));
  }
  return errors;
}

function clusterErrors(spec: Spec, configured: readonly IPFamily[]): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.ipFamilyPolicy === 'RequireDualStack' && configured.length < 2) {
    errors.push(invalidValue(policyPath, spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services'));
  }
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    if (!configured.some((one) => one === family)) {
      errors.push(invalidValue(`spec.ipFamilies[${index}]`, family, 'not configured on this cluster'));
    }
  }
  return errors;
}
