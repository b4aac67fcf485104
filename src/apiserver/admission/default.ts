// The plugins that come with the server.
import {
  apiVersionOf,
  type Draft,
  type KindDefinition,
  type KubeObject,
  type V1LimitRange,
  type V1Pod,
  type V1ResourceQuota,
} from '../../api/mod.ts';
import type { Clock, Random } from '../../base/mod.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resource } from '../registry/resource.ts';
import { appears } from '../watch-cache/appears.ts';
import type { CacheEntry } from '../watch-cache/mod.ts';
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts';
import type { AdmissionPlugin } from './chain.ts';
import { eventRateLimit } from './event-rate-limit.ts';
import { limitRanger } from './limit-ranger.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';
import { defaultIngressClass } from './networking.ts';
import { taintNodesByCondition } from './node-taints.ts';
import { optionalAdmission } from './optional.ts';
import { ownerReferencesPermission } from './owner-references.ts';
import { defaultTolerationSeconds, podPriority } from './pod-defaults.ts';
import { podSecurity } from './pod-security/pod-security.ts';
import { podTopologyLabels } from './pod-topology-labels.ts';
import { type ResourceQuotaOptions, resourceQuota } from './quota/resource-quota.ts';
import { runtimeClass } from './runtime-class.ts';
import { podServiceAccount, type ServiceAccountLookup } from './service-account.ts';
import type { AdmissionSettings } from './settings.ts';
import { defaultStorageClass, persistentVolumeClaimResize, storageObjectInUseProtection } from './storage.ts';

/** How long a pod waits for the default account of a new namespace. */
const accountWaitMs = 1500;

export interface DefaultAdmissionOptions {
  readonly registry: Registry;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly random: Random;
  /** Pods get service account tokens. */
  readonly tokens: boolean;
  /** What an AdmissionConfiguration says. */
  readonly settings?: AdmissionSettings | undefined;
}

export function defaultAdmission(options: DefaultAdmissionOptions): readonly AdmissionPlugin[] {
  const { registry, authorizer, clock, random, tokens, settings } = options;
  const namespaces = registry.find({ group: '', version: 'v1', resource: 'namespaces' });
  const classes = registry.find({ group: 'scheduling.k8s.io', version: 'v1', resource: 'priorityclasses' });
  const accounts = registry.find({ group: '', version: 'v1', resource: 'serviceaccounts' });
  const storage = registry.find({ group: 'storage.k8s.io', version: 'v1', resource: 'storageclasses' });
  const limits = registry.find({ group: '', version: 'v1', resource: 'limitranges' });
  const runtimeClasses = registry.find({ group: 'node.k8s.io', version: 'v1', resource: 'runtimeclasses' });
  const ingressClasses = registry.find({ group: 'networking.k8s.io', version: 'v1', resource: 'ingressclasses' });
  const pods = registry.find({ group: '', version: 'v1', resource: 'pods' });
  const nodes = registry.find({ group: '', version: 'v1', resource: 'nodes' });
  const quotas = registry.find({ group: '', version: 'v1', resource: 'resourcequotas' });
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
    runtimeClass(classLookup(runtimeClasses)),
    certificateApproval(authorizer),
    certificateSigning(authorizer),
    certificateSubjectRestriction,
    defaultIngressClass(classLookup(ingressClasses)),
    podTopologyLabels(classLookup(nodes)),
    ...(namespaces && pods
      ? [
          podSecurity({
            namespace: (name) => namespaces.get(undefined, name)?.object,
            pods: (namespace) => pods.cache.page({ namespace }).entries.map((entry) => entry.object as V1Pod),
            settings: settings?.podSecurity,
          }),
        ]
      : []),
    ...optionalAdmission({ namespace: (name) => namespaces?.get(undefined, name)?.object }),
    ownerReferencesPermission({ authorizer, kindOf: (apiVersion, kind) => kindIn(registry, apiVersion, kind) }),
    { ...eventRateLimit(settings?.eventLimits ?? [], clock), optional: true },
    ...(quotas ? [resourceQuota({ ...quotaStore(registry, quotas, clock), limited: settings?.limitedResources })] : []),
  ];
}

const kindIn = (registry: Registry, apiVersion: string, kind: string): KindDefinition | undefined =>
  registry.resources.flatMap(({ versions }) => versions).find((one) => one.kind === kind && apiVersionOf(one) === apiVersion);

function quotaStore(registry: Registry, quotas: Resource, clock: Clock): ResourceQuotaOptions {
  const { cache } = quotas;
  return {
    clock,
    any: () => cache.size > 0,
    quotas: (namespace) => cache.page({ namespace }).entries,
    objects: (kind, namespace) =>
      registry
        .of(kind)
        .cache.page({ namespace })
        .entries.map((entry) => entry.object),
    write: (old, next) => registry.update(old as CacheEntry, next as Draft<V1ResourceQuota>),
    reach: (revision) => registry.cache.reach(revision),
  };
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
