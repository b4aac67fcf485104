// Service: one name and address for a changing set of pods. The server gives out cluster IPs and node ports.
import type { V1Service, V1ServiceSpec } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn, none, orNone } from '../meta/columns.ts';
import type { Draft } from '../meta/object.ts';
import { labelsToString } from '../meta/selectors.ts';
import { isHeadless, validateService, validateServiceUpdate } from './service-validation.ts';

type Spec = Draft<V1ServiceSpec>;

const affinitySeconds = 10_800;

function setDefaults(draft: Draft<V1Service>): void {
  draft.spec ??= {};
  const { spec } = draft;
  if (!spec.sessionAffinity) spec.sessionAffinity = 'None';
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: affinitySeconds } };
  }
  if (!spec.type) spec.type = 'ClusterIP';
  for (const port of spec.ports ?? []) {
    if (!port.protocol) port.protocol = 'TCP';
    if (!port.targetPort) port.targetPort = port.port;
  }
  const isExternal =
    spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);
  if (isExternal && !spec.externalTrafficPolicy) spec.externalTrafficPolicy = 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

/** clusterIP is the old form of clusterIPs; whichever is given fills in the other. */
function syncClusterIPs(spec: Spec): void {
  if (spec.clusterIP && (spec.clusterIPs ?? []).length === 0) spec.clusterIPs = [spec.clusterIP];
  else if (!spec.clusterIP && spec.clusterIPs?.[0]) spec.clusterIP = spec.clusterIPs[0];
}

const needsClusterIP = (spec: V1ServiceSpec): boolean => spec.type !== 'ExternalName';
const needsNodePort = (spec: V1ServiceSpec): boolean =>
  spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);

/** A load balancer that keeps traffic on the node asks the node whether it has endpoints. */
const needsHealthCheckPort = (spec: V1ServiceSpec): boolean => spec.type === 'LoadBalancer' && spec.externalTrafficPolicy === 'Local';

/** A client that leaves out what the server gave gets it again, so that a PUT of a hand-written manifest works. */
function keepAllocated(next: Spec, old: V1ServiceSpec): void {
  if (needsClusterIP(next) && needsClusterIP(old)) {
    // Only clusterIP changed, in the old way: clusterIPs follows.
    if (next.clusterIP !== old.clusterIP && next.clusterIPs?.[0] === old.clusterIP) {
      if (next.clusterIP) next.clusterIPs = [next.clusterIP, ...(next.clusterIPs?.slice(1) ?? [])];
    }
    if (!next.clusterIP && (next.clusterIPs ?? []).length === 0) {
      if (old.clusterIP !== undefined) next.clusterIP = old.clusterIP;
      if (old.clusterIPs !== undefined) next.clusterIPs = [...old.clusterIPs];
    }
    if (next.ipFamilies === undefined && old.ipFamilies !== undefined) next.ipFamilies = [...old.ipFamilies];
    if (next.ipFamilyPolicy === undefined && old.ipFamilyPolicy !== undefined) next.ipFamilyPolicy = old.ipFamilyPolicy;
  }
  if (needsHealthCheckPort(next) && needsHealthCheckPort(old) && !next.healthCheckNodePort && old.healthCheckNodePort) {
    next.healthCheckNodePort = old.healthCheckNodePort;
  }
  if (!needsNodePort(next) || !needsNodePort(old)) return;
  const used = new Set((next.ports ?? []).map((port) => port.nodePort ?? 0));
  next.ports = next.ports?.map((port) => {
    if ((port.nodePort ?? 0) !== 0) return port;
    const standing = old.ports?.find((other) => other.protocol === port.protocol && other.port === port.port)?.nodePort;
    if (standing === undefined || used.has(standing)) return port;
    used.add(standing);
    return { ...port, nodePort: standing };
  });
}

