// KubeletConfiguration, kubelet.config.k8s.io/v1beta1: the fields that this node agent honours, as its settings. Any other field is refused by
// its name, rather than left out without a word. Pure.
// Source: https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/
import { ConfigFields, duplicate, type FieldError, invalidValue, quantityProblem, required, wholeValueOf } from '../../api/mod.ts';
import { parseDurationMs } from '../../base/mod.ts';
import { defaultThresholds, type Signal, signals, type Threshold } from '../eviction/thresholds.ts';
import { isNamespacedSysctl } from '../node/sysctls.ts';
import { criticalPriority, defaultSettings, type KubeletSettings, type ShutdownPhase } from './settings.ts';

const apiVersion = 'kubelet.config.k8s.io/v1beta1';
const kind = 'KubeletConfiguration';
const dayMs = 86_400_000;
const int32Max = 2 ** 31 - 1;

/** The configuration is not one: each error names the field, its value, and what is wanted. */
export class KubeletConfigurationError extends Error {
  override readonly name = 'KubeletConfigurationError';
  readonly errors: readonly FieldError[];
  constructor(errors: readonly FieldError[]) {
    super(errors.map((error) => error.text).join('; '));
    this.errors = errors;
  }
}

/** Reads a decoded document. Throws {@link KubeletConfigurationError}. */
export function readKubeletConfiguration(value: unknown): KubeletSettings {
  const errors: FieldError[] = [];
  const fields = new ConfigFields(value, '', errors);
  if (fields.text('apiVersion') !== apiVersion) errors.push(invalidValue('apiVersion', fields.raw('apiVersion'), `must be ${apiVersion}`));
  if (fields.text('kind') !== kind) errors.push(invalidValue('kind', fields.raw('kind'), `must be ${kind}`));
  const settings: KubeletSettings = {
    maxPods: fields.integer('maxPods', { min: 0, max: 1_000_000, default: defaultSettings.maxPods }),
    podPidsLimit: limitOf(fields.integer('podPidsLimit', { min: -1, max: int32Max, default: -1 })),
    eviction: readEviction(fields),
    imageGarbage: readImageGarbage(fields),
    pulls: readPulls(fields),
    logs: readLogs(fields),
    shutdown: readShutdown(fields),
    systemReserved: readAmounts(fields, 'systemReserved'),
    kubeReserved: readAmounts(fields, 'kubeReserved'),
    cpuQuota: readCpuQuota(fields),
    allowedUnsafeSysctls: readSysctls(fields),
    restartDelayMaxMs: readRestartDelay(fields),
  };
  fields.end();
  if (errors.length > 0) throw new KubeletConfigurationError(errors);
  return settings;
}

const limitOf = (limit: number): number | undefined => (limit > 0 ? limit : undefined);

interface DurationRange {
  readonly minMs: number;
  readonly default: number;
}

function duration(fields: ConfigFields, name: string, range: DurationRange): number {
  const text = fields.text(name);
  if (text === undefined) return range.default;
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms >= range.minMs) return ms;
  const least = range.minMs > 0 ? ` of at least ${range.minMs / 1000} s` : '';
  fields.errors.push(invalidValue(fields.at(name), text, `must be a duration${least}, such as 1m30s`));
  return range.default;
}

function quantity(fields: ConfigFields, name: string): string | undefined {
  const value = fields.raw(name);
  if (value === undefined) return undefined;
  const text = String(value);
  if (quantityProblem(value) === undefined && !text.startsWith('-')) return text;
  fields.errors.push(invalidValue(fields.at(name), value, 'must be a quantity of at least 0, such as 100Mi'));
  return undefined;
}

const isShare = (text: string): boolean => /^\d+(\.\d+)?%$/.test(text) && Number(text.slice(0, -1)) <= 100;

/** By signal; what is not told is not in it. */
function amountsBySignal(fields: ConfigFields, name: string): ReadonlyMap<Signal, string> {
  const given = fields.object(name);
  const found = new Map<Signal, string>();
  for (const signal of signals) {
    const text = given.text(signal);
    if (text === undefined) continue;
    const good = text.endsWith('%') ? isShare(text) : quantityProblem(text) === undefined && !text.startsWith('-');
    if (good) found.set(signal, text);
    else
      given.errors.push(invalidValue(given.at(signal), text, 'must be a quantity, such as 100Mi, or a share of the capacity, such as 10%'));
  }
  given.end();
  return found;
}

