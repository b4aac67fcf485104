// Validation of a pod's containers: the regular, the init and the ephemeral ones.
import type { V1Container, V1ContainerPort, V1EphemeralContainer, V1PodSpec } from '../../generated/types.gen.ts';
import { duplicate, type FieldError, forbiddenField, invalidValue, notFoundValue, notSupported, required } from '../../meta/field-error.ts';
import { dnsLabelProblems, portNameProblems, portNumberProblems } from '../../meta/names.ts';
import { addProblems } from '../../meta/validate-metadata.ts';
import { validateEnvironment, validateEnvironmentSources } from './environment.ts';
import { validateLifecycle, validateProbes } from './handlers.ts';
import { validateResources } from './resources.ts';
import { validateContainerSecurity } from './security.ts';
import { validateDevices, validateMounts } from './volumes.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];
const pullPolicies = ['Always', 'IfNotPresent', 'Never'];
const messagePolicies = ['File', 'FallbackToLogsOnError'];
const restartPolicies = ['Always', 'Never', 'OnFailure'];
const resizableResources = ['cpu', 'memory'];
const resizeRestartPolicies = ['NotRequired', 'RestartContainer'];

function validatePorts(ports: readonly V1ContainerPort[] | undefined, path: string, errors: FieldError[]): void {
  const names = new Set<string>();
  ports?.forEach((port, i) => {
    const at = `${path}[${i}]`;
    const { name = '', containerPort = 0, hostPort = 0, protocol = '' } = port;
    if (name !== '') {
      const problems = portNameProblems(name);
      addProblems(errors, `${at}.name`, name, problems);
      if (problems.length === 0 && names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    if (containerPort === 0) errors.push(required(`${at}.containerPort`));
    else addProblems(errors, `${at}.containerPort`, containerPort, portNumberProblems(containerPort));
    if (hostPort !== 0) addProblems(errors, `${at}.hostPort`, hostPort, portNumberProblems(hostPort));
    if (protocol === '') errors.push(required(`${at}.protocol`));
    else if (!protocols.includes(protocol)) errors.push(notSupported(`${at}.protocol`, protocol, protocols));
  });
}

/** Containers that run side by side may not want the same port of the host. */
function validateHostPortConflicts(containers: readonly V1Container[], path: string, errors: FieldError[]): void {
  const taken = new Set<string>();
  containers.forEach((container, i) => {
    container.ports?.forEach((port, j) => {
      if ((port.hostPort ?? 0) === 0) return;
      const key = `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (taken.has(key)) errors.push(duplicate(`${path}[${i}].ports[${j}].hostPort`, key));
      taken.add(key);
    });
  });
}

function validateResizePolicy(container: V1Container, path: string, errors: FieldError[]): void {
  const names = new Set<string>();
  container.resizePolicy?.forEach(({ resourceName = '', restartPolicy = '' }, i) => {
    const at = `${path}[${i}]`;
    if (names.has(resourceName)) errors.push(duplicate(at, resourceName));
    names.add(resourceName);
    if (resourceName === '') errors.push(required(`${at}.resourceName`));
    else if (!resizableResources.includes(resourceName)) errors.push(notSupported(`${at}.resourceName`, resourceName, resizableResources));
    if (restartPolicy === '') errors.push(required(`${at}.restartPolicy`));
    else if (!resizeRestartPolicies.includes(restartPolicy)) {
      errors.push(notSupported(`${at}.restartPolicy`, restartPolicy, resizeRestartPolicies));
    }
  });
}

/** What is the same for every container of a pod. */
interface PodView {
  readonly spec: V1PodSpec;
  readonly volumes: ReadonlySet<string>;
  readonly gracePeriodSeconds: number;
}

function validateCommon(container: V1Container, pod: PodView, path: string, errors: FieldError[]): void {
  const { name = '', terminationMessagePolicy = '', imagePullPolicy = '' } = container;
  if (name === '') errors.push(required(`${path}.name`));
  else addProblems(errors, `${path}.name`, name, dnsLabelProblems(name));
  if ((container.image ?? '') === '') errors.push(required(`${path}.image`));
  if (terminationMessagePolicy === '') errors.push(required(`${path}.terminationMessagePolicy`));
  else if (!messagePolicies.includes(terminationMessagePolicy)) {
    errors.push(notSupported(`${path}.terminationMessagePolicy`, terminationMessagePolicy, messagePolicies));
  }
  validatePorts(container.ports, `${path}.ports`, errors);
  validateEnvironment(container.env, `${path}.env`, errors);
  validateEnvironmentSources(container.envFrom, `${path}.envFrom`, errors);
  validateMounts(container, pod.volumes, `${path}.volumeMounts`, errors);
  validateDevices(container, pod, `${path}.volumeDevices`, errors);
  if (imagePullPolicy === '') errors.push(required(`${path}.imagePullPolicy`));
  else if (!pullPolicies.includes(imagePullPolicy)) errors.push(notSupported(`${path}.imagePullPolicy`, imagePullPolicy, pullPolicies));
  validateResources(container.resources, `${path}.resources`, errors);
  validateResizePolicy(container, `${path}.resizePolicy`, errors);
  validateContainerSecurity(container.securityContext, `${path}.securityContext`, errors);
}

/** No more errors are told than this: whoever has so many gets no further containers judged. */
const toldMax = 1_000;

/** Adds a Duplicate for a name that stands in `names` already; then it stands there. */
function claimName(name: string, names: Set<string>, path: string, errors: FieldError[]): void {
  if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
  names.add(name);
}

function validateRegular(containers: readonly V1Container[], names: Set<string>, pod: PodView, path: string, errors: FieldError[]): void {
  if (containers.length === 0) return void errors.push(required(path));
  containers.forEach((container, i) => {
    if (errors.length > toldMax) return;
    const at = `${path}[${i}]`;
    validateCommon(container, pod, at, errors);
    claimName(container.name ?? '', names, at, errors);
    validateLifecycle(container.lifecycle, pod.gracePeriodSeconds, `${at}.lifecycle`, errors);
    validateProbes(container, pod.gracePeriodSeconds, at, errors);
    const { restartPolicy } = container;
    if (restartPolicy !== undefined && !restartPolicies.includes(restartPolicy)) {
      errors.push(notSupported(`${at}.restartPolicy`, restartPolicy, restartPolicies));
    }
  });
  validateHostPortConflicts(containers, path, errors);
}

const sidecarFields = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;

function validateInit(containers: readonly V1Container[], names: Set<string>, pod: PodView, path: string, errors: FieldError[]): void {
  containers.forEach((container, i) => {
    if (errors.length > toldMax) return;
    const at = `${path}[${i}]`;
    validateCommon(container, pod, at, errors);
    const { restartPolicy } = container;
    const isSidecar = restartPolicy === 'Always';
    if (restartPolicy !== undefined && !restartPolicies.includes(restartPolicy)) {
      errors.push(notSupported(`${at}.restartPolicy`, restartPolicy, restartPolicies));
    }
    claimName(container.name ?? '', names, at, errors);
    // They run one after the other: only the ports of one are compared.
    validateHostPortConflicts([container], path, errors);
    if (isSidecar) {
      validateLifecycle(container.lifecycle, pod.gracePeriodSeconds, `${at}.lifecycle`, errors);
      validateProbes(container, pod.gracePeriodSeconds, at, errors);
      return;
    }
    for (const field of sidecarFields) {
      if (container[field] !== undefined) {
        errors.push(forbiddenField(`${at}.${field}`, 'may not be set for init containers without restartPolicy=Always'));
      }
    }
    if ((container.resizePolicy ?? []).length > 0) {
      errors.push(invalidValue(`${at}.resizePolicy`, container.resizePolicy, 'must not be set for init containers'));
    }
  });
}

const ephemeralForbidden = ['ports', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle', 'resizePolicy'] as const;

function validateEphemeral(spec: V1PodSpec, names: Set<string>, pod: PodView, path: string, errors: FieldError[]): void {
  spec.ephemeralContainers?.forEach((container: V1EphemeralContainer, i) => {
    if (errors.length > toldMax) return;
    const at = `${path}[${i}]`;
    validateCommon(container as V1Container, pod, at, errors);
    claimName(container.name ?? '', names, at, errors);
    const target = container.targetContainerName ?? '';
    const targets = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
    if (target !== '' && !targets.some((other) => other.name === target)) errors.push(notFoundValue(`${at}.targetContainerName`, target));
    for (const field of ephemeralForbidden) {
      const value = container[field];
      if (value !== undefined && (!Array.isArray(value) || value.length > 0)) {
        errors.push(forbiddenField(`${at}.${field}`, 'cannot be set for an Ephemeral Container'));
      }
    }
    const { limits, requests } = container.resources ?? {};
    if (limits !== undefined || requests !== undefined) {
      errors.push(forbiddenField(`${at}.resources`, 'cannot be set for an Ephemeral Container'));
    }
    container.volumeMounts?.forEach((mount, j) => {
      for (const field of ['subPath', 'subPathExpr'] as const) {
        if ((mount[field] ?? '') === '') continue;
        errors.push(forbiddenField(`${at}.volumeMounts[${j}].${field}`, 'cannot be set for an Ephemeral Container'));
      }
    });
  });
}

/** All containers of a pod; their names are one space. */
export function validateContainers(spec: V1PodSpec, volumes: ReadonlySet<string>, path: string, errors: FieldError[]): void {
  const pod: PodView = { spec, volumes, gracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30 };
  const names = new Set<string>();
  validateRegular(spec.containers ?? [], names, pod, `${path}.containers`, errors);
  validateInit(spec.initContainers ?? [], names, pod, `${path}.initContainers`, errors);
  validateEphemeral(spec, names, pod, `${path}.ephemeralContainers`, errors);
}
