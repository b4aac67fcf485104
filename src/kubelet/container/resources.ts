// From requests and limits to the kernel's knobs: cpu shares and quota, memory limit, OOM score; and the pod's place in the cgroup tree.
import type { V1Container, V1Pod } from '../../api/mod.ts';
import type { KubeletSettings } from '../configuration/settings.ts';
import type { LinuxResources } from '../cri/runtime.ts';
import type { GroupLimits } from '../node/cgroup-files.ts';
import { podAmounts, podLimit } from '../node/pod-amounts.ts';
import { amountsOf } from './amounts.ts';
import { qosClassOf } from './qos.ts';

const sharesMin = 2;
const sharesMax = 262_144;
const sharesPerCpu = 1024;
const quotaMinUs = 1000;
/** Pods at or above this priority keep the machine alive: they are killed last. */
const systemCriticalPriority = 2_000_000_000;

export interface MachineLimits {
  /** Pods can be held to a bandwidth. Default: they cannot. */
  readonly shapesBandwidth?: boolean;
  readonly memoryBytes: number;
  /** The lowest OOM score that this machine lets us set; -1000 with CAP_SYS_RESOURCE. */
  readonly oomScoreAdjMin: number;
  /** Whether cpu limits are held, and over which period. */
  readonly cpuQuota: CpuQuota;
}

export type CpuQuota = KubeletSettings['cpuQuota'];

export function cpuShares(milli: number): number {
  if (milli === 0) return sharesMin;
  return Math.min(sharesMax, Math.max(sharesMin, Math.floor((milli * sharesPerCpu) / 1000)));
}

/** Microseconds per period; 0 means no limit. */
export function cpuQuota(milli: number, { enforced, periodUs }: CpuQuota): number {
  return milli === 0 || !enforced ? 0 : Math.max(quotaMinUs, Math.floor((milli * periodUs) / 1000));
}

/** Who is killed first when memory runs out. Source: https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-out-of-memory-behavior */
export function oomScoreAdj(pod: V1Pod, container: V1Container, machine: MachineLimits): number {
  return Math.max(machine.oomScoreAdjMin, wantedOomScore(pod, container, machine.memoryBytes));
}

function wantedOomScore(pod: V1Pod, container: V1Container, memoryBytes: number): number {
  if ((pod.spec?.priority ?? 0) >= systemCriticalPriority) return -997;
  const qos = qosClassOf(pod);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const request = amountsOf(container.resources).memoryRequestBytes;
  const score = 1000 - Math.floor((1000 * request) / memoryBytes);
  // Never as safe as a guaranteed pod, never as exposed as one that asks for nothing.
  return Math.min(999, Math.max(3, score));
}

export function linuxResources(pod: V1Pod, container: V1Container, machine: MachineLimits): LinuxResources {
  const amounts = amountsOf(container.resources);
  const shared = container.resources?.requests?.cpu === undefined ? amounts.cpuLimitMilli : amounts.cpuRequestMilli;
  const quota = cpuQuota(amounts.cpuLimitMilli, machine.cpuQuota);
  return {
    cpuShares: cpuShares(shared),
    ...(quota > 0 ? { cpuPeriod: machine.cpuQuota.periodUs, cpuQuota: quota } : {}),
    ...(amounts.memoryLimitBytes > 0 ? { memoryLimitBytes: amounts.memoryLimitBytes } : {}),
    oomScoreAdj: oomScoreAdj(pod, container, machine),
  };
}

/** The limits of a pod's own group, above those of its containers. */
export function podGroupLimits(pod: V1Pod, of: { readonly cpuQuota: CpuQuota; readonly podPidsLimit: number | undefined }): GroupLimits {
  const request = podAmounts(pod, 'requests').get('cpu') ?? podAmounts(pod, 'limits').get('cpu') ?? 0;
  const limit = podLimit(pod, 'cpu');
  const quota = limit === undefined ? 0 : cpuQuota(limit, of.cpuQuota);
  return {
    cpuShares: cpuShares(request),
    cpuQuotaUs: quota > 0 ? quota : undefined,
    cpuPeriodUs: of.cpuQuota.periodUs,
    memoryBytes: podLimit(pod, 'memory'),
    processes: of.podPidsLimit,
  };
}

/** `<root>/kubepods/burstable/pod<uid>`; guaranteed pods stand directly below kubepods. */
export function cgroupParentOf(root: string, pod: V1Pod): string {
  const qos = qosClassOf(pod);
  const level = qos === 'Guaranteed' ? '' : `/${qos.toLowerCase()}`;
  return `${root === '/' ? '' : root}/kubepods${level}/pod${pod.metadata?.uid ?? ''}`;
}
