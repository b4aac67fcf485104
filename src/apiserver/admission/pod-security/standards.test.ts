import { expect, describe as group, test } from 'vitest';
import type { V1Container, V1Pod, V1PodSpec, V1SecurityContext } from '../../../api/mod.ts';
import { viewOf } from './check.ts';
import type { Level, Standard } from './policy.ts';
import { describe, violationsOf } from './standards.ts';

/** What the restricted standard asks for. */
const safe: V1SecurityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
const safePod: Partial<V1PodSpec> = { securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } } };
const container = (securityContext: V1SecurityContext | undefined, more: Partial<V1Container> = {}, name = 'c'): V1Container => ({
  name,
  securityContext,
  ...more,
});

function judge(standard: Standard, spec: Partial<V1PodSpec>, annotations?: Record<string, string>): string {
  const whole: V1Pod['spec'] = { containers: [container(safe)], ...spec };
  return describe(violationsOf(standard, viewOf(whole, annotations)));
}
const at = (level: Level, version: Standard['version'] = 'latest'): Standard => ({ level, version });
const [a, b] = [(of: V1SecurityContext) => container(of, {}, 'a'), (of: V1SecurityContext) => container(of, {}, 'b')];
const probe = { httpGet: { host: '1.2.3.4', port: 80 } };

group('the baseline', () => {
  test.each<[string, Partial<V1PodSpec>, string]>([
    ['an ordinary pod', { containers: [container(undefined)] }, ''],
    [
      'AppArmor, by field',
      { securityContext: { appArmorProfile: { type: 'Unconfined' } }, containers: [a({ appArmorProfile: { type: 'Unconfined' } })] },
      'forbidden AppArmor profile (pod and container "a" must not set AppArmor profile type to "Unconfined")',
    ],
    [
      'capabilities',
      { containers: [a({ capabilities: { add: ['SYS_ADMIN', 'CHOWN'] } }), b({ capabilities: { add: ['NET_RAW'] } })] },
      'non-default capabilities (containers "a", "b" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)',
    ],
    ['host namespaces', { hostNetwork: true, hostIPC: true }, 'host namespaces (hostNetwork=true, hostIPC=true)'],
    [
      'host paths',
      {
        volumes: [
          { name: 'x', hostPath: { path: '/' } },
          { name: 'y', emptyDir: {} },
        ],
      },
      'hostPath volumes (volume "x")',
    ],
    [
      'host ports',
      {
        containers: [
          container(undefined, {
            ports: [
              { containerPort: 1, hostPort: 80 },
              { containerPort: 2, hostPort: 8080 },
            ],
          }),
        ],
      },
      'hostPort (container "c" uses hostPorts 80, 8080)',
    ],
    [
      'hosts of probes',
      {
        initContainers: [
          container(undefined, { livenessProbe: probe, lifecycle: { preStop: { tcpSocket: { host: 'h', port: 1 } } } }, 'i'),
        ],
      },
      'probe or lifecycle host (container "i" uses probe or lifecycle hosts "1.2.3.4", "h")',
    ],
    [
      'privileged, in order of the kinds of containers',
      { initContainers: [b({ privileged: true })], containers: [a({ privileged: true })] },
      'privileged (containers "b", "a" must not set securityContext.privileged=true)',
    ],
    [
      'an ephemeral container',
      { ephemeralContainers: [{ name: 'e', securityContext: { privileged: true } }] },
      'privileged (container "e" must not set securityContext.privileged=true)',
    ],
    [
      'procMount',
      { containers: [a({ procMount: 'Unmasked' })] },
      'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
    ],
    ['procMount in a user namespace', { hostUsers: false, containers: [a({ procMount: 'Unmasked' })] }, ''],
    [
      'SELinux',
      {
        securityContext: { seLinuxOptions: { type: 'spc_t', user: 'u' } },
        containers: [a({ seLinuxOptions: { type: 'container_engine_t', role: 'r' } })],
      },
      'seLinuxOptions (pod and container "a" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set; role may not be set)',
    ],
    [
      'seccomp',
      { securityContext: { seccompProfile: { type: 'Unconfined' } } },
      'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
    ],
    [
      'sysctls',
      {
        securityContext: {
          sysctls: [
            { name: 'kernel.msgmax', value: '1' },
            { name: 'net.ipv4.tcp_rmem', value: '1' },
          ],
        },
      },
      'forbidden sysctls (kernel.msgmax)',
    ],
    [
      'Windows',
      { securityContext: { windowsOptions: { hostProcess: true } } },
      'hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)',
    ],
  ])('%s', (_what, spec, want) => {
    expect(judge(at('baseline'), spec)).toBe(want);
    expect(judge(at('privileged'), spec)).toBe('');
  });

  test('AppArmor, by annotation', () => {
    const key = 'container.apparmor.security.beta.kubernetes.io/c';
    expect(judge(at('baseline'), {}, { [key]: 'localhost/mine' })).toBe('');
    expect(judge(at('baseline'), {}, { [key]: 'unconfined' })).toBe(
      `forbidden AppArmor profile (annotation must not set AppArmor profile type to "${key}="unconfined"")`,
    );
  });
});

