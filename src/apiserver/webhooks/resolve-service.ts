// Where a service is answered: a ready endpoint of its port, drawn at random. The API server needs no service proxy for it.
import { serviceNameLabel, type V1EndpointSlice, type V1Service } from '../../api/mod.ts';
import type { Random } from '../../base/mod.ts';
import type { Registry } from '../registry/registry.ts';
import type { ResolveService, ServiceAddress } from './client.ts';

/** A service and where it is answered, as they stand. */
export interface ServiceView {
  readonly service: V1Service | undefined;
  /** Those of the service. */
  readonly slices: readonly V1EndpointSlice[];
}

/** Every address at which the service's port is answered. Throws an Error that says why there is none. */
export function addressesOf({ service, slices }: ServiceView, name: string, port: number): readonly ServiceAddress[] {
  if (!service?.spec) throw new Error(`service ${JSON.stringify(name)} not found`);
  if (service.spec.type === 'ExternalName') return [{ host: service.spec.externalName ?? '', port }];
  const servicePort = service.spec.ports?.find((one) => one.port === port);
  if (!servicePort) throw new Error(`no service port ${port} found for service ${JSON.stringify(name)}`);
  const found = slices.flatMap((slice) => {
    const target = slice.ports?.find((one) => (one.name ?? '') === (servicePort.name ?? ''))?.port;
    if (target === undefined || slice.addressType === 'FQDN') return [];
    const ready = slice.endpoints?.filter(({ conditions }) => conditions?.ready !== false) ?? [];
    return ready.flatMap(({ addresses: [host] }) => (host === undefined ? [] : [{ host, port: target }]));
  });
  if (found.length === 0) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
  return found;
}

export function serviceView(registry: Registry, { namespace, name }: { readonly namespace: string; readonly name: string }): ServiceView {
  const services = registry.find({ group: '', version: 'v1', resource: 'services' });
  const slices = registry.find({ group: 'discovery.k8s.io', version: 'v1', resource: 'endpointslices' });
  return {
    service: services?.get(namespace, name)?.object as V1Service | undefined,
    slices: (slices?.cache.page({ namespace }).entries ?? [])
      .map((entry) => entry.object as V1EndpointSlice)
      .filter((slice) => slice.metadata?.labels?.[serviceNameLabel] === name),
  };
}

export function createServiceResolver(registry: Registry, random: Random): ResolveService {
  return (service) => {
    const { name, port } = service;
    const addresses = addressesOf(serviceView(registry, service), name, port);
    const drawn = addresses[random.below(addresses.length)];
    if (!drawn) throw new Error(`no endpoints available for service ${JSON.stringify(name)}`);
    return drawn;
  };
}
