// Who has the default roles. Each controller has the role of its name besides.
import type { BindingStatement } from './statement.ts';

export const bindings: readonly BindingStatement[] = [
  { name: 'cluster-admin', role: 'ClusterRole/cluster-admin', subjects: ['group:system:masters'] },
  { name: 'system:basic-user', role: 'ClusterRole/system:basic-user', subjects: ['group:system:authenticated'] },
  { name: 'system:discovery', role: 'ClusterRole/system:discovery', subjects: ['group:system:authenticated'] },
  {
    name: 'system:kube-controller-manager',
    role: 'ClusterRole/system:kube-controller-manager',
    subjects: ['user:system:kube-controller-manager'],
  },
  { name: 'system:kube-dns', role: 'ClusterRole/system:kube-dns', subjects: ['account:kube-dns'] },
  { name: 'system:kube-scheduler', role: 'ClusterRole/system:kube-scheduler', subjects: ['user:system:kube-scheduler'] },
  { name: 'system:monitoring', role: 'ClusterRole/system:monitoring', subjects: ['group:system:monitoring'] },
  { name: 'system:node', role: 'ClusterRole/system:node', subjects: [] },
  { name: 'system:node-proxier', role: 'ClusterRole/system:node-proxier', subjects: ['user:system:kube-proxy'] },
  {
    name: 'system:openshift:public-info-viewer',
    role: 'ClusterRole/system:openshift:public-info-viewer',
    subjects: ['group:system:authenticated', 'group:system:unauthenticated'],
  },
  {
    name: 'system:public-info-viewer',
    role: 'ClusterRole/system:public-info-viewer',
    subjects: ['group:system:authenticated', 'group:system:unauthenticated'],
  },
  {
    name: 'system:service-account-issuer-discovery',
    role: 'ClusterRole/system:service-account-issuer-discovery',
    subjects: ['group:system:serviceaccounts'],
  },
  { name: 'system:volume-scheduler', role: 'ClusterRole/system:volume-scheduler', subjects: ['user:system:kube-scheduler'] },
  {
    name: 'system:controller:bootstrap-signer',
    namespace: 'kube-public',
    role: 'Role/system:controller:bootstrap-signer',
    subjects: ['account:bootstrap-signer'],
  },
  {
    name: 'system::extension-apiserver-authentication-reader',
    namespace: 'kube-system',
    role: 'Role/extension-apiserver-authentication-reader',
    subjects: ['user:system:kube-controller-manager', 'user:system:kube-scheduler'],
  },
  {
    name: 'system::leader-locking-kube-controller-manager',
    namespace: 'kube-system',
    role: 'Role/system::leader-locking-kube-controller-manager',
    subjects: ['user:system:kube-controller-manager', 'account:kube-controller-manager', 'account:leader-election-controller'],
  },
  {
    name: 'system::leader-locking-kube-scheduler',
    namespace: 'kube-system',
    role: 'Role/system::leader-locking-kube-scheduler',
    subjects: ['user:system:kube-scheduler', 'account:kube-scheduler'],
  },
  {
    name: 'system:controller:bootstrap-signer',
    namespace: 'kube-system',
    role: 'Role/system:controller:bootstrap-signer',
    subjects: ['account:bootstrap-signer'],
  },
  {
    name: 'system:controller:cloud-provider',
    namespace: 'kube-system',
    role: 'Role/system:controller:cloud-provider',
    subjects: ['account:cloud-provider'],
  },
  {
    name: 'system:controller:token-cleaner',
    namespace: 'kube-system',
    role: 'Role/system:controller:token-cleaner',
    subjects: ['account:token-cleaner'],
  },
];
