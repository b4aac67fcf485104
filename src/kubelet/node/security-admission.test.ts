import { expect, test } from 'vitest';
import type { V1PodSpec } from '../../api/mod.ts';
import { aContainer, aPod } from '../pod/plan.fake.ts';
import { admitSecurity } from './security-admission.ts';

const able = { appArmor: true, supplementalGroupsPolicy: true, allowedUnsafeSysctls: ['net.core.somaxconn', 'kernel.shm*'] };
const unable = { appArmor: false, supplementalGroupsPolicy: false, allowedUnsafeSysctls: [] };
const sysctl = (name: string, more: Partial<V1PodSpec> = {}): Partial<V1PodSpec> => ({
  ...more,
  securityContext: { sysctls: [{ name, value: '1' }] },
});
const noAppArmor = 'Cannot enforce AppArmor: AppArmor is not enabled on the host';

test.each<[string, Partial<V1PodSpec>, typeof able, [string, string] | undefined]>([
  ['nothing asked for', {}, unable, undefined],
  ['a safe sysctl', sysctl('kernel.shm_rmid_forced'), unable, undefined],
  ['a safe one with slashes', sysctl('kernel/shm_rmid_forced'), unable, undefined],
  ['an unsafe one', sysctl('kernel.msgmax'), able, ['SysctlForbidden', 'forbidden sysctl: "kernel.msgmax" not allowlisted']],
  ['an unsafe one that the node allows by name', sysctl('net/core/somaxconn'), able, undefined],
  ['and by its beginning', sysctl('kernel.shmmax'), able, undefined],
  [
    'one of the host’s network',
    sysctl('net.ipv4.tcp_syncookies', { hostNetwork: true }),
    able,
    ['SysctlForbidden', 'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host Net enabled'],
  ],
  [
    'one of the host’s IPC',
    sysctl('kernel.shm_rmid_forced', { hostIPC: true }),
    able,
    ['SysctlForbidden', 'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host IPC enabled'],
  ],
  [
    'strict groups without the runtime for it',
    { securityContext: { supplementalGroupsPolicy: 'Strict' } },
    unable,
    ['SupplementalGroupsPolicyNotSupported', 'SupplementalGroupsPolicy=Strict is not supported in this node'],
  ],
  ['strict groups', { securityContext: { supplementalGroupsPolicy: 'Strict' } }, able, undefined],
  ['merged groups', { securityContext: { supplementalGroupsPolicy: 'Merge' } }, unable, undefined],
  ['AppArmor for the pod', { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }, unable, ['AppArmor', noAppArmor]],
  [
    'AppArmor for a container',
    { containers: [aContainer('app', { securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'p' } } })] },
    unable,
    ['AppArmor', noAppArmor],
  ],
  ['AppArmor where it is', { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }, able, undefined],
  ['no AppArmor asked for', { securityContext: { appArmorProfile: { type: 'Unconfined' } } }, unable, undefined],
])('%s', (_, spec, facts, refused) => {
  const found = admitSecurity(aPod(spec), facts);
  expect(found && [found.reason, found.message]).toEqual(refused);
});
