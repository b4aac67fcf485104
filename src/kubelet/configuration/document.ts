// The settings in force as a KubeletConfiguration object has them: what `configz` shows. Pure.
import type { ClusterDns } from '../container/dns.ts';
import type { Threshold } from '../eviction/thresholds.ts';
import { goDuration } from '../pod/restart-delay.ts';
import { criticalPriority, type KubeletSettings, type ShutdownPhase } from './settings.ts';

export interface DocumentOptions {
  readonly settings: KubeletSettings;
  readonly clusterDns: ClusterDns | undefined;
  readonly cgroupRoot: string;
}

export function configurationDocument({ settings, clusterDns, cgroupRoot }: DocumentOptions): Readonly<Record<string, unknown>> {
  const { eviction, imageGarbage, pulls, logs, cpuQuota } = settings;
  const { servers = [], domain = '' } = clusterDns ?? {};
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    maxPods: settings.maxPods,
    podPidsLimit: settings.podPidsLimit ?? -1,
    clusterDNS: servers,
    clusterDomain: domain,
    cgroupRoot,
    cgroupDriver: 'cgroupfs',
    ...thresholdsOf(eviction.thresholds),
    evictionPressureTransitionPeriod: goDuration(eviction.transitionMs),
    evictionMaxPodGracePeriod: eviction.maxPodGraceSeconds,
    imageGCHighThresholdPercent: imageGarbage.highPercent,
    imageGCLowThresholdPercent: imageGarbage.lowPercent,
    imageMinimumGCAge: goDuration(imageGarbage.minAgeMs),
    imageMaximumGCAge: goDuration(imageGarbage.maxAgeMs),
    serializeImagePulls: pulls.atOnce === 1,
    maxParallelImagePulls: pulls.atOnce,
    registryPullQPS: pulls.perSecond,
    registryBurst: pulls.burst,
    containerLogMaxSize: sizeText(logs.maxBytes),
    containerLogMaxFiles: logs.maxFiles,
    containerLogMonitorInterval: goDuration(logs.checkMs),
    ...shutdownOf(settings.shutdown),
    systemReserved: settings.systemReserved,
    kubeReserved: settings.kubeReserved,
    cpuCFSQuota: cpuQuota.enforced,
    cpuCFSQuotaPeriod: goDuration(cpuQuota.periodUs / 1000),
    allowedUnsafeSysctls: settings.allowedUnsafeSysctls,
    crashLoopBackOff: { maxContainerRestartPeriod: goDuration(settings.restartDelayMaxMs) },
  };
}

const sizeText = (bytes: number): string => (bytes % 1024 ** 2 === 0 ? `${bytes / 1024 ** 2}Mi` : String(bytes));

function thresholdsOf(thresholds: readonly Threshold[]) {
  const by = (wanted: readonly Threshold[], value: (one: Threshold) => string) =>
    Object.fromEntries(wanted.map((one) => [one.signal, value(one)]));
  const soft = thresholds.filter(({ graceMs }) => graceMs !== undefined);
  const hard = thresholds.filter(({ graceMs }) => graceMs === undefined);
  const reclaimed = thresholds.filter(({ reclaim }) => reclaim !== undefined);
  return {
    evictionHard: by(hard, (one) => one.value),
    evictionSoft: by(soft, (one) => one.value),
    evictionSoftGracePeriod: by(soft, (one) => goDuration(one.graceMs ?? 0)),
    evictionMinimumReclaim: by(reclaimed, (one) => one.reclaim ?? '0'),
  };
}

function shutdownOf(phases: readonly ShutdownPhase[]) {
  const [ordinary, critical, ...more] = phases;
  if (!ordinary) return { shutdownGracePeriod: '0s', shutdownGracePeriodCriticalPods: '0s' };
  if (more.length === 0 && ordinary.priority === 0 && critical?.priority === criticalPriority) {
    return {
      shutdownGracePeriod: goDuration(ordinary.graceMs + critical.graceMs),
      shutdownGracePeriodCriticalPods: goDuration(critical.graceMs),
    };
  }
  return {
    shutdownGracePeriodByPodPriority: phases.map(({ priority, graceMs }) => ({ priority, shutdownGracePeriodSeconds: graceMs / 1000 })),
  };
}
