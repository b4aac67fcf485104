// Defaults of pod specs, for pods and for the templates of workloads. They change the draft in place and keep what stands.
// Source: the defaults that the API reference states for each field of PodSpec and Container.
import type {
  V1Container,
  V1EphemeralContainer,
  V1HTTPGetAction,
  V1LifecycleHandler,
  V1Pod,
  V1PodSpec,
  V1PodTemplateSpec,
  V1Probe,
} from '../generated/types.gen.ts';
import type { Draft } from '../meta/object.ts';
import { defaultPullPolicy } from './image-reference.ts';
import { canonicalizeQuantities } from './quantities.ts';
import { setVolumeDefaults } from './volume-defaults.ts';

function setHttpDefaults(action: Draft<V1HTTPGetAction> | undefined): void {
  if (action === undefined) return;
  if ((action.path ?? '') === '') action.path = '/';
  if ((action.scheme ?? '') === '') action.scheme = 'HTTP';
}

function setProbeDefaults(probe: Draft<V1Probe> | undefined): void {
  if (probe === undefined) return;
  setHttpDefaults(probe.httpGet);
  if (probe.grpc) probe.grpc.service ??= '';
  probe.timeoutSeconds ||= 1;
  probe.periodSeconds ||= 10;
  probe.successThreshold ||= 1;
  probe.failureThreshold ||= 3;
}

const setHandlerDefaults = (handler: Draft<V1LifecycleHandler> | undefined): void => setHttpDefaults(handler?.httpGet);

function setContainerDefaults(container: Draft<V1Container> | Draft<V1EphemeralContainer>): void {
  for (const port of container.ports ?? []) if ((port.protocol ?? '') === '') port.protocol = 'TCP';
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) valueFrom.fieldRef.apiVersion ??= 'v1';
    if (valueFrom?.resourceFieldRef) valueFrom.resourceFieldRef.divisor ??= '0';
  }
  container.resources ??= {};
  canonicalizeQuantities(container.resources.limits);
  canonicalizeQuantities(container.resources.requests);
  setProbeDefaults(container.livenessProbe);
  setProbeDefaults(container.readinessProbe);
  setProbeDefaults(container.startupProbe);
  setHandlerDefaults(container.lifecycle?.postStart);
  setHandlerDefaults(container.lifecycle?.preStop);
  if ((container.terminationMessagePath ?? '') === '') container.terminationMessagePath = '/dev/termination-log';
  if ((container.terminationMessagePolicy ?? '') === '') container.terminationMessagePolicy = 'File';
  if ((container.imagePullPolicy ?? '') === '') container.imagePullPolicy = defaultPullPolicy(container.image ?? '');
}

/** What pods and templates share. */
export function setPodSpecDefaults(spec: Draft<V1PodSpec>): void {
  for (const volume of spec.volumes ?? []) setVolumeDefaults(volume);
  for (const container of spec.initContainers ?? []) setContainerDefaults(container);
  for (const container of spec.containers ?? []) setContainerDefaults(container);
  for (const container of spec.ephemeralContainers ?? []) setContainerDefaults(container);
  if ((spec.dnsPolicy ?? '') === '') spec.dnsPolicy = 'ClusterFirst';
  if ((spec.restartPolicy ?? '') === '') spec.restartPolicy = 'Always';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.securityContext ??= {};
  if ((spec.schedulerName ?? '') === '') spec.schedulerName = 'default-scheduler';
  // serviceAccount is the old name of serviceAccountName; both are always shown, and say the same.
  const account = spec.serviceAccountName || spec.serviceAccount;
  if (account) {
    if (spec.serviceAccountName !== account) spec.serviceAccountName = account;
    if (spec.serviceAccount !== account) spec.serviceAccount = account;
  }
}

export function setPodTemplateDefaults(template: Draft<V1PodTemplateSpec>): void {
  template.metadata ??= {};
  if (template.spec) setPodSpecDefaults(template.spec);
}

/** A limit without a request is the request, too. */
function setRequestsFromLimits(container: Draft<V1Container>): void {
  const resources = container.resources;
  if (resources?.limits === undefined) return;
  const { limits, requests } = resources;
  const missing = Object.entries(limits).filter(([name]) => requests?.[name] === undefined);
  if (missing.length > 0) resources.requests = { ...requests, ...Object.fromEntries(missing) };
}

/** On the host's network a port of the container is a port of the host. */
function setHostPorts(container: Draft<V1Container>): void {
  for (const port of container.ports ?? []) if ((port.hostPort ?? 0) === 0) port.hostPort = port.containerPort;
}

/** Defaults of a pod; some hold for pods alone and not for templates. */
export function setPodDefaults(pod: Draft<V1Pod>): void {
  const spec = pod.spec;
  if (spec === undefined) return;
  setPodSpecDefaults(spec);
  spec.enableServiceLinks ??= true;
  for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])]) {
    setRequestsFromLimits(container);
    if (spec.hostNetwork === true) setHostPorts(container);
  }
}
