// Values of a pod that its own containers may see: fieldRef and resourceFieldRef, for environment and downward API volumes.
import type { V1Container, V1Pod } from '../../api/mod.ts';
import { cpuMilli, wholeUnits } from './amounts.ts';

/** Addresses that are known only once the pod runs. */
export interface RunningFacts {
  readonly podIPs: readonly string[];
  readonly hostIPs: readonly string[];
  /** What the node has to give, for limits that a container does not set. */
  readonly allocatable: { readonly cpu: string; readonly memory: string; readonly 'ephemeral-storage'?: string };
}

/** Undefined when the path names nothing that a pod exposes. */
export function fieldValue(path: string, pod: V1Pod, facts: Pick<RunningFacts, 'podIPs' | 'hostIPs'>): string | undefined {
  const { metadata, spec } = pod;
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (keyed) return (keyed[1] === 'labels' ? metadata?.labels : metadata?.annotations)?.[keyed[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata?.name ?? '';
    case 'metadata.namespace':
      return metadata?.namespace ?? '';
    case 'metadata.uid':
      return metadata?.uid ?? '';
    case 'metadata.labels':
      return formatMap(metadata?.labels);
    case 'metadata.annotations':
      return formatMap(metadata?.annotations);
    case 'spec.nodeName':
      return spec?.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? '';
    case 'status.hostIP':
      return facts.hostIPs[0] ?? '';
    case 'status.hostIPs':
      return facts.hostIPs.join(',');
    case 'status.podIP':
      return facts.podIPs[0] ?? '';
    case 'status.podIPs':
      return facts.podIPs.join(',');
    default:
      return undefined;
  }
}

/** `key="value"` lines in key order, values quoted as Go does. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.keys(map ?? {})
    .sort()
    .map((key) => `${key}=${JSON.stringify(map?.[key] ?? '')}`)
    .join('\n');
}

/** `limits.cpu`, `requests.memory`, ... in units of the divisor, rounded up. */
export function resourceValue(
  ref: { readonly resource: string; readonly divisor?: string | undefined },
  container: V1Container,
  allocatable: RunningFacts['allocatable'],
): string | undefined {
  const match = /^(limits|requests)\.(.+)$/.exec(ref.resource);
  if (!match) return undefined;
  const [, list, resource = ''] = match;
  const own = (list === 'limits' ? container.resources?.limits : container.resources?.requests)?.[resource];
  const fallback = list === 'limits' ? (allocatable as Readonly<Record<string, string | undefined>>)[resource] : '0';
  const text = own ?? fallback ?? '0';
  const divisor = !ref.divisor || ref.divisor === '0' ? '1' : ref.divisor;
  if (resource === 'cpu') return String(Math.ceil(cpuMilli(text) / cpuMilli(divisor)));
  return String(Math.ceil(wholeUnits(text) / wholeUnits(divisor)));
}
