// The Targets cell of an autoscaler: what is measured beside what is wanted, `cpu: 40%/80%`.
import type {
  V2HorizontalPodAutoscaler,
  V2MetricSpec,
  V2MetricStatus,
  V2MetricTarget,
  V2MetricValueStatus,
} from '../generated/types.gen.ts';
import { none } from '../meta/columns.ts';
import { canonicalQuantity } from '../meta/quantity.ts';

const shownMax = 2;
const unknown = '<unknown>';

const amount = (text: string | undefined): string => (text === undefined ? unknown : canonicalQuantity(text));

/** Where nothing is measured yet, upstream shows only the source and what is wanted. */
function values(target: V2MetricTarget | undefined, current: V2MetricValueStatus | undefined, average: boolean): string {
  if (average) return `${amount(current?.averageValue)}/${amount(target?.averageValue)}`;
  return `${amount(current?.value)}/${amount(target?.value)}`;
}

function resourceText(name: string, target: V2MetricTarget | undefined, current: V2MetricValueStatus | undefined): string {
  if (target?.averageValue !== undefined) return `${name}: ${values(target, current, true)}`;
  const measured = current?.averageUtilization === undefined ? unknown : `${current.averageUtilization}%`;
  const wanted = target?.averageUtilization === undefined ? '<auto>' : `${target.averageUtilization}%`;
  return `${name}: ${measured}/${wanted}`;
}

function metricText(spec: V2MetricSpec, status: V2MetricStatus | undefined): string {
  switch (spec.type) {
    case 'External': {
      const average = spec.external?.target?.averageValue !== undefined;
      return `${values(spec.external?.target, status?.external?.current, average)}${average ? ' (avg)' : ''}`;
    }
    case 'Pods':
      return values(spec.pods?.target, status?.pods?.current, true);
    case 'Object': {
      const average = spec.object?.target?.averageValue !== undefined;
      return `${values(spec.object?.target, status?.object?.current, average)}${average ? ' (avg)' : ''}`;
    }
    case 'Resource':
      return resourceText(spec.resource?.name ?? '', spec.resource?.target, status?.resource?.current);
    case 'ContainerResource':
      return resourceText(spec.containerResource?.name ?? '', spec.containerResource?.target, status?.containerResource?.current);
    default:
      return '<unknown type>';
  }
}

export function targetsCell({ spec, status }: V2HorizontalPodAutoscaler): string {
  const metrics = spec?.metrics ?? [];
  if (metrics.length === 0) return none;
  const shown = metrics.slice(0, shownMax).map((metric, i) => metricText(metric, status?.currentMetrics?.[i]));
  const more = metrics.length - shownMax;
  return more > 0 ? `${shown.join(', ')} + ${more} more...` : shown.join(', ');
}
