// The checks of the baseline standard: nothing that is a known way out of a container.
// Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline
import type { V1Container, V1LifecycleHandler, V1Probe, V1SELinuxOptions } from '../../../api/mod.ts';
import { hasUserNamespace, type Judge, named, plural, quoted, setters, sorted } from './check.ts';

const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/';
const allowedAnnotation = (value: string): boolean => value === '' || value === 'runtime/default' || value.startsWith('localhost/');
const isConfined = (type: string | undefined): boolean => type === undefined || type === 'RuntimeDefault' || type === 'Localhost';

export const appArmorProfile: Judge = ({ annotations, spec, containers }) => {
  const podType = spec.securityContext?.appArmorProfile?.type;
  const typeOf = (container: V1Container) => container.securityContext?.appArmorProfile?.type;
  const bad = containers.filter((container) => !isConfined(typeOf(container)));
  const types = sorted([podType, ...bad.map(typeOf)].filter((type): type is string => !isConfined(type)));
  const notes = sorted(
    Object.entries(annotations)
      .filter(([key, value]) => key.startsWith(appArmorPrefix) && !allowedAnnotation(value))
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`),
  );
  const values = [...types, ...notes];
  if (values.length === 0) return undefined;
  const who = [setters(!isConfined(podType), bad), ...(notes.length > 0 ? [plural('annotation', 'annotations', notes.length)] : [])];
  return {
    reason: plural('forbidden AppArmor profile', 'forbidden AppArmor profiles', values.length),
    detail: `${who.filter((each) => each !== '').join(' and ')} must not set AppArmor profile type to ${quoted(values)}`,
  };
};

const defaultCapabilities: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

/** Containers that add a capability which `allowed` refuses, and these capabilities. */
export function addedCapabilities(containers: readonly V1Container[], allowed: (capability: string) => boolean) {
  const added = (container: V1Container) => (container.securityContext?.capabilities?.add ?? []).filter((each) => !allowed(each));
  const bad = containers.filter((container) => added(container).length > 0);
  return { bad, text: `${named(bad)} must not include ${quoted(sorted(bad.flatMap(added)))} in securityContext.capabilities.add` };
}

export const capabilitiesBaseline: Judge = ({ containers }) => {
  const { bad, text } = addedCapabilities(containers, (each) => defaultCapabilities.has(each));
  return bad.length === 0 ? undefined : { reason: 'non-default capabilities', detail: text };
};

export const hostNamespaces: Judge = ({ spec }) => {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((name) => spec[name] === true);
  return shared.length === 0 ? undefined : { reason: 'host namespaces', detail: shared.map((name) => `${name}=true`).join(', ') };
};

export const hostPathVolumes: Judge = ({ spec }) => {
  const bad = (spec.volumes ?? []).filter(({ hostPath }) => hostPath).map(({ name }) => name);
  return bad.length === 0 ? undefined : { reason: 'hostPath volumes', detail: `${plural('volume', 'volumes', bad.length)} ${quoted(bad)}` };
};

export const hostPorts: Judge = ({ containers }) => {
  const portsOf = (container: V1Container) =>
    (container.ports ?? []).flatMap(({ hostPort = 0 }) => (hostPort === 0 ? [] : [String(hostPort)]));
  const bad = containers.filter((container) => portsOf(container).length > 0);
  if (bad.length === 0) return undefined;
  const ports = sorted(bad.flatMap(portsOf));
  const detail = `${named(bad)} ${plural('uses', 'use', bad.length)} ${plural('hostPort', 'hostPorts', ports.length)} ${ports.join(', ')}`;
  return { reason: 'hostPort', detail };
};

function probedHosts({ livenessProbe, readinessProbe, startupProbe, lifecycle }: V1Container): readonly string[] {
  const handlers: readonly (V1Probe | V1LifecycleHandler | undefined)[] = [
    livenessProbe,
    readinessProbe,
    startupProbe,
    lifecycle?.postStart,
    lifecycle?.preStop,
  ];
  return handlers.flatMap((handler) => [handler?.httpGet?.host ?? '', handler?.tcpSocket?.host ?? '']).filter((host) => host !== '');
}

export const hostProbesAndHostLifecycle: Judge = ({ containers }) => {
  const bad = containers.filter((container) => probedHosts(container).length > 0);
  if (bad.length === 0) return undefined;
  const hosts = sorted(bad.flatMap(probedHosts));
  const names = [...bad].sort((a, b) => (a.name < b.name ? -1 : 1));
  const what = plural('probe or lifecycle host', 'probe or lifecycle hosts', hosts.length);
  return { reason: 'probe or lifecycle host', detail: `${named(names)} ${plural('uses', 'use', bad.length)} ${what} ${quoted(hosts)}` };
};

export const privileged: Judge = ({ containers }) => {
  const bad = containers.filter(({ securityContext }) => securityContext?.privileged === true);
  return bad.length === 0 ? undefined : { reason: 'privileged', detail: `${named(bad)} must not set securityContext.privileged=true` };
};

export const procMount: Judge = ({ containers }) => {
  const mountOf = ({ securityContext }: V1Container) => securityContext?.procMount ?? 'Default';
  const bad = containers.filter((container) => mountOf(container) !== 'Default');
  if (bad.length === 0) return undefined;
  return { reason: 'procMount', detail: `${named(bad)} must not set securityContext.procMount to ${quoted(sorted(bad.map(mountOf)))}` };
};

export const procMountUnlessUserNamespace: Judge = (pod) => (hasUserNamespace(pod) ? undefined : procMount(pod));

export const seLinuxOptions =
  (allowedTypes: readonly string[]): Judge =>
  ({ spec, containers }) => {
    const wrongType = (options: V1SELinuxOptions) => (options.type ?? '') !== '' && !allowedTypes.includes(options.type ?? '');
    const wrong = (options: V1SELinuxOptions | undefined): options is V1SELinuxOptions =>
      !!options && (wrongType(options) || !!options.user || !!options.role);
    const ofPod = spec.securityContext?.seLinuxOptions;
    const bad = containers.filter(({ securityContext }) => wrong(securityContext?.seLinuxOptions));
    const all = [ofPod, ...bad.map(({ securityContext }) => securityContext?.seLinuxOptions)].filter(wrong);
    if (all.length === 0) return undefined;
    const types = sorted(all.filter(wrongType).map(({ type = '' }) => type));
    const what = [
      ...(types.length > 0 ? [`${plural('type', 'types', types.length)} ${quoted(types)}`] : []),
      ...(all.some(({ user }) => user) ? ['user may not be set'] : []),
      ...(all.some(({ role }) => role) ? ['role may not be set'] : []),
    ];
    return {
      reason: 'seLinuxOptions',
      detail: `${setters(wrong(ofPod), bad)} set forbidden securityContext.seLinuxOptions: ${what.join('; ')}`,
    };
  };

/** Before there was a field there were annotations. */
export const seccompAnnotations: Judge = ({ annotations, containers }) => {
  const keys = [
    'seccomp.security.alpha.kubernetes.io/pod',
    ...containers.map(({ name }) => `container.seccomp.security.alpha.kubernetes.io/${name}`),
  ];
  const isAllowed = (value: string) => value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/');
  const bad = sorted(
    keys.flatMap((key) => {
      const value = annotations[key];
      return value === undefined || isAllowed(value) ? [] : [`${key}=${JSON.stringify(value)}`];
    }),
  );
  if (bad.length === 0) return undefined;
  return { reason: 'seccompProfile', detail: `forbidden ${plural('annotation', 'annotations', bad.length)} ${bad.join(', ')}` };
};

export const seccompProfile: Judge = ({ spec, containers }) => {
  const ofPod = spec.securityContext?.seccompProfile?.type;
  const typeOf = ({ securityContext }: V1Container) => securityContext?.seccompProfile?.type;
  const bad = containers.filter((container) => !isConfined(typeOf(container)));
  const values = sorted([ofPod, ...bad.map(typeOf)].filter((type): type is string => !isConfined(type)));
  if (values.length === 0) return undefined;
  return {
    reason: 'seccompProfile',
    detail: `${setters(!isConfined(ofPod), bad)} must not set securityContext.seccompProfile.type to ${quoted(values)}`,
  };
};

export const sysctls =
  (allowed: readonly string[]): Judge =>
  ({ spec }) => {
    const bad = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !allowed.includes(name));
    return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') };
  };

export const windowsHostProcess: Judge = ({ spec, containers }) => {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess === true;
  const bad = containers.filter(({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true);
  if (!ofPod && bad.length === 0) return undefined;
  return { reason: 'hostProcess', detail: `${setters(ofPod, bad)} must not set securityContext.windowsOptions.hostProcess=true` };
};