/** Source: upstream takes a threshold of nothing, or of everything, as none. */
const isOff = (value: string): boolean => (value.endsWith('%') ? ['0', '100'].includes(value.slice(0, -1)) : wholeValueOf(value) === 0);

function readEviction(fields: ConfigFields): KubeletSettings['eviction'] {
  const hard = amountsBySignal(fields, 'evictionHard');
  const soft = amountsBySignal(fields, 'evictionSoft');
  const reclaims = amountsBySignal(fields, 'evictionMinimumReclaim');
  const merged = fields.flag('mergeDefaultEvictionSettings');
  const graces = fields.object('evictionSoftGracePeriod');
  const reclaimOf = (signal: Signal) => {
    const reclaim = reclaims.get(signal);
    return reclaim === undefined ? {} : { reclaim };
  };
  const standing = !fields.has('evictionHard') || merged ? defaultThresholds.filter(({ signal }) => !hard.has(signal)) : [];
  const thresholds: Threshold[] = [...standing, ...[...hard].map(([signal, value]) => ({ signal, value }))]
    .filter(({ value }) => !isOff(value))
    .map((threshold) => ({ ...threshold, ...reclaimOf(threshold.signal) }));
  for (const [signal, value] of soft) {
    if (!graces.has(signal)) fields.errors.push(required(graces.at(signal), `a soft threshold of ${signal} needs a grace period`));
    const graceMs = duration(graces, signal, { minMs: 0, default: 0 });
    if (!isOff(value)) thresholds.push({ signal, value, graceMs, ...reclaimOf(signal) });
  }
  graces.end();
  const { checkMs, transitionMs } = defaultSettings.eviction;
  return {
    thresholds,
    checkMs,
    transitionMs: duration(fields, 'evictionPressureTransitionPeriod', { minMs: 0, default: transitionMs }),
    maxPodGraceSeconds: fields.integer('evictionMaxPodGracePeriod', { min: 0, max: int32Max, default: 0 }),
  };
}

function readImageGarbage(fields: ConfigFields): KubeletSettings['imageGarbage'] {
  const standing = defaultSettings.imageGarbage;
  const highPercent = fields.integer('imageGCHighThresholdPercent', { min: 0, max: 100, default: standing.highPercent });
  const lowPercent = fields.integer('imageGCLowThresholdPercent', { min: 0, max: 100, default: standing.lowPercent });
  if (lowPercent >= highPercent)
    fields.errors.push(
      invalidValue('imageGCLowThresholdPercent', lowPercent, `must be less than imageGCHighThresholdPercent, ${highPercent}`),
    );
  const minAgeMs = duration(fields, 'imageMinimumGCAge', { minMs: 0, default: standing.minAgeMs });
  const maxAgeMs = duration(fields, 'imageMaximumGCAge', { minMs: 0, default: standing.maxAgeMs });
  if (maxAgeMs > 0 && maxAgeMs <= minAgeMs)
    fields.errors.push(invalidValue('imageMaximumGCAge', fields.raw('imageMaximumGCAge'), 'must be longer than imageMinimumGCAge'));
  return { highPercent, lowPercent, minAgeMs, maxAgeMs };
}

function readPulls(fields: ConfigFields): KubeletSettings['pulls'] {
  const standing = defaultSettings.pulls;
  const serial = fields.flag('serializeImagePulls');
  const given = fields.integer('maxParallelImagePulls', { min: 1, max: 1000, default: serial ? 1 : standing.atOnce });
  if (serial && given > 1)
    fields.errors.push(invalidValue('maxParallelImagePulls', given, 'must be 1, or absent, when serializeImagePulls is true'));
  return {
    atOnce: given,
    perSecond: fields.integer('registryPullQPS', { min: 0, max: int32Max, default: standing.perSecond }),
    burst: fields.integer('registryBurst', { min: 1, max: int32Max, default: standing.burst }),
  };
}

function readLogs(fields: ConfigFields): KubeletSettings['logs'] {
  const standing = defaultSettings.logs;
  const size = quantity(fields, 'containerLogMaxSize');
  const maxBytes = size === undefined ? standing.maxBytes : wholeValueOf(size);
  if (maxBytes < 1) fields.errors.push(invalidValue('containerLogMaxSize', size, 'must be more than 0'));
  return {
    maxBytes,
    maxFiles: fields.integer('containerLogMaxFiles', { min: 2, max: 10_000, default: standing.maxFiles }),
    checkMs: duration(fields, 'containerLogMonitorInterval', { minMs: 3000, default: standing.checkMs }),
  };
}

