// A container's environment: services, envFrom, env; later ones win, and may refer to earlier ones.
import type { V1ConfigMap, V1Container, V1EnvFromSource, V1EnvVar, V1Pod, V1Secret } from '../../api/mod.ts';
import { configError } from './errors.ts';
import { expand } from './expand.ts';
import { fieldValue, type RunningFacts, resourceValue } from './fields.ts';
import { type ServiceReader, serviceEnv } from './service-env.ts';

/** Objects that a pod refers to, by `namespace/name`. */
export interface References {
  configMap(key: string): V1ConfigMap | undefined;
  secret(key: string): V1Secret | undefined;
  readonly services: ServiceReader;
}

export interface EnvInput {
  readonly pod: V1Pod;
  readonly container: V1Container;
  readonly facts: RunningFacts;
  readonly references: References;
}

export const decodeBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'base64'));
const textOf = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');

/** The variables in the order in which they were set. Throws StartError (CreateContainerConfigError). */
export function buildEnv(input: EnvInput): Map<string, string> {
  const { pod, container, references } = input;
  const services = serviceEnv(pod, references.services);
  const env = new Map<string, string>();
  for (const source of container.envFrom ?? []) addAll(env, input, source);
  for (const variable of container.env ?? []) {
    const value = variableValue(variable, input, (name) => env.get(name) ?? services.get(name));
    if (value !== undefined) env.set(variable.name, value);
  }
  for (const [name, value] of services) if (!env.has(name)) env.set(name, value);
  return env;
}

function addAll(env: Map<string, string>, input: EnvInput, source: V1EnvFromSource): void {
  const namespace = input.pod.metadata?.namespace ?? '';
  const prefix = source.prefix ?? '';
  if (source.configMapRef) {
    const name = source.configMapRef.name ?? '';
    const found = input.references.configMap(`${namespace}/${name}`);
    if (!found && source.configMapRef.optional !== true) throw configError(`configmap "${name}" not found`);
    for (const key of Object.keys(found?.data ?? {}).sort()) env.set(prefix + key, found?.data?.[key] ?? '');
  }
  if (source.secretRef) {
    const name = source.secretRef.name ?? '';
    const found = input.references.secret(`${namespace}/${name}`);
    if (!found && source.secretRef.optional !== true) throw configError(`secret "${name}" not found`);
    for (const key of Object.keys(found?.data ?? {}).sort()) env.set(prefix + key, textOf(found?.data?.[key] ?? ''));
  }
}

function variableValue(variable: V1EnvVar, input: EnvInput, known: (name: string) => string | undefined): string | undefined {
  const from = variable.valueFrom;
  if (!from) return expand(variable.value ?? '', known);
  if (from.fieldRef) return fieldOf(from.fieldRef.fieldPath, input);
  if (from.resourceFieldRef) return resourceOf(from.resourceFieldRef, input);
  const namespace = input.pod.metadata?.namespace ?? '';
  if (from.configMapKeyRef) {
    const { name = '', key, optional } = from.configMapKeyRef;
    const found = input.references.configMap(`${namespace}/${name}`);
    if (!found && optional !== true) throw configError(`configmap "${name}" not found`);
    const value = found?.data?.[key];
    if (value === undefined && optional !== true) throw configError(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
    return value;
  }
  if (from.secretKeyRef) {
    const { name = '', key, optional } = from.secretKeyRef;
    const found = input.references.secret(`${namespace}/${name}`);
    if (!found && optional !== true) throw configError(`secret "${name}" not found`);
    const value = found?.data?.[key];
    if (value === undefined && optional !== true) throw configError(`couldn't find key ${key} in Secret ${namespace}/${name}`);
    return value === undefined ? undefined : textOf(value);
  }
  throw configError(`environment variable ${variable.name} has a source that this node does not know`);
}

function fieldOf(path: string, input: EnvInput): string {
  const value = fieldValue(path, input.pod, input.facts);
  if (value === undefined) throw configError(`unsupported fieldPath: ${path}`);
  return value;
}

function resourceOf(ref: { containerName?: string | undefined; resource: string; divisor?: string | undefined }, input: EnvInput): string {
  const { pod, container, facts } = input;
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const target = ref.containerName ? all.find((one) => one.name === ref.containerName) : container;
  if (!target) throw configError(`container ${ref.containerName} not found`);
  const value = resourceValue(ref, target, facts.allocatable);
  if (value === undefined) throw configError(`unsupported container resource : ${ref.resource}`);
  return value;
}
