// Endpoints: the addresses behind a service, in their old form (EndpointSlices are the new one).
import type { V1EndpointSubset, V1Endpoints } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, none } from '../meta/columns.ts';
import { type FieldError, notSupported, required } from '../meta/field-error.ts';
import { ipProblems, nonSpecialIPProblems } from '../meta/ip.ts';
import { dnsLabelProblems, portNumberProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';
import { addProblems } from '../meta/validate-metadata.ts';

const shownMax = 3;
const protocols = ['SCTP', 'TCP', 'UDP'];

/** The first three of a list, and how many more there are. */
export function firstFew(items: readonly string[]): string {
  const shown = items.slice(0, shownMax).join(',');
  return items.length > shownMax ? `${shown} + ${items.length - shownMax} more...` : shown;
}

const hostPort = (ip: string, port: number): string => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`);

function endpointsCell({ subsets = [] }: V1Endpoints): string {
  if (subsets.length === 0) return none;
  const items = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports.length === 0 ? addresses.map(({ ip }) => ip) : ports.flatMap(({ port }) => addresses.map(({ ip }) => hostPort(ip, port))),
  );
  return firstFew(items);
}

function setDefaults(draft: Draft<V1Endpoints>): void {
  for (const subset of draft.subsets ?? []) for (const port of subset.ports ?? []) if (!port.protocol) port.protocol = 'TCP';
}

function validateSubset(subset: V1EndpointSubset, path: string, errors: FieldError[]): void {
  if ((subset.addresses ?? []).length + (subset.notReadyAddresses ?? []).length === 0) {
    errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'));
  }
  for (const list of ['addresses', 'notReadyAddresses'] as const) {
    subset[list]?.forEach(({ ip = '', hostname = '' }, i) => {
      const at = `${path}.${list}[${i}]`;
      const problems = ipProblems(ip);
      addProblems(errors, `${at}.ip`, ip, problems.length > 0 ? problems : nonSpecialIPProblems(ip));
      if (hostname !== '') addProblems(errors, `${at}.hostname`, hostname, dnsLabelProblems(hostname));
    });
  }
  subset.ports?.forEach(({ name = '', port = 0, protocol = '' }, i) => {
    const at = `${path}.ports[${i}]`;
    if (name !== '') addProblems(errors, `${at}.name`, name, dnsLabelProblems(name));
    else if ((subset.ports ?? []).length > 1) errors.push(required(`${at}.name`));
    addProblems(errors, `${at}.port`, port, portNumberProblems(port));
    if (protocol === '') errors.push(required(`${at}.protocol`));
    else if (!protocols.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, protocols));
  });
}

function validate(endpoints: V1Endpoints): FieldError[] {
  const errors: FieldError[] = [];
  endpoints.subsets?.forEach((subset, i) => {
    validateSubset(subset, `subsets[${i}]`, errors);
  });
  return errors;
}

export const endpoints: KindDefinition<V1Endpoints> = {
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  resource: 'endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  schema: 'V1Endpoints',
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  createsOnUpdate: true,
  hasGeneration: false,
  columns: [nameColumn, { name: 'Endpoints', type: 'string', cell: endpointsCell }, ageColumn],
  setDefaults,
  validateCreate: validate,
  update: { validate },
};
