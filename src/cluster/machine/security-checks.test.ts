import { expect, test } from 'vitest';
import { type SecurityFacts, securityItems } from './security-checks.ts';

const sound: SecurityFacts = {
  files: [{ path: '/d/pki/ca.key', mode: 0o100600, modeMax: 0o600 }],
  words: ['node', 'minke', 'up'],
  anonymousStatus: { '/api': 401 },
  weakHandshakes: [],
  clusterRoles: [{ metadata: { name: 'a' }, rules: [{ verbs: ['get'], resources: ['*'], apiGroups: [''] }] }],
  bindings: [],
  namespaces: [{ metadata: { name: 'default', labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } } }],
  kubelets: [{ node: 'n', anonymousStatus: 401, readOnlyPortOpen: false }],
};
const binding = (role: string, subjects: object[]) => ({
  metadata: { name: 'b' },
  roleRef: { apiGroup: '', kind: 'ClusterRole', name: role },
  subjects: subjects as never,
});

test('a sound cluster: nothing fails; what is not asked for is explained', () => {
  const items = securityItems(sound);
  expect(items.filter(({ state }) => state === 'fail')).toEqual([]);
  expect(items.filter(({ state }) => state === 'explained').map(({ title }) => title)).toEqual([
    'Requests are recorded',
    'Secrets are encrypted at rest',
  ]);
});

test.each<[string, Partial<SecurityFacts>]>([
  ['/d/pki/ca.key is 0600 or stricter', { files: [{ path: '/d/pki/ca.key', mode: 0o640, modeMax: 0o600 }] }],
  ['Nobody reads anything without credentials but health and version', { anonymousStatus: { '/api': 200 } }],
  ['No static token file', { words: ['--token-auth-file=t'] }],
  ['Not everything is allowed', { words: ['--authorization-mode', 'Node,RBAC,AlwaysAllow'] }],
  ['Node and RBAC decide', { words: ['--authorization-mode=RBAC'] }],
  ['AlwaysAdmit is off', { words: ['--enable-admission-plugins=AlwaysAdmit'] }],
  [
    'ServiceAccount, NamespaceLifecycle, NodeRestriction, PodSecurity are on',
    { words: ['--disable-admission-plugins', 'NodeRestriction'] },
  ],
  ['TLS 1.2 and later, with forward secrecy and authenticated encryption', { weakHandshakes: ['TLS 1.1'] }],
  ['The kubelet of n refuses who has no credentials', { kubelets: [{ node: 'n', anonymousStatus: 200, readOnlyPortOpen: false }] }],
  ['The kubelet of n has no read-only port', { kubelets: [{ node: 'n', anonymousStatus: 401, readOnlyPortOpen: true }] }],
  ['cluster-admin is bound to system:masters alone', { bindings: [binding('cluster-admin', [{ kind: 'User', name: 'x' }])] }],
  ['No role of yours allows everything', { clusterRoles: [{ metadata: { name: 'r' }, rules: [{ verbs: ['*'], resources: ['*'] }] }] }],
  [
    'Service accounts named default have no rights of their own',
    { bindings: [binding('view', [{ kind: 'ServiceAccount', name: 'default' }])] },
  ],
  [
    'Nothing is bound to who has no credentials but version and health',
    { bindings: [binding('view', [{ kind: 'User', name: 'system:anonymous' }])] },
  ],
])('%s', (title, wrong) => {
  const failed = securityItems({ ...sound, ...wrong }).filter(({ state }) => state === 'fail');
  expect(failed.map((one) => one.title)).toEqual([title]);
  expect(failed[0]?.why).not.toBe('');
});
