// How full the volumes of claims are, as metrics: each claim once, however many pods have it. Pure.
import type { VolumeFigures } from '../csi/volumes.ts';
import { metricLines, type Row } from './metric-lines.ts';

interface Gauge {
  readonly name: string;
  readonly help: string;
  of(figures: VolumeFigures): number | undefined;
}

const usage = (unit: 'bytes' | 'inodes', what: 'available' | 'total' | 'used') => (figures: VolumeFigures) =>
  figures.usage.find((each) => each.unit === unit)?.[what];

/** Names and texts are upstream's. */
const gauges: readonly Gauge[] = [
  { name: 'available_bytes', help: 'Number of available bytes in the volume', of: usage('bytes', 'available') },
  { name: 'capacity_bytes', help: 'Capacity in bytes of the volume', of: usage('bytes', 'total') },
  {
    name: 'health_status_abnormal',
    help: 'Abnormal volume health status. The count is either 1 or 0. 1 indicates the volume is unhealthy, 0 indicates volume is healthy',
    of: ({ condition }) => condition && Number(condition.abnormal),
  },
  { name: 'inodes', help: 'Maximum number of inodes in the volume', of: usage('inodes', 'total') },
  { name: 'inodes_free', help: 'Number of free inodes in the volume', of: usage('inodes', 'available') },
  { name: 'inodes_used', help: 'Number of used inodes in the volume', of: usage('inodes', 'used') },
  { name: 'used_bytes', help: 'Number of used bytes in the volume', of: usage('bytes', 'used') },
];

export function volumeMetrics(figures: readonly VolumeFigures[]): string {
  const claims = new Map<string, VolumeFigures>();
  for (const each of figures) {
    const key = each.claim && `${each.claim.namespace}/${each.claim.name}`;
    if (key !== undefined && !claims.has(key)) claims.set(key, each);
  }
  const texts = gauges.map(({ name, help, of }) => {
    const rows = [...claims.values()].flatMap((each): Row[] => {
      const value = of(each);
      const { namespace = '', name: persistentvolumeclaim = '' } = each.claim ?? {};
      return value === undefined ? [] : [[{ namespace, persistentvolumeclaim }, value]];
    });
    return rows.length > 0 ? metricLines({ name: `kubelet_volume_stats_${name}`, type: 'gauge', help: `[ALPHA] ${help}`, rows }) : '';
  });
  return texts.join('');
}
