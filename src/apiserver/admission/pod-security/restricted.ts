// The checks that the restricted standard adds: pods say that they want few rights.
// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
import type { V1Container, V1Volume } from '../../../api/mod.ts';
import { addedCapabilities, seccompProfile } from './baseline.ts';
import { hasUserNamespace, isWindows, type Judge, named, plural, quoted, setters, sorted } from './check.ts';

const unlessWindows =
  (judge: Judge): Judge =>
  (pod) =>
    isWindows(pod) ? undefined : judge(pod);

const unlessUserNamespace =
  (judge: Judge): Judge =>
  (pod) =>
    hasUserNamespace(pod) ? undefined : judge(pod);

export const allowPrivilegeEscalation: Judge = ({ containers }) => {
  const bad = containers.filter(({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
  if (bad.length === 0) return undefined;
  const detail = `${named(bad)} must set securityContext.allowPrivilegeEscalation=false`;
  return { reason: 'allowPrivilegeEscalation != false', detail };
};
export const allowPrivilegeEscalationUnlessWindows = unlessWindows(allowPrivilegeEscalation);

export const capabilitiesRestricted: Judge = ({ containers }) => {
  const keeping = containers.filter(({ securityContext }) => !(securityContext?.capabilities?.drop ?? []).includes('ALL'));
  const { bad, text } = addedCapabilities(containers, (each) => each === 'NET_BIND_SERVICE');
  if (keeping.length + bad.length === 0) return undefined;
  const details = [
    ...(keeping.length > 0 ? [`${named(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(bad.length > 0 ? [text] : []),
  ];
  return { reason: 'unrestricted capabilities', detail: details.join('; ') };
};
export const capabilitiesRestrictedUnlessWindows = unlessWindows(capabilitiesRestricted);

const allowedSources = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'persistentVolumeClaim',
  'projected',
  'secret',
] as const satisfies readonly (keyof V1Volume)[];

/** Sources that the standard has no name for are `unknown`, as upstream. */
const namedSources = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'gitRepo',
  'nfs',
  'iscsi',
  'glusterfs',
  'rbd',
  'flexVolume',
  'cinder',
  'cephfs',
  'flocker',
  'fc',
  'azureFile',
  'vsphereVolume',
  'quobyte',
  'azureDisk',
  'photonPersistentDisk',
  'portworxVolume',
  'scaleIO',
  'storageos',
] as const satisfies readonly (keyof V1Volume)[];

export const restrictedVolumes: Judge = ({ spec }) => {
  const bad = (spec.volumes ?? []).filter((volume) => !allowedSources.some((source) => volume[source]));
  if (bad.length === 0) return undefined;
  const types = sorted(bad.map((volume) => namedSources.find((source) => volume[source]) ?? 'unknown'));
  const who = `${plural('volume', 'volumes', bad.length)} ${quoted(bad.map(({ name }) => name))} ${plural('uses', 'use', bad.length)}`;
  const detail = `${who} ${plural('restricted volume type', 'restricted volume types', types.length)} ${quoted(types)}`;
  return { reason: 'restricted volume types', detail };
};

export const runAsNonRoot: Judge = ({ spec, containers }) => {
  const ofPod = spec.securityContext?.runAsNonRoot;
  const of = ({ securityContext }: V1Container) => securityContext?.runAsNonRoot;
  const reason = 'runAsNonRoot != true';
  const rooted = containers.filter((container) => of(container) === false);
  const who = setters(ofPod === false, rooted);
  if (who !== '') return { reason, detail: `${who} must not set securityContext.runAsNonRoot=false` };
  const silent = ofPod === true ? [] : containers.filter((container) => of(container) === undefined);
  return silent.length === 0 ? undefined : { reason, detail: `pod or ${named(silent)} must set securityContext.runAsNonRoot=true` };
};
export const runAsNonRootUnlessUserNamespace = unlessUserNamespace(runAsNonRoot);

export const runAsUser: Judge = ({ spec, containers }) => {
  const who = setters(
    spec.securityContext?.runAsUser === 0,
    containers.filter(({ securityContext }) => securityContext?.runAsUser === 0),
  );
  return who === '' ? undefined : { reason: 'runAsUser=0', detail: `${who} must not set runAsUser=0` };
};
export const runAsUserUnlessUserNamespace = unlessUserNamespace(runAsUser);

export const seccompRestricted: Judge = (pod) => {
  const wrong = seccompProfile(pod);
  if (wrong || pod.spec.securityContext?.seccompProfile) return wrong;
  const silent = pod.containers.filter(({ securityContext }) => !securityContext?.seccompProfile);
  if (silent.length === 0) return undefined;
  const detail = `pod or ${named(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`;
  return { reason: 'seccompProfile', detail };
};
export const seccompRestrictedUnlessWindows = unlessWindows(seccompRestricted);
