// Whether a ServiceCIDR may go, and what its status says. Pure.
import {
  containsRange,
  getCondition,
  hasAddress,
  type IpRange,
  parseCidr,
  parseIp,
  serviceCidrProtection,
  setCondition,
  type V1ServiceCIDR,
} from '../../api/mod.ts';

/** Allocators of other servers may see the deletion later: so long none of its addresses may turn up before it goes. */
const deletionGraceMs = 10_000;
/** An address that is in use tells nobody when it is given back: looked again after so long. */
const blockedMs = 2_000;

const rangesOf = ({ spec }: V1ServiceCIDR): IpRange[] => (spec?.cidrs ?? []).flatMap((cidr) => parseCidr(cidr) ?? []);

/** Whether every range of `leaving` lies in one of another ServiceCIDR, so that no address can be left without one. */
export function isCovered(leaving: V1ServiceCIDR, others: readonly V1ServiceCIDR[]): boolean {
  const ranges = others.flatMap(rangesOf);
  return rangesOf(leaving).every((range) => ranges.some((other) => containsRange(other, range)));
}

/** Whether one of `names`, which are IP addresses, is in no range but those of `leaving`. */
export function isInUse(leaving: V1ServiceCIDR, others: readonly V1ServiceCIDR[], names: Iterable<string>): boolean {
  const own = rangesOf(leaving);
  const ranges = others.flatMap(rangesOf);
  for (const name of names) {
    const address = parseIp(name);
    if (!address || !own.some((range) => hasAddress(range, address))) continue;
    if (!ranges.some((range) => hasAddress(range, address))) return true;
  }
  return false;
}

type Status = NonNullable<V1ServiceCIDR['status']>;

/** `write` holds what differs from the object as it stands. */
export interface CidrPlan {
  readonly finalizers?: readonly string[];
  readonly status?: Status;
  readonly againMs?: number;
}

export function planServiceCidr(
  cidr: V1ServiceCIDR,
  now: { readonly inUse: boolean; readonly nowMs: number; readonly nowTime: string; readonly deletedMs: number },
): CidrPlan {
  const finalizers = cidr.metadata?.finalizers ?? [];
  const has = finalizers.includes(serviceCidrProtection);
  if (cidr.metadata?.deletionTimestamp === undefined) {
    const status = statusWith(cidr, { status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' }, now.nowTime);
    return { ...(has ? {} : { finalizers: [...finalizers, serviceCidrProtection] }), ...(status ? { status } : {}) };
  }
  if (!has) return {};
  if (now.inUse) {
    const message = 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR';
    const status = statusWith(cidr, { status: 'False', reason: 'Terminating', message }, now.nowTime);
    return { ...(status ? { status } : {}), againMs: blockedMs };
  }
  const leftMs = now.deletedMs + deletionGraceMs - now.nowMs;
  if (leftMs > 0) return { againMs: leftMs };
  return { finalizers: finalizers.filter((each) => each !== serviceCidrProtection) };
}

/** Undefined when it says so already. */
function statusWith(
  { status }: V1ServiceCIDR,
  ready: { readonly status: string; readonly reason: string; readonly message: string },
  nowTime: string,
): Status | undefined {
  const standing = getCondition(status?.conditions, 'Ready');
  // Ready is ready, whoever said it and how.
  if (standing?.status === ready.status && ready.status === 'True') return undefined;
  const conditions = setCondition(status?.conditions, { type: 'Ready', ...ready, lastTransitionTime: nowTime }, nowTime);
  return conditions === status?.conditions ? undefined : { ...status, conditions: [...conditions] };
}
