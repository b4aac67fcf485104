// The order in which admission plugins run: upstream's, with what is Minke's own in its place.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#what-does-each-admission-controller-do
import type { AdmissionPlugin } from './chain.ts';

/** By name. Webhooks, quota and AlwaysDeny come last: they judge what all others have made of the object. */
export const admissionOrder: readonly string[] = [
  'AlwaysAdmit',
  'NamespaceAutoProvision',
  'NamespaceLifecycle',
  'NamespaceExists',
  'LimitPodHardAntiAffinityTopology',
  'LimitRanger',
  'ServiceAccount',
  'NodeRestriction',
  'TaintNodesByCondition',
  'AlwaysPullImages',
  'ImagePolicyWebhook',
  'PodSecurity',
  'PodNodeSelector',
  'Priority',
  'DefaultTolerationSeconds',
  'PodTolerationRestriction',
  'EventRateLimit',
  'ExtendedResourceToleration',
  'DefaultStorageClass',
  'StorageObjectInUseProtection',
  'OwnerReferencesPermissionEnforcement',
  'PersistentVolumeClaimResize',
  'RuntimeClass',
  'CertificateApproval',
  'CertificateSigning',
  'ClusterTrustBundleAttest',
  'CertificateSubjectRestriction',
  'DefaultIngressClass',
  'DenyServiceExternalIPs',
  'PodTopologyLabels',
  'RBACEscalation',
  'AdmissionExpressions',
  'MutatingAdmissionPolicy',
  'MutatingAdmissionWebhook',
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionWebhook',
  'ResourceQuota',
  'AlwaysDeny',
];

const places = new Map(admissionOrder.map((name, place) => [name, place]));
/** Plugins that nobody has heard of run before the policies. */
const ownPlace = places.get('MutatingAdmissionPolicy') ?? 0;

/** Those without a place keep the order in which they are given. */
export function inOrder(plugins: readonly AdmissionPlugin[]): readonly AdmissionPlugin[] {
  const placeOf = ({ name }: AdmissionPlugin): number => places.get(name) ?? ownPlace - 0.5;
  return [...plugins].sort((a, b) => placeOf(a) - placeOf(b));
}