group('the restricted standard', () => {
  test('says all that an ordinary pod lacks', () => {
    expect(judge(at('restricted'), { containers: [container(undefined, {}, 'x')] })).toBe(
      'allowPrivilegeEscalation != false (container "x" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (container "x" must set securityContext.capabilities.drop=["ALL"]), ' +
        'runAsNonRoot != true (pod or container "x" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or container "x" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
  });

  test.each<[string, Partial<V1PodSpec>, string]>([
    ['a pod that asks for nothing', {}, ''],
    [
      'capabilities',
      { containers: [a({ ...safe, capabilities: { drop: ['ALL'], add: ['CHOWN', 'NET_BIND_SERVICE'] } })] },
      'unrestricted capabilities (container "a" must not include "CHOWN" in securityContext.capabilities.add)',
    ],
    [
      'volumes',
      {
        volumes: [
          { name: 'x', hostPath: { path: '/' } },
          { name: 'y', nfs: { path: '/', server: 's' } },
          { name: 'z', image: {} },
        ],
      },
      'restricted volume types (volumes "x", "y", "z" use restricted volume types "hostPath", "nfs", "unknown")',
    ],
    [
      'root',
      { securityContext: { ...safePod.securityContext, runAsUser: 0 }, containers: [a({ ...safe, runAsNonRoot: false })] },
      'runAsNonRoot != true (container "a" must not set securityContext.runAsNonRoot=false), runAsUser=0 (pod must not set runAsUser=0)',
    ],
    ['root in a user namespace', { hostUsers: false, securityContext: { runAsUser: 0, seccompProfile: { type: 'Localhost' } } }, ''],
    [
      'procMount, twice as upstream',
      { containers: [a({ ...safe, procMount: 'Unmasked' })] },
      'procMount (container "a" must not set securityContext.procMount to "Unmasked"), procMount (container "a" must not set securityContext.procMount to "Unmasked")',
    ],
    [
      'what is the baseline first',
      { hostPID: true, containers: [a({ ...safe, allowPrivilegeEscalation: true })] },
      'host namespaces (hostPID=true), allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false)',
    ],
    [
      'a Windows pod lacks what only Linux has',
      { os: { name: 'windows' }, securityContext: { runAsNonRoot: true }, containers: [container(undefined)] },
      '',
    ],
  ])('%s', (_what, spec, want) => {
    expect(judge(at('restricted'), { ...safePod, ...spec })).toBe(want);
  });
});

group('older versions', () => {
  test.each<[string, Standard, Partial<V1PodSpec>, Record<string, string>, string]>([
    ['ask for no seccomp profile before 1.19', at('restricted', 18), { securityContext: { runAsNonRoot: true } }, {}, ''],
    [
      'judge annotations then',
      at('baseline', 18),
      {},
      { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' },
      'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
    ],
    ['let capabilities be before 1.22', at('restricted', 21), { ...safePod, containers: [a({ allowPrivilegeEscalation: false })] }, {}, ''],
    ['let root be by number before 1.23', at('restricted', 22), { securityContext: { ...safePod.securityContext, runAsUser: 0 } }, {}, ''],
    [
      'ask Windows pods the same before 1.25',
      at('restricted', 24),
      { os: { name: 'windows' }, ...safePod, containers: [container({ capabilities: { drop: ['ALL'] } })] },
      {},
      'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)',
    ],
    [
      'know fewer sysctls',
      at('baseline', 26),
      { securityContext: { sysctls: [{ name: 'net.ipv4.ip_local_reserved_ports', value: '1' }] } },
      {},
      'forbidden sysctls (net.ipv4.ip_local_reserved_ports)',
    ],
    ['let hosts of probes be before 1.34', at('baseline', 33), { containers: [container(undefined, { livenessProbe: probe })] }, {}, ''],
    [
      'make no exception for user namespaces before 1.35',
      at('restricted', 34),
      { hostUsers: false, securityContext: { seccompProfile: { type: 'RuntimeDefault' } } },
      {},
      'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)',
    ],
    [
      'a version to come is the latest',
      at('baseline', 99),
      { containers: [container(undefined, { livenessProbe: probe })] },
      {},
      'probe or lifecycle host (container "c" uses probe or lifecycle host "1.2.3.4")',
    ],
  ])('%s', (_what, standard, spec, annotations, want) => {
    expect(judge(standard, spec, annotations)).toBe(want);
  });
});
