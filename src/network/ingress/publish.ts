// What the cluster sees of the ingress controller: its class, and, while something is served, the service by whose address it is reached.
import {
  endpointslices,
  hasReason,
  ingressclasses,
  type ResourceType,
  sameMeaning,
  serviceNameLabel,
  services,
  type V1EndpointSlice,
  type V1IngressClass,
  type V1Service,
} from '../../api/mod.ts';
import type { Client } from '../../client/mod.ts';
import { ingressController } from './plan.ts';

export const ingressClassName = 'minke';
const namespace = 'kube-system';
const name = 'minke-ingress';
/** Of the service, as caches have it. */
export const ingressServiceKey = `${namespace}/${name}`;
const labels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/managed-by': 'minke' };

/** Where the controller listens. */
export interface IngressPlace {
  readonly address: string;
  readonly httpPort: number;
  readonly httpsPort: number;
}

/** The default one, until somebody takes the annotation away: it is made once and then left alone. */
const ingressClass: V1IngressClass = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IngressClass',
  metadata: { name: ingressClassName, labels, annotations: { 'ingressclass.kubernetes.io/is-default-class': 'true' } },
  spec: { controller: ingressController },
};

export async function publishClass(client: Client, signal: AbortSignal): Promise<void> {
  await unless('AlreadyExists', client.create(ingressclasses, ingressClass, { signal }));
}

/** Makes what is missing, and corrects where the controller is found. */
export async function publishService(client: Client, place: IngressPlace, signal: AbortSignal): Promise<void> {
  await unless('AlreadyExists', client.create(services, ingressService, { signal }));
  const slice = sliceOf(place);
  if (await unless('AlreadyExists', client.create(endpointslices, slice, { signal }))) return;
  const standing = await client.get(endpointslices, { namespace, name }, { signal });
  const same = sameMeaning(standing.endpoints, slice.endpoints) && sameMeaning(standing.ports, slice.ports);
  if (!same) await client.update(endpointslices, { ...standing, endpoints: slice.endpoints, ports: slice.ports }, { signal });
}

export async function withdrawService(client: Client, signal: AbortSignal): Promise<void> {
  for (const type of [endpointslices, services] as readonly ResourceType[]) {
    await unless('NotFound', client.delete(type, { namespace, name }, { signal }));
  }
}

/** False when it failed for that reason. */
async function unless(reason: 'AlreadyExists' | 'NotFound', call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (error) {
    if (!hasReason(error, reason)) throw error;
    return false;
  }
}

const ingressService: V1Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace, labels },
  spec: {
    type: 'LoadBalancer',
    allocateLoadBalancerNodePorts: false,
    ipFamilyPolicy: 'SingleStack',
    ports: [
      { name: 'http', protocol: 'TCP', port: 80 },
      { name: 'https', protocol: 'TCP', port: 443 },
    ],
  },
};

const sliceOf = ({ address, httpPort, httpsPort }: IngressPlace): V1EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace, labels: { [serviceNameLabel]: name, 'endpointslice.kubernetes.io/managed-by': 'minke-ingress' } },
  addressType: 'IPv4',
  endpoints: [{ addresses: [address], conditions: { ready: true } }],
  ports: [
    { name: 'http', protocol: 'TCP', port: httpPort },
    { name: 'https', protocol: 'TCP', port: httpsPort },
  ],
});
