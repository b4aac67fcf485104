// The default roles within kube-system and kube-public.
import { on, type RoleStatement, role } from './statement.ts';

export const namespacedRoles: readonly RoleStatement[] = [
  {
    ...role(
      'system:controller:bootstrap-signer',
      on('get list watch', 'core', 'configmaps'),
      on('update', 'core', 'configmaps', 'cluster-info'),
      on('create patch update', 'core events.k8s.io', 'events'),
    ),
    namespace: 'kube-public',
  },
  {
    ...role('extension-apiserver-authentication-reader', on('get list watch', 'core', 'configmaps', 'extension-apiserver-authentication')),
    namespace: 'kube-system',
  },
  {
    ...role(
      'system::leader-locking-kube-controller-manager',
      on('create get list update watch', 'coordination.k8s.io', 'leases'),
      on('create get list update watch', 'coordination.k8s.io', 'leasecandidates'),
    ),
    namespace: 'kube-system',
  },
  {
    ...role(
      'system::leader-locking-kube-scheduler',
      on('create get list update watch', 'coordination.k8s.io', 'leases'),
      on('create get list update watch', 'coordination.k8s.io', 'leasecandidates'),
    ),
    namespace: 'kube-system',
  },
  { ...role('system:controller:bootstrap-signer', on('get list watch', 'core', 'secrets')), namespace: 'kube-system' },
  { ...role('system:controller:cloud-provider', on('create get list watch', 'core', 'configmaps')), namespace: 'kube-system' },
  {
    ...role(
      'system:controller:token-cleaner',
      on('delete get list watch', 'core', 'secrets'),
      on('create patch update', 'core events.k8s.io', 'events'),
    ),
    namespace: 'kube-system',
  },
];
