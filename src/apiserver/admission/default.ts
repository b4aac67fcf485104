// The plugins that always run, in their order.
import type { KubeObject, V1LimitRange } from '../../api/mod.ts';
import type { Clock, Random } from '../../base/mod.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { appears } from '../watch-cache/appears.ts';
import type { AdmissionPlugin } from './chain.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { taintNodesByCondition } from './node-taints.ts';
import { defaultTolerationSeconds, podPriority } from './pod-defaults.ts';
import { podServiceAccount, type ServiceAccountLookup } from './service-account.ts';
import { defaultStorageClass, persistentVolumeClaimResize, storageObjectInUseProtection } from './storage.ts';

/** How long a pod waits for the default account of a new namespace. */
const accountWaitMs = 1500;

export interface DefaultAdmissionOptions {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  /** Pods get service account tokens. */
  readonly tokens: boolean;
}

export function defaultAdmission({ registry, clock, random, tokens }: DefaultAdmissionOptions): readonly AdmissionPlugin[] {
  const namespaces = registry.find({ group: '', version: 'v1', resource: 'namespaces' });
  const classes = registry.find({ group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses' });
  const accounts = registry.find({ group: '', version: 'v1', resource: 'serviceaccounts' });
  const storage = registry.find({ group: 'storage.k8s.io', version: 'v1', resource: 'storageclasses' });
  const limits = registry.find({ group: '', version: 'v1', resource: 'limitranges' });
  return [
    ...(namespaces ? [namespaceLifecycle({ namespace: (name) => namespaces.get(undefined, name)?.object })] : []),
    ...(limits
      ? [limitRanger({ in: (namespace) => limits.cache.page({ namespace }).entries.map((entry) => entry.object as V1LimitRange) })]
      : []),
    podServiceAccount({ accounts: accounts && accountLookup(accounts, clock), tokens, random }),
    taintNodesByCondition,
    podPriority({ classes: classLookup(classes) }),
    defaultTolerationSeconds,
    defaultStorageClass(classLookup(storage)),
    storageObjectInUseProtection,
    persistentVolumeClaimResize(classLookup(storage)),
  ];
}

/** Classes of whatever: there are few of them. */
const classLookup = (resource: Resource | undefined) => ({
  get: (name: string): KubeObject | undefined => resource?.get(undefined, name)?.object,
  all: (): readonly KubeObject[] => resource?.cache.page({}).entries.map((entry) => entry.object) ?? [],
});

const accountLookup = (resource: Resource, clock: Clock): ServiceAccountLookup => ({
  get: (namespace, name) => resource.get(namespace, name)?.object,
  appears: (namespace, name, signal) => appears({ cache: resource.cache, namespace, name, clock, timeoutMs: accountWaitMs, signal }),
});
