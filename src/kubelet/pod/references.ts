// Which config maps and secrets a pod refers to: when one changes, the pod looks again. Pure.
import type { V1Container, V1Pod } from '../../api/mod.ts';
import { containersOf } from './spec.ts';

/** `configmap/ns/name` and `secret/ns/name`. */
export function referencesOf(pod: V1Pod): ReadonlySet<string> {
  const found = collect(pod);
  addVolumes(found, pod);
  for (const { spec } of containersOf(pod)) addEnvironment(found, spec);
  return found.keys;
}

/** Those that its volumes are made of. */
export function volumeReferencesOf(pod: V1Pod): ReadonlySet<string> {
  const found = collect(pod);
  addVolumes(found, pod);
  return found.keys;
}

/** Those that one container's environment is made of. */
export function environmentReferencesOf(pod: V1Pod, container: V1Container): ReadonlySet<string> {
  const found = collect(pod);
  addEnvironment(found, container);
  return found.keys;
}

interface Found {
  readonly keys: ReadonlySet<string>;
  configMap(name: string | undefined): void;
  secret(name: string | undefined): void;
}

function collect(pod: V1Pod): Found {
  const namespace = pod.metadata?.namespace ?? '';
  const keys = new Set<string>();
  return {
    keys,
    configMap: (name) => void (name && keys.add(`configmap/${namespace}/${name}`)),
    secret: (name) => void (name && keys.add(`secret/${namespace}/${name}`)),
  };
}

function addVolumes(found: Found, pod: V1Pod): void {
  for (const volume of pod.spec?.volumes ?? []) {
    found.configMap(volume.configMap?.name);
    found.secret(volume.secret?.secretName);
    for (const source of volume.projected?.sources ?? []) {
      found.configMap(source.configMap?.name);
      found.secret(source.secret?.name);
    }
  }
}

function addEnvironment(found: Found, container: V1Container): void {
  for (const source of container.envFrom ?? []) {
    found.configMap(source.configMapRef?.name);
    found.secret(source.secretRef?.name);
  }
  for (const variable of container.env ?? []) {
    found.configMap(variable.valueFrom?.configMapKeyRef?.name);
    found.secret(variable.valueFrom?.secretKeyRef?.name);
  }
}
