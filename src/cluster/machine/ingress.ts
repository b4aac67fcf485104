// The ingress controller on this machine: who it is to the API, what it may do there, and where it listens.
import { clusterrolebindings, clusterroles } from '../../api/mod.ts';
import type { Logger } from '../../base/mod.ts';
import { runIngress } from '../../network/mod.ts';
import { adminUser, type ControlPlane, componentUser } from '../control-plane.ts';
import { supervise } from '../supervise.ts';
import { createMissing } from './join.ts';
import type { MachinePorts } from './ports.ts';

export interface IngressSettings {
  /** False: other controllers serve, and there is no class of ours. */
  readonly enabled: boolean;
  /** Ports of the machine that lead to it besides its own address; 0: none. */
  readonly httpPort: number;
  readonly httpsPort: number;
}

export interface StartIngressOptions {
  readonly ports: MachinePorts;
  readonly controlPlane: ControlPlane;
  readonly settings: IngressSettings;
  readonly nodeName: string;
  /** Of this node on its pods' bridge. */
  readonly gateway: string;
  /** Of the machine, for its own ports. */
  readonly hostAddress: string;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const name = 'minke:ingress';
const account = componentUser(name);
const rbac = 'rbac.authorization.k8s.io';
const own = ['minke-ingress'];
/** What is read comes from the caches that the whole process shares. */
const rules = [
  { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch', 'update'] },
  { apiGroups: ['networking.k8s.io'], resources: ['ingressclasses'], verbs: ['create'] },
  { apiGroups: ['networking.k8s.io'], resources: ['ingresses/status'], verbs: ['update'] },
  { apiGroups: [''], resources: ['services'], verbs: ['create'] },
  { apiGroups: [''], resources: ['services'], resourceNames: own, verbs: ['delete'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['create'] },
  { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], resourceNames: own, verbs: ['get', 'update', 'delete'] },
];
const dayMs = 86_400_000;
const certificateMs = 3_650 * dayMs;

/** Resolves when the signal has fired and everything has ended. */
export async function startIngress(options: StartIngressOptions): Promise<void> {
  const { ports, controlPlane, settings, nodeName, gateway, hostAddress, log, signal } = options;
  const { clock } = ports;
  const component = 'ingress';
  const random = ports.random.child(component);
  const admin = controlPlane.clientFor(adminUser);
  const run = async (stop: AbortSignal) => {
    await createMissing(admin, clusterroles, { metadata: { name }, rules });
    await createMissing(admin, clusterrolebindings, {
      metadata: { name },
      roleRef: { apiGroup: rbac, kind: 'ClusterRole', name },
      subjects: [{ apiGroup: rbac, kind: 'User', name: account.name }],
    });
    await runIngress({
      nodeName,
      address: gateway,
      hostPorts: { address: hostAddress, http: settings.httpPort, https: settings.httpsPort },
      defaultCertificate: () => selfSigned(clock.nowMs()),
      openProxy: async (of) => (await import('../../base/ports/reverse-proxy.ts')).createReverseProxy(of),
      client: controlPlane.clientFor(account),
      informers: controlPlane.informers,
      clock,
      random,
      log: log.with({ component }),
      signal: stop,
    });
  };
  await supervise({ name: component, clock, random, log, signal, run });
}

/** For names that no Ingress has a certificate for. Its authority's key is kept nowhere. */
async function selfSigned(nowMs: number) {
  const { createAuthority, issueCertificate } = await import('../../base/ports/certificates.ts');
  const validity = { notBeforeMs: nowMs - dayMs, notAfterMs: nowMs + certificateMs };
  const authority = await createAuthority({ commonName: 'Minke ingress default authority', ...validity });
  const { certificatePem, keyPem } = await issueCertificate(authority, {
    commonName: 'Minke ingress default certificate',
    dnsNames: ['ingress.minke.local'],
    usages: ['server'],
    ...validity,
  });
  return { cert: certificatePem, key: keyPem };
}
