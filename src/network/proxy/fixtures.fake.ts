// Services and slices for tests, said in few words.
import type { V1Endpoint, V1EndpointSlice, V1Service, V1ServicePort } from '../../api/mod.ts';
import { ipv4 } from '../addresses/family.ts';
import type { BaseOptions } from './nftables.ts';
import type { Surroundings } from './trace.fake.ts';

export const base: BaseOptions = {
  family: ipv4,
  table: 'minke-abc123-services',
  bridge: 'mkabc123',
  podCidr: '10.42.0.0/24',
  serviceCidr: '10.96.0.0/20',
  gateway: '10.42.0.1',
};
export const nodeIp = '192.0.2.2';
export const around: Surroundings = { ...base, local: [nodeIp, base.gateway] };
export const here = { nodeName: 'here', zone: 'zone-a', family: ipv4 };

export function service(name: string, spec: Partial<NonNullable<V1Service['spec']>>, more: Partial<V1Service> = {}): V1Service {
  const ports: readonly V1ServicePort[] = [{ name: 'http', port: 80, protocol: 'TCP' }];
  return { metadata: { name, namespace: 'default' }, spec: { type: 'ClusterIP', ports, ...spec }, ...more };
}

/** `{ ip: '10.42.0.5' }` is a ready endpoint on this node. */
export interface EndpointWords {
  readonly ip: string;
  readonly node?: string;
  readonly conditions?: V1Endpoint['conditions'];
  readonly hints?: V1Endpoint['hints'];
  readonly hostname?: string;
}

export function slice(
  name: string,
  endpoints: readonly EndpointWords[],
  port = 8080,
  protocol = 'TCP',
  portName = 'http',
): V1EndpointSlice {
  return {
    metadata: { name: `${name}-x`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } },
    addressType: endpoints[0]?.ip.includes(':') ? 'IPv6' : 'IPv4',
    ports: [{ name: portName, port, protocol }],
    endpoints: endpoints.map(({ ip, node = 'here', conditions = { ready: true }, hints, hostname }) => ({
      addresses: [ip],
      nodeName: node,
      conditions,
      hints,
      hostname,
    })),
  };
}
