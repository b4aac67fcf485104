// Validation of references to a pod's own fields and resources, in environments and downward API volumes.
import type { V1ObjectFieldSelector, V1ResourceFieldSelector } from '../../generated/types.gen.ts';
import { type FieldError, invalidValue, notSupported, required } from '../../meta/field-error.ts';
import { qualifiedNameProblems } from '../../meta/names.ts';
import { addProblems } from '../../meta/validate-metadata.ts';

export const environmentFieldPaths: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
export const volumeFieldPaths: readonly string[] = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
const resourceNames: readonly string[] = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];
const knownFieldPaths = new Set([
  ...environmentFieldPaths,
  ...volumeFieldPaths,
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
]);

/** Splits `metadata.labels['a']` into its path and key. */
export function splitSubscript(fieldPath: string): { path: string; key: string } | undefined {
  const match = /^(.+)\['(.*)'\]$/.exec(fieldPath);
  return match === null ? undefined : { path: match[1] ?? '', key: match[2] ?? '' };
}

export function validateFieldRef(ref: V1ObjectFieldSelector, allowed: readonly string[], path: string, errors: FieldError[]): void {
  if ((ref.apiVersion ?? '') === '') return void errors.push(required(`${path}.apiVersion`));
  const fieldPath = ref.fieldPath ?? '';
  if (fieldPath === '') return void errors.push(required(`${path}.fieldPath`));
  const subscripted = splitSubscript(fieldPath);
  const known =
    subscripted === undefined ? knownFieldPaths.has(fieldPath) : ['metadata.annotations', 'metadata.labels'].includes(subscripted.path);
  if (!known || ref.apiVersion !== 'v1') {
    const why = ref.apiVersion === 'v1' ? `field label not supported: ${fieldPath}` : `unsupported pod version: ${ref.apiVersion}`;
    return void errors.push(invalidValue(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`));
  }
  if (subscripted !== undefined) {
    const { key } = subscripted;
    addProblems(errors, path, key, qualifiedNameProblems(subscripted.path === 'metadata.annotations' ? key.toLowerCase() : key));
  } else if (!allowed.includes(fieldPath)) errors.push(notSupported(`${path}.fieldPath`, fieldPath, allowed));
}

/** `inVolume`: a volume belongs to no container, so it must name one. */
export function validateResourceFieldRef(ref: V1ResourceFieldSelector, inVolume: boolean, path: string, errors: FieldError[]): void {
  const resource = ref.resource ?? '';
  if (inVolume && (ref.containerName ?? '') === '') errors.push(required(`${path}.containerName`));
  else if (resource === '') errors.push(required(`${path}.resource`));
  else if (!resourceNames.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource)) {
    errors.push(notSupported(`${path}.resource`, resource, resourceNames));
  }
}
