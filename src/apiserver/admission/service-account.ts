// ServiceAccount: a pod runs as an account of its namespace, and finds that account's token, the cluster's CA and its namespace in a volume.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-admission-controller
import {
  type Draft,
  forbidden,
  randomSuffix,
  type StatusError,
  setServiceAccountName,
  type V1Container,
  type V1Pod,
  type V1ServiceAccount,
} from '../../api/mod.ts';
import type { Random } from '../../base/mod.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './chain.ts';

export interface ServiceAccountOptions {
  /** Absent: accounts are not served, and none is looked up. */
  readonly accounts?: ServiceAccountLookup | undefined;
  /** Pods get tokens. */
  readonly tokens: boolean;
  readonly random: Random;
}

export interface ServiceAccountLookup {
  get(namespace: string, name: string): V1ServiceAccount | undefined;
  /** Waits a moment for one that is about to be made. */
  appears(namespace: string, name: string, signal: AbortSignal): Promise<V1ServiceAccount | undefined>;
}

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
const defaultAccount = 'default';
/** An hour and some seconds: by them the server knows that the kubelet will renew it, and that the client may not notice. */
const tokenSeconds = 3607;
const fileMode = 0o644;
const mirrorAnnotation = 'kubernetes.io/config.mirror';

export function podServiceAccount(options: ServiceAccountOptions): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    async mutate(attributes, draft) {
      const { kind, operation, subresource, namespace = '' } = attributes;
      if (operation !== 'CREATE' || subresource !== undefined || !draft || kind.group !== '' || kind.resource !== 'pods') return;
      const pod = draft as Draft<V1Pod>;
      if (!pod.spec) return;
      // What runs already is only shown: nothing can be added to it.
      if (pod.metadata?.annotations?.[mirrorAnnotation] !== undefined) return checkMirror(attributes, pod);
      setServiceAccountName(pod);
      const name = pod.spec.serviceAccountName ?? '';
      if (!options.accounts || name === '') return;
      // The default account is made right after its namespace: a pod that comes in between waits for it.
      const { accounts } = options;
      const account =
        accounts.get(namespace, name) ?? (name === defaultAccount ? await accounts.appears(namespace, name, attributes.signal) : undefined);
      if (!account) {
        const why = `error looking up service account ${namespace}/${name}: serviceaccount ${JSON.stringify(name)} not found`;
        throw refuse(attributes, why);
      }
      if (options.tokens && wantsToken(pod, account)) mountToken(pod, options.random);
      const { imagePullSecrets = [] } = account;
      if ((pod.spec.imagePullSecrets ?? []).length === 0 && imagePullSecrets.length > 0) pod.spec.imagePullSecrets = [...imagePullSecrets];
    },
  };
}

const refuse = ({ name }: AdmissionAttributes, why: string): StatusError =>
  forbidden({ group: '', resource: 'pods', name: name || undefined }, why);

function checkMirror(attributes: AdmissionAttributes, pod: Draft<V1Pod>): void {
  if ((pod.spec?.serviceAccountName ?? '') !== '') throw refuse(attributes, 'a mirror pod may not reference service accounts');
  const volumes = pod.spec?.volumes ?? [];
  if (volumes.some((volume) => volume.projected?.sources?.some((source) => source.serviceAccountToken !== undefined))) {
    throw refuse(attributes, 'a mirror pod may not use ServiceAccountToken volume projections');
  }
}

const wantsToken = ({ spec }: Draft<V1Pod>, account: V1ServiceAccount): boolean =>
  spec?.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;

/** Every container that has nothing of its own in that place. */
function mountToken(pod: Draft<V1Pod>, random: Random): void {
  const { spec } = pod;
  if (!spec) return;
  const standing = spec.volumes?.find((volume) => volume.name.startsWith(volumePrefix))?.name;
  const name = standing ?? volumePrefix + randomSuffix(random);
  const mount = { name, mountPath, readOnly: true };
  const has = (container: Draft<V1Container>) => container.volumeMounts?.some((one) => one.mountPath === mountPath) === true;
  const without = [...(spec.initContainers ?? []), ...spec.containers].filter((container) => !has(container));
  for (const container of without) container.volumeMounts = [...(container.volumeMounts ?? []), { ...mount }];
  if (without.length > 0 && standing === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

const tokenVolume = (name: string): NonNullable<NonNullable<Draft<V1Pod>['spec']>['volumes']>[number] => ({
  name,
  projected: {
    sources: [
      { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
    ],
    defaultMode: fileMode,
  },
});
