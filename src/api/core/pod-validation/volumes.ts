// Validation of volumes and of where containers mount them.
import type {
  V1Container,
  V1HostPathVolumeSource,
  V1KeyToPath,
  V1PodSpec,
  V1ProjectedVolumeSource,
  V1Volume,
  V1VolumeMount,
} from '../../generated/types.gen.ts';
import { duplicate, type FieldError, forbiddenField, invalidValue, notFoundValue, notSupported, required } from '../../meta/field-error.ts';
import { dnsLabelProblems } from '../../meta/names.ts';
import { isNegativeQuantity, parseQuantity, quantityProblem } from '../../meta/quantity.ts';
import { addProblems } from '../../meta/validate-metadata.ts';
import { validateFieldRef, validateResourceFieldRef, volumeFieldPaths } from './field-refs.ts';

const fileModeMax = 0o777;
const fileModeProblem = 'must be a number between 0 and 0777 (octal), both inclusive';

function validateFileMode(mode: number | undefined, path: string, errors: FieldError[]): void {
  if (mode !== undefined && (mode < 0 || mode > fileModeMax)) errors.push(invalidValue(path, mode, fileModeProblem));
}

/** A path below a directory: relative, and never up. */
export function validateDescendingPath(target: string, path: string, errors: FieldError[]): void {
  if (target.startsWith('/')) errors.push(invalidValue(path, target, 'must be a relative path'));
  if (target.split('/').includes('..')) errors.push(invalidValue(path, target, "must not contain '..'"));
}

/** Names that start with two dots are the kubelet's own. */
function validateFilePath(target: string, path: string, errors: FieldError[]): void {
  validateDescendingPath(target, path, errors);
  if (target.startsWith('..') && !target.startsWith('../')) errors.push(invalidValue(path, target, "must not start with '..'"));
}

function validateItems(items: readonly V1KeyToPath[] | undefined, path: string, errors: FieldError[]): void {
  items?.forEach((item, i) => {
    const at = `${path}.items[${i}]`;
    if ((item.key ?? '') === '') errors.push(required(`${at}.key`));
    if ((item.path ?? '') === '') errors.push(required(`${at}.path`));
    else validateFilePath(item.path, `${at}.path`, errors);
    validateFileMode(item.mode, `${at}.mode`, errors);
  });
}

type DownwardItem = NonNullable<NonNullable<V1Volume['downwardAPI']>['items']>[number];

