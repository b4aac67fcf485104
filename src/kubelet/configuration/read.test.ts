import { describe, expect, test } from 'vitest';
import { configurationDocument } from './document.ts';
import { type KubeletConfigurationError, readKubeletConfiguration } from './read.ts';
import { defaultSettings } from './settings.ts';

const of = (fields: object) => ({ apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', ...fields });
const read = (fields: object) => readKubeletConfiguration(of(fields));
function refusals(value: unknown): readonly string[] {
  try {
    readKubeletConfiguration(value);
    return [];
  } catch (error) {
    return (error as KubeletConfigurationError).errors.map(({ text }) => text);
  }
}

test('nothing set is the default', () => {
  expect(read({})).toEqual(defaultSettings);
});

test('every field that is honoured comes back as it was told', () => {
  const document = of({
    maxPods: 50,
    podPidsLimit: 100,
    evictionHard: { 'memory.available': '200Mi', 'pid.available': '5%' },
    evictionSoft: { 'memory.available': '300Mi' },
    evictionSoftGracePeriod: { 'memory.available': '1m30s' },
    evictionMinimumReclaim: { 'pid.available': '10' },
    evictionPressureTransitionPeriod: '30s',
    evictionMaxPodGracePeriod: 7,
    imageGCHighThresholdPercent: 70,
    imageGCLowThresholdPercent: 60,
    imageMinimumGCAge: '5m0s',
    imageMaximumGCAge: '24h0m0s',
    serializeImagePulls: true,
    maxParallelImagePulls: 1,
    registryPullQPS: 3,
    registryBurst: 4,
    containerLogMaxSize: '1Mi',
    containerLogMaxFiles: 3,
    containerLogMonitorInterval: '3s',
    shutdownGracePeriod: '40s',
    shutdownGracePeriodCriticalPods: '15s',
    systemReserved: { cpu: '100m', memory: '1Gi' },
    kubeReserved: { memory: '1Gi', 'ephemeral-storage': '2Gi' },
    cpuCFSQuota: false,
    cpuCFSQuotaPeriod: '10ms',
    allowedUnsafeSysctls: ['kernel.msg*', 'net.core.somaxconn'],
    crashLoopBackOff: { maxContainerRestartPeriod: '20s' },
  });
  const shown = configurationDocument({ settings: readKubeletConfiguration(document), clusterDns: undefined, cgroupRoot: '/k' });
  expect(shown).toEqual({ ...document, clusterDNS: [], clusterDomain: '', cgroupRoot: '/k', cgroupDriver: 'cgroupfs' });
});

describe('thresholds', () => {
  const valuesOf = (fields: object, signal: string) =>
    read(fields).eviction.thresholds.flatMap((one) => (one.signal === signal ? [one.value] : []));
  test('those that are set stand alone, unless they are to be merged with the default ones', () => {
    const evictionHard = { 'memory.available': '1Gi' };
    expect(valuesOf({ evictionHard }, 'nodefs.available')).toEqual([]);
    expect(valuesOf({ evictionHard, mergeDefaultEvictionSettings: true }, 'nodefs.available')).toEqual(['10%']);
    expect(valuesOf({ evictionHard, mergeDefaultEvictionSettings: true }, 'memory.available')).toEqual(['1Gi']);
  });
  test.each(['0', '0%', '100%'])('%s is none', (value) => {
    expect(valuesOf({ evictionHard: { 'memory.available': value } }, 'memory.available')).toEqual([]);
  });
});

test('shutdown by priority is in the order of priorities; a grace of nothing means that nobody is ended', () => {
  const shutdownGracePeriodByPodPriority = [
    { priority: 100, shutdownGracePeriodSeconds: 5 },
    { priority: 0, shutdownGracePeriodSeconds: 60 },
  ];
  expect(read({ shutdownGracePeriodByPodPriority }).shutdown).toEqual([
    { priority: 0, graceMs: 60_000 },
    { priority: 100, graceMs: 5000 },
  ]);
  expect(read({ shutdownGracePeriod: '0s' }).shutdown).toEqual([]);
});

test.each<[string, unknown, string]>([
  ['no configuration', { kind: 'Pod' }, 'apiVersion: Invalid value: null: must be kubelet.config.k8s.io/v1beta1'],
  ['an unknown field', of({ staticPodPath: '/x' }), 'staticPodPath: Invalid value: "/x": unknown field'],
  ['an unknown signal', of({ evictionHard: { 'disk.left': '1%' } }), 'evictionHard.disk.left: Invalid value: "1%": unknown field'],
  [
    'a threshold that is no amount',
    of({ evictionHard: { 'memory.available': 'much' } }),
    'evictionHard.memory.available: Invalid value: "much": must be a quantity, such as 100Mi, or a share of the capacity, such as 10%',
  ],
  [
    'a soft threshold without a grace period',
    of({ evictionSoft: { 'memory.available': '1Gi' } }),
    'evictionSoftGracePeriod.memory.available: Required value: a soft threshold of memory.available needs a grace period',
  ],
  [
    'a duration that is none',
    of({ imageMinimumGCAge: 'soon' }),
    'imageMinimumGCAge: Invalid value: "soon": must be a duration, such as 1m30s',
  ],
  ['too many pods', of({ maxPods: -1 }), 'maxPods: Invalid value: -1: must be an integer from 0 to 1000000'],
  [
    'images that are never enough',
    of({ imageGCLowThresholdPercent: 90 }),
    'imageGCLowThresholdPercent: Invalid value: 90: must be less than imageGCHighThresholdPercent, 85',
  ],
  [
    'pulls that are serial and parallel',
    of({ serializeImagePulls: true, maxParallelImagePulls: 3 }),
    'maxParallelImagePulls: Invalid value: 3: must be 1, or absent, when serializeImagePulls is true',
  ],
  [
    'two words on the shutdown',
    of({ shutdownGracePeriod: '5s', shutdownGracePeriodByPodPriority: [{ priority: 1, shutdownGracePeriodSeconds: 1 }] }),
    'shutdownGracePeriod: Invalid value: "5s": must be absent beside shutdownGracePeriodByPodPriority',
  ],
  [
    'a sysctl of the whole machine',
    of({ allowedUnsafeSysctls: ['vm.swappiness'] }),
    'allowedUnsafeSysctls[0]: Invalid value: "vm.swappiness": the sysctl is not in a namespace of its own for each pod',
  ],
  [
    'a pause that is too long',
    of({ crashLoopBackOff: { maxContainerRestartPeriod: '1h' } }),
    'crashLoopBackOff.maxContainerRestartPeriod: Invalid value: "1h": must be from 1s to 300s',
  ],
  [
    'a negative reservation',
    of({ kubeReserved: { cpu: '-1' } }),
    'kubeReserved.cpu: Invalid value: "-1": must be a quantity of at least 0, such as 100Mi',
  ],
])('%s is refused', (_name, value, text) => expect(refusals(value)).toContain(text));
