// What an AdmissionConfiguration says of the plugins that take settings.
// Source: https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/
import type { V1ScopedResourceSelectorRequirement } from '../../api/mod.ts';
import type { Policy } from './pod-security/policy.ts';

export interface PodSecuritySettings {
  /** Of what a namespace's labels do not say. */
  readonly defaults: Policy;
  readonly exempt: {
    readonly usernames: readonly string[];
    readonly namespaces: readonly string[];
    readonly runtimeClasses: readonly string[];
  };
}

/** What may be used only where a quota covers it. */
export interface LimitedResource {
  readonly group: string;
  readonly resource: string;
  /** Parts of the names that quotas give it: `requests.storage` has `storage`. */
  readonly matchContains: readonly string[];
  readonly matchScopes: readonly V1ScopedResourceSelectorRequirement[];
}

export interface EventLimit {
  readonly type: 'Server' | 'Namespace' | 'User' | 'SourceAndObject';
  readonly qps: number;
  readonly burst: number;
  /** So many namespaces, users or sources are told apart. */
  readonly cacheSize: number;
}

export interface AdmissionSettings {
  readonly podSecurity?: PodSecuritySettings | undefined;
  readonly limitedResources?: readonly LimitedResource[] | undefined;
  readonly eventLimits?: readonly EventLimit[] | undefined;
}