function validateDownwardItems(items: readonly DownwardItem[] | undefined, path: string, errors: FieldError[]): void {
  items?.forEach((item, i) => {
    const at = `${path}[${i}]`;
    if ((item.path ?? '') === '') errors.push(required(`${at}.path`));
    else validateFilePath(item.path, `${at}.path`, errors);
    if (item.fieldRef !== undefined) {
      validateFieldRef(item.fieldRef, volumeFieldPaths, `${at}.fieldRef`, errors);
      if (item.resourceFieldRef !== undefined) {
        errors.push(invalidValue(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
      }
    } else if (item.resourceFieldRef !== undefined) validateResourceFieldRef(item.resourceFieldRef, true, `${at}.resourceFieldRef`, errors);
    else errors.push(required(at, 'one of fieldRef and resourceFieldRef is required'));
    validateFileMode(item.mode, `${at}.mode`, errors);
  });
}

const hostPathTypes = ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'];

function validateHostPath(source: V1HostPathVolumeSource, path: string, errors: FieldError[]): void {
  const hostPath = source.path ?? '';
  if (hostPath === '') return void errors.push(required(`${path}.path`));
  if (hostPath.split('/').includes('..')) errors.push(invalidValue(`${path}.path`, hostPath, "must not contain '..'"));
  if (source.type !== undefined && !hostPathTypes.includes(source.type))
    errors.push(notSupported(`${path}.type`, source.type, hostPathTypes));
}

const projectedSources = ['secret', 'configMap', 'downwardAPI', 'serviceAccountToken', 'clusterTrustBundle', 'podCertificate'] as const;
const tokenSecondsMin = 600;
const tokenSecondsMax = 2 ** 32;

function validateProjected(projected: V1ProjectedVolumeSource, path: string, errors: FieldError[]): void {
  validateFileMode(projected.defaultMode, `${path}.defaultMode`, errors);
  projected.sources?.forEach((source, i) => {
    const at = `${path}.sources[${i}]`;
    const set = projectedSources.filter((field) => source[field] !== undefined);
    for (const field of set.slice(1)) errors.push(forbiddenField(`${at}.${field}`, 'may not specify more than 1 volume type'));
    if (set.length === 0) errors.push(required(at, 'must specify a volume type'));
    const { secret, configMap, downwardAPI, serviceAccountToken: token } = source;
    if (secret !== undefined) validateNamedItems(secret.name, secret.items, `${at}.secret`, errors);
    if (configMap !== undefined) validateNamedItems(configMap.name, configMap.items, `${at}.configMap`, errors);
    if (downwardAPI !== undefined) validateDownwardItems(downwardAPI.items, `${at}.downwardAPI.items`, errors);
    if (token === undefined) return;
    const seconds = token.expirationSeconds ?? 3600;
    const secondsPath = `${at}.serviceAccountToken.expirationSeconds`;
    if (seconds < tokenSecondsMin) errors.push(invalidValue(secondsPath, seconds, 'may not specify a duration less than 10 minutes'));
    else if (seconds > tokenSecondsMax)
      errors.push(invalidValue(secondsPath, seconds, 'may not specify a duration larger than 2^32 seconds'));
    if ((token.path ?? '') === '') errors.push(required(`${at}.serviceAccountToken.path`));
    else validateFilePath(token.path, `${at}.serviceAccountToken.path`, errors);
  });
}

function validateNamedItems(name: string | undefined, items: readonly V1KeyToPath[] | undefined, path: string, errors: FieldError[]): void {
  if ((name ?? '') === '') errors.push(required(`${path}.name`));
  validateItems(items, path, errors);
}

/** What is checked of each source. Sources that are not here only have to be the one source of their volume. */
const sourceChecks: { readonly [K in keyof V1Volume]?: (source: NonNullable<V1Volume[K]>, path: string, errors: FieldError[]) => void } = {
  emptyDir: (source, path, errors) => {
    if (source.sizeLimit === undefined) return;
    if (quantityProblem(source.sizeLimit) !== undefined || isNegativeQuantity(parseQuantity(source.sizeLimit))) {
      errors.push(forbiddenField(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity'));
    }
  },
  hostPath: validateHostPath,
  secret: (source, path, errors) => {
    if ((source.secretName ?? '') === '') errors.push(required(`${path}.secretName`));
    validateFileMode(source.defaultMode, `${path}.defaultMode`, errors);
    validateItems(source.items, path, errors);
  },
  configMap: (source, path, errors) => {
    if ((source.name ?? '') === '') errors.push(required(`${path}.name`));
    validateFileMode(source.defaultMode, `${path}.defaultMode`, errors);
    validateItems(source.items, path, errors);
  },
  downwardAPI: (source, path, errors) => {
    validateFileMode(source.defaultMode, `${path}.defaultMode`, errors);
    validateDownwardItems(source.items, path, errors);
  },
  projected: validateProjected,
  persistentVolumeClaim: (source, path, errors) => {
    if ((source.claimName ?? '') === '') errors.push(required(`${path}.claimName`));
  },
  nfs: (source, path, errors) => {
    if ((source.server ?? '') === '') errors.push(required(`${path}.server`));
    if ((source.path ?? '') === '') errors.push(required(`${path}.path`));
    else if (!source.path.startsWith('/')) errors.push(invalidValue(`${path}.path`, source.path, 'must be an absolute path'));
  },
  csi: (source, path, errors) => {
    if ((source.driver ?? '') === '') errors.push(required(`${path}.driver`));
  },
};

function validateSource(volume: V1Volume, path: string, errors: FieldError[]): void {
  let sources = 0;
  for (const field of Object.keys(volume) as (keyof V1Volume)[]) {
    if (field === 'name' || volume[field] === undefined) continue;
    if (sources++ > 0) {
      errors.push(forbiddenField(`${path}.${field}`, 'may not specify more than 1 volume type'));
      continue;
    }
    const check = sourceChecks[field] as ((source: unknown, path: string, errors: FieldError[]) => void) | undefined;
    check?.(volume[field], `${path}.${field}`, errors);
  }
  if (sources === 0) errors.push(required(path, 'must specify a volume type'));
}

/** Checks the volumes and gives back the names that mounts may use. */
export function validateVolumes(volumes: readonly V1Volume[] | undefined, path: string, errors: FieldError[]): ReadonlySet<string> {
  const names = new Set<string>();
  volumes?.forEach((volume, i) => {
    const at = `${path}[${i}]`;
    const name = volume.name ?? '';
    const before = errors.length;
    validateSource(volume, at, errors);
    if (name === '') errors.push(required(`${at}.name`));
    else {
      addProblems(errors, `${at}.name`, name, dnsLabelProblems(name));
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    }
    // As upstream: a mount of a volume that is wrong in itself is reported as not found, too.
    if (errors.length === before) names.add(name);
  });
  return names;
}

const propagations = ['Bidirectional', 'HostToContainer', 'None'];

function validatePropagation(mount: V1VolumeMount, privileged: boolean, path: string, errors: FieldError[]): void {
  const propagation = mount.mountPropagation;
  if (propagation === undefined) return;
  if (!propagations.includes(propagation)) errors.push(notSupported(path, propagation, propagations));
  if (propagation === 'Bidirectional' && !privileged) {
    errors.push(forbiddenField(path, 'Bidirectional mount propagation is available only to privileged containers'));
  }
}

/** The mounts of one container. */
export function validateMounts(
  container: Pick<V1Container, 'volumeMounts' | 'volumeDevices' | 'securityContext'>,
  volumes: ReadonlySet<string>,
  path: string,
  errors: FieldError[],
): void {
  const mountPaths = new Set<string>();
  container.volumeMounts?.forEach((mount, i) => {
    const at = `${path}[${i}]`;
    const name = mount.name ?? '';
    const mountPath = mount.mountPath ?? '';
    if (name === '') errors.push(required(`${at}.name`));
    if (!volumes.has(name)) errors.push(notFoundValue(`${at}.name`, name));
    if (mountPath === '') errors.push(required(`${at}.mountPath`));
    if (mountPaths.has(mountPath)) errors.push(invalidValue(`${at}.mountPath`, mountPath, 'must be unique'));
    mountPaths.add(mountPath);
    if (container.volumeDevices?.some((device) => device.name === name)) {
      errors.push(invalidValue(`${at}.name`, name, 'must not already exist in volumeDevices'));
    }
    if (container.volumeDevices?.some((device) => device.devicePath === mountPath)) {
      errors.push(invalidValue(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'));
    }
    const subPath = mount.subPath ?? '';
    const subPathExpr = mount.subPathExpr ?? '';
    if (subPath !== '') validateDescendingPath(subPath, `${path}.subPath`, errors);
    if (subPathExpr !== '') {
      if (subPath !== '') {
        errors.push(invalidValue(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
      }
      validateDescendingPath(subPathExpr, `${path}.subPathExpr`, errors);
    }
    validatePropagation(mount, container.securityContext?.privileged === true, `${path}.mountPropagation`, errors);
  });
}

/** Block devices of one container: volumes that are claims, given as they are. */
export function validateDevices(
  container: Pick<V1Container, 'volumeDevices' | 'volumeMounts'>,
  pod: DeviceView,
  path: string,
  errors: FieldError[],
): void {
  const names = new Set<string>();
  const paths = new Set<string>();
  container.volumeDevices?.forEach(({ name = '', devicePath = '' }, i) => {
    const at = `${path}[${i}]`;
    if (name === '') errors.push(required(`${at}.name`));
    if (names.has(name)) errors.push(invalidValue(`${at}.name`, name, 'must be unique'));
    const volume = pod.spec.volumes?.find((each) => each.name === name);
    if (!pod.volumes.has(name)) errors.push(notFoundValue(`${at}.name`, name));
    else if (volume?.persistentVolumeClaim === undefined && volume?.ephemeral === undefined) {
      const detail = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      errors.push(invalidValue(`${at}.name`, name, detail));
    }
    if (devicePath === '') errors.push(required(`${at}.devicePath`));
    if (paths.has(devicePath)) errors.push(invalidValue(`${at}.devicePath`, devicePath, 'must be unique'));
    if (devicePath.split('/').includes('..')) errors.push(invalidValue(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    if (container.volumeMounts?.some((mount) => mount.name === name)) {
      errors.push(invalidValue(`${at}.name`, name, 'must not already exist in volumeMounts'));
    }
    if (container.volumeMounts?.some((mount) => mount.mountPath === devicePath)) {
      errors.push(invalidValue(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'));
    }
    names.add(name);
    paths.add(devicePath);
  });
}

/** The volumes of the pod, and those among them that are sound. */
export interface DeviceView {
  readonly spec: V1PodSpec;
  readonly volumes: ReadonlySet<string>;
}
