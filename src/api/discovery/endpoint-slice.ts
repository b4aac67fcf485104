// EndpointSlice: a part of the addresses behind a service.
import { firstFew } from '../core/endpoints.ts';
import type { DiscoveryV1EndpointPort, V1Endpoint, V1EndpointSlice } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { duplicate, type FieldError, invalidValue, notSupported, required, tooMany } from '../meta/field-error.ts';
import { nonSpecialIPProblems, parseIPv4, parseIPv6 } from '../meta/ip.ts';
import { dnsLabelProblems, dnsSubdomainProblems, labelValueProblems, qualifiedNameProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { addProblems, immutableProblem } from '../meta/validate-metadata.ts';

/** Names the Service that a slice belongs to. */
export const serviceNameLabel = 'kubernetes.io/service-name';
const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const endpointsMax = 1000;
const addressesMax = 100;
const portsMax = 20_000;
const unset = '<unset>';

function setDefaults(draft: Draft<V1EndpointSlice>): void {
  for (const endpoint of draft.endpoints ?? []) endpoint.conditions ??= {};
  for (const port of draft.ports ?? []) {
    port.name ??= '';
    port.protocol ??= 'TCP';
  }
}

function addressProblems(addressType: string, address: string): string[] {
  switch (addressType) {
    case 'IPv4':
      return parseIPv4(address) === undefined ? ['must be an IPv4 address'] : nonSpecialIPProblems(address);
    case 'IPv6':
      return parseIPv6(address) === undefined ? ['must be an IPv6 address'] : nonSpecialIPProblems(address);
    default:
      return dnsSubdomainProblems(address.replace(/\.$/, ''));
  }
}

function validateEndpoint(endpoint: V1Endpoint, addressType: string, path: string, errors: FieldError[]): void {
  const addresses = endpoint.addresses ?? [];
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
  else if (addresses.length > addressesMax) errors.push(tooMany(`${path}.addresses`, addresses.length, addressesMax));
  addresses.forEach((address, i) => {
    addProblems(errors, `${path}.addresses[${i}]`, address, addressProblems(addressType, address));
  });
  const { nodeName, hostname, zone } = endpoint;
  if (nodeName !== undefined) addProblems(errors, `${path}.nodeName`, nodeName, dnsSubdomainProblems(nodeName));
  if (hostname !== undefined) addProblems(errors, `${path}.hostname`, hostname, dnsLabelProblems(hostname));
  if (zone !== undefined) addProblems(errors, `${path}.zone`, zone, labelValueProblems(zone));
}

function validatePorts(ports: readonly DiscoveryV1EndpointPort[], errors: FieldError[]): void {
  if (ports.length > portsMax) errors.push(tooMany('ports', ports.length, portsMax));
  const names = new Set<string>();
  ports.forEach(({ name = '', protocol, appProtocol }, i) => {
    const at = `ports[${i}]`;
    if (name !== '') addProblems(errors, `${at}.name`, name, dnsLabelProblems(name));
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    names.add(name);
    if (protocol === undefined) errors.push(required(`${at}.protocol`));
    else if (!protocols.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, protocols));
    if (appProtocol !== undefined) addProblems(errors, `${at}.appProtocol`, appProtocol, qualifiedNameProblems(appProtocol));
  });
}

function validate(slice: V1EndpointSlice): FieldError[] {
  const errors: FieldError[] = [];
  const addressType = slice.addressType ?? '';
  if (addressType === '') errors.push(required('addressType'));
  else if (!addressTypes.includes(addressType)) errors.push(notSupported('addressType', addressType, addressTypes));
  const endpoints = slice.endpoints ?? [];
  if (endpoints.length > endpointsMax) errors.push(tooMany('endpoints', endpoints.length, endpointsMax));
  else {
    endpoints.forEach((endpoint, i) => {
      validateEndpoint(endpoint, addressType, `endpoints[${i}]`, errors);
    });
  }
  validatePorts(slice.ports ?? [], errors);
  return errors;
}

function validateUpdate(next: V1EndpointSlice, old: V1EndpointSlice): FieldError[] {
  const errors = validate(next);
  if (next.addressType !== old.addressType) errors.push(invalidValue('addressType', next.addressType, immutableProblem));
  return errors;
}

function portsCell({ ports = [] }: V1EndpointSlice): string {
  return ports.length === 0 ? unset : firstFew(ports.map(({ port }) => (port === undefined ? '*' : String(port))));
}

function endpointsCell({ endpoints }: V1EndpointSlice): string {
  const addresses = (endpoints ?? []).flatMap((endpoint) => endpoint.addresses ?? []);
  return addresses.length === 0 ? unset : firstFew(addresses);
}

export const endpointslices: KindDefinition<V1EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  resource: 'endpointslices',
  singular: 'endpointslice',
  namespaced: true,
  schema: 'V1EndpointSlice',
  hasGeneration: true,
  columns: [
    nameColumn,
    { name: 'AddressType', type: 'string', cell: ({ addressType }) => addressType },
    { name: 'Ports', type: 'string', cell: portsCell },
    { name: 'Endpoints', type: 'string', cell: endpointsCell },
    ageColumn,
  ],
  setDefaults,
  validateCreate: validate,
  update: { validate: validateUpdate },
};
