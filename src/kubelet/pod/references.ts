// Which config maps and secrets a pod refers to: when one changes, the pod looks again. Pure.
import type { V1Pod } from '../../api/mod.ts';
import { containersOf } from './spec.ts';

/** `configmap/ns/name` and `secret/ns/name`. */
export function referencesOf(pod: V1Pod): ReadonlySet<string> {
  const namespace = pod.metadata?.namespace ?? '';
  const found = new Set<string>();
  const configMap = (name: string | undefined) => name && found.add(`configmap/${namespace}/${name}`);
  const secret = (name: string | undefined) => name && found.add(`secret/${namespace}/${name}`);
  for (const volume of pod.spec?.volumes ?? []) {
    configMap(volume.configMap?.name);
    secret(volume.secret?.secretName);
    for (const source of volume.projected?.sources ?? []) {
      configMap(source.configMap?.name);
      secret(source.secret?.name);
    }
  }
  for (const { spec } of containersOf(pod)) {
    for (const source of spec.envFrom ?? []) {
      configMap(source.configMapRef?.name);
      secret(source.secretRef?.name);
    }
    for (const variable of spec.env ?? []) {
      configMap(variable.valueFrom?.configMapKeyRef?.name);
      secret(variable.valueFrom?.secretKeyRef?.name);
    }
  }
  return found;
}