function readShutdown(fields: ConfigFields): readonly ShutdownPhase[] {
  const byPriority = fields.list('shutdownGracePeriodByPodPriority', (value, path) => {
    const one = new ConfigFields(value, path, fields.errors);
    const priority = one.integer('priority', { min: -int32Max, max: int32Max, default: 0 });
    const seconds = one.integer('shutdownGracePeriodSeconds', { min: 0, max: dayMs / 1000, default: 0 });
    one.end();
    return { priority, graceMs: seconds * 1000 };
  });
  const given = ['shutdownGracePeriod', 'shutdownGracePeriodCriticalPods'].filter((name) => fields.has(name));
  const allMs = duration(fields, 'shutdownGracePeriod', { minMs: 0, default: 0 });
  const criticalMs = duration(fields, 'shutdownGracePeriodCriticalPods', { minMs: 0, default: 0 });
  if (byPriority.length > 0) {
    for (const name of given)
      fields.errors.push(invalidValue(name, fields.raw(name), 'must be absent beside shutdownGracePeriodByPodPriority'));
    byPriority.forEach(({ priority }, i) => {
      if (byPriority.findIndex((one) => one.priority === priority) < i)
        fields.errors.push(duplicate(`shutdownGracePeriodByPodPriority[${i}].priority`, priority));
    });
    return [...byPriority].sort((a, b) => a.priority - b.priority);
  }
  if (given.length === 0) return defaultSettings.shutdown;
  if (criticalMs > allMs) {
    const text = fields.raw('shutdownGracePeriodCriticalPods');
    fields.errors.push(invalidValue('shutdownGracePeriodCriticalPods', text, 'must be at most shutdownGracePeriod'));
  }
  if (allMs === 0) return [];
  return [
    { priority: 0, graceMs: allMs - criticalMs },
    { priority: criticalPriority, graceMs: criticalMs },
  ];
}

const reservable = ['cpu', 'memory', 'ephemeral-storage', 'pid'] as const;

function readAmounts(fields: ConfigFields, name: string): Readonly<Record<string, string>> {
  const given = fields.object(name);
  const found: Record<string, string> = {};
  for (const resource of reservable) {
    const text = quantity(given, resource);
    if (text !== undefined) found[resource] = text;
  }
  given.end();
  return found;
}

function readCpuQuota(fields: ConfigFields): KubeletSettings['cpuQuota'] {
  const { periodUs } = defaultSettings.cpuQuota;
  const periodMs = duration(fields, 'cpuCFSQuotaPeriod', { minMs: 1, default: periodUs / 1000 });
  if (periodMs > 1000) fields.errors.push(invalidValue('cpuCFSQuotaPeriod', fields.raw('cpuCFSQuotaPeriod'), 'must be from 1ms to 1s'));
  return { enforced: !fields.has('cpuCFSQuota') || fields.flag('cpuCFSQuota'), periodUs: Math.round(periodMs * 1000) };
}

function readSysctls(fields: ConfigFields): readonly string[] {
  const patterns = fields.texts('allowedUnsafeSysctls');
  patterns.forEach((pattern, i) => {
    const path = `allowedUnsafeSysctls[${i}]`;
    if (!/^[a-z0-9]([-_a-z0-9]*[a-z0-9])?([./][a-z0-9*][-_a-z0-9*]*)*$/.test(pattern) || /\*./.test(pattern))
      fields.errors.push(invalidValue(path, pattern, 'must be the name of a sysctl, or its beginning followed by "*"'));
    else if (!isNamespacedSysctl(pattern))
      fields.errors.push(invalidValue(path, pattern, 'the sysctl is not in a namespace of its own for each pod'));
  });
  return patterns.map((pattern) => pattern.replaceAll('/', '.'));
}

function readRestartDelay(fields: ConfigFields): number {
  const given = fields.object('crashLoopBackOff');
  const standing = defaultSettings.restartDelayMaxMs;
  const ms = duration(given, 'maxContainerRestartPeriod', { minMs: 1000, default: standing });
  if (ms > standing)
    fields.errors.push(
      invalidValue(given.at('maxContainerRestartPeriod'), given.raw('maxContainerRestartPeriod'), 'must be from 1s to 300s'),
    );
  given.end();
  return ms;
}
