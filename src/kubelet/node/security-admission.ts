// What a pod asks of the machine's security that the machine cannot give: refused, rather than left out without a word. Pure.
import type { V1Pod } from '../../api/mod.ts';
import { isStrict } from '../container/security.ts';
import { containersOf } from '../pod/spec.ts';
import { refusedSysctl } from './sysctls.ts';

/** What this node can enforce. */
export interface SecurityFacts {
  readonly appArmor: boolean;
  readonly supplementalGroupsPolicy: boolean;
  /** Names, or beginnings of names followed by `*`. */
  readonly allowedUnsafeSysctls: readonly string[];
}

/** Undefined when the node can enforce all of it. Reasons and messages are upstream's. */
export function admitSecurity(pod: V1Pod, facts: SecurityFacts): { readonly reason: string; readonly message: string } | undefined {
  const sysctl = refusedSysctl(pod, facts.allowedUnsafeSysctls);
  if (sysctl !== undefined) return { reason: 'SysctlForbidden', message: `forbidden sysctl: ${sysctl}` };
  if (isStrict(pod) && !facts.supplementalGroupsPolicy) {
    const message = 'SupplementalGroupsPolicy=Strict is not supported in this node';
    return { reason: 'SupplementalGroupsPolicyNotSupported', message };
  }
  if (wantsAppArmor(pod) && !facts.appArmor) {
    return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' };
  }
  return undefined;
}

const wantsAppArmor = (pod: V1Pod): boolean =>
  [pod.spec?.securityContext, ...containersOf(pod).map(({ spec }) => spec.securityContext)].some(
    (context) => context?.appArmorProfile !== undefined && context.appArmorProfile.type !== 'Unconfined',
  );
