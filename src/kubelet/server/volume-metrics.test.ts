import { expect, test } from 'vitest';
import type { VolumeFigures } from '../csi/volumes.ts';
import { volumeMetrics } from './volume-metrics.ts';

const of = (name: string, more: Partial<VolumeFigures> = {}): VolumeFigures => ({
  name: 'data',
  claim: { namespace: 'ns', name },
  usage: [
    { unit: 'bytes', available: 60, total: 100, used: 40 },
    { unit: 'inodes', available: 7, total: 10, used: 3 },
  ],
  ...more,
});

test('each claim is told once, with what its driver says of it', () => {
  const bytes = of('small', { usage: [{ unit: 'bytes', available: 1, total: 3, used: 2 }], condition: { abnormal: true, message: 'hot' } });
  const text = volumeMetrics([of('big'), of('big', { name: 'again' }), bytes, of('own', { claim: undefined })]);
  expect(text.split('\n').filter((line) => !line.startsWith('#'))).toEqual([
    'kubelet_volume_stats_available_bytes{namespace="ns",persistentvolumeclaim="big"} 60',
    'kubelet_volume_stats_available_bytes{namespace="ns",persistentvolumeclaim="small"} 1',
    'kubelet_volume_stats_capacity_bytes{namespace="ns",persistentvolumeclaim="big"} 100',
    'kubelet_volume_stats_capacity_bytes{namespace="ns",persistentvolumeclaim="small"} 3',
    'kubelet_volume_stats_health_status_abnormal{namespace="ns",persistentvolumeclaim="small"} 1',
    'kubelet_volume_stats_inodes{namespace="ns",persistentvolumeclaim="big"} 10',
    'kubelet_volume_stats_inodes_free{namespace="ns",persistentvolumeclaim="big"} 7',
    'kubelet_volume_stats_inodes_used{namespace="ns",persistentvolumeclaim="big"} 3',
    'kubelet_volume_stats_used_bytes{namespace="ns",persistentvolumeclaim="big"} 40',
    'kubelet_volume_stats_used_bytes{namespace="ns",persistentvolumeclaim="small"} 2',
    '',
  ]);
  expect(text).toContain(
    '# HELP kubelet_volume_stats_used_bytes [ALPHA] Number of used bytes in the volume\n# TYPE kubelet_volume_stats_used_bytes gauge\n',
  );
});

test('no claims, no lines', () => {
  expect(volumeMetrics([])).toBe('');
});