/** What only the old type had goes with it, unless the client changed it. */
function dropByType(next: Spec, old: V1ServiceSpec): void {
  if (needsClusterIP(old) && !needsClusterIP(next) && (next.clusterIP ?? '') === (old.clusterIP ?? '')) {
    delete next.clusterIP;
    delete next.clusterIPs;
    delete next.ipFamilies;
    delete next.ipFamilyPolicy;
  }
  if (needsNodePort(old) && !needsNodePort(next)) {
    const standing = new Set(old.ports?.map((port) => port.nodePort));
    next.ports = next.ports?.map(({ nodePort, ...port }) =>
      nodePort === undefined || standing.has(nodePort) ? port : { ...port, nodePort },
    );
  }
  if (needsHealthCheckPort(old) && !needsHealthCheckPort(next) && next.healthCheckNodePort === old.healthCheckNodePort) {
    delete next.healthCheckNodePort;
  }
  const external = next.type === 'NodePort' || next.type === 'LoadBalancer' || (next.externalIPs ?? []).length > 0;
  if (!external && next.externalTrafficPolicy === old.externalTrafficPolicy) delete next.externalTrafficPolicy;
  if (next.type !== 'LoadBalancer' && next.allocateLoadBalancerNodePorts === old.allocateLoadBalancerNodePorts) {
    delete next.allocateLoadBalancerNodePorts;
  }
  if (next.type !== 'LoadBalancer') delete next.loadBalancerClass;
}

function prepareUpdate(draft: Draft<V1Service>, old: V1Service): void {
  draft.status = old.status as Draft<V1Service>['status'];
  if (draft.spec === undefined || old.spec === undefined) return;
  dropByType(draft.spec, old.spec);
  keepAllocated(draft.spec, old.spec);
  syncClusterIPs(draft.spec);
}

function loadBalancerCell(service: V1Service): string {
  const given = (service.status?.loadBalancer?.ingress ?? [])
    .map((ingress) => ingress.ip || ingress.hostname || '')
    .filter((each) => each !== '');
  return [...new Set(given)].sort().join(',');
}

function externalCell(service: V1Service): string {
  const externalIPs = (service.spec?.externalIPs ?? []).join(',');
  switch (service.spec?.type) {
    case 'ExternalName':
      return service.spec.externalName ?? '';
    case 'LoadBalancer': {
      const all = [loadBalancerCell(service), externalIPs].filter((each) => each !== '').join(',');
      return all === '' ? '<pending>' : all;
    }
    default:
      return orNone(externalIPs);
  }
}

function portsCell(service: V1Service): string {
  const ports = (service.spec?.ports ?? []).map(({ port, nodePort = 0, protocol }) =>
    nodePort > 0 ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  );
  return orNone(ports.join(','));
}

export const services: KindDefinition<V1Service> = {
  group: '',
  version: 'v1',
  kind: 'Service',
  resource: 'services',
  singular: 'service',
  shortNames: ['svc'],
  categories: ['all'],
  namespaced: true,
  schema: 'V1Service',
  createsOnUpdate: true,
  nameRule: 'dnsLabel',
  hasGeneration: false,
  columns: [
    nameColumn,
    { name: 'Type', type: 'string', cell: ({ spec }) => spec?.type ?? '' },
    { name: 'Cluster-IP', type: 'string', cell: ({ spec }) => orNone(spec?.clusterIPs?.[0] ?? spec?.clusterIP) },
    { name: 'External-IP', type: 'string', cell: externalCell },
    { name: 'Port(s)', type: 'string', cell: portsCell },
    ageColumn,
    { name: 'Selector', type: 'string', priority: 1, cell: ({ spec }) => labelsToString(spec?.selector) || none },
  ],
  selectableFields: { 'spec.clusterIP': ({ spec }) => spec?.clusterIP ?? '', 'spec.type': ({ spec }) => spec?.type ?? '' },
  setDefaults,
  prepareCreate: (draft) => {
    draft.status = { loadBalancer: {} };
    if (draft.spec) syncClusterIPs(draft.spec);
  },
  validateCreate: validateService,
  update: { prepare: prepareUpdate, validate: validateServiceUpdate },
  status: {
    prepare: (draft, old) => {
      draft.spec = old.spec as Draft<V1Service>['spec'];
    },
  },
  deleteReturnsObject: true,
};

export { isHeadless, needsClusterIP, needsHealthCheckPort, needsNodePort };
