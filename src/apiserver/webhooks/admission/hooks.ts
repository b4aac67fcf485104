// The admission webhooks that are configured just now, compiled, in the order in which they are asked. Kept until a configuration changes.
import type { V1MatchCondition, V1MutatingWebhook, V1MutatingWebhookConfiguration, V1ValidatingWebhook } from '../../../api/mod.ts';
import { type Criteria, compileSelectors } from '../../admission/match.ts';
import { nameOf, type Resource } from '../../registry/resource.ts';
import type { CacheEntry } from '../../watch-cache/mod.ts';
import type { WebhookTarget } from '../client.ts';

/** One webhook of a configuration. */
export interface Hook extends Criteria {
  /** Tells it from all others while the configuration stands. */
  readonly id: string;
  readonly name: string;
  readonly configuration: string;
  readonly target: WebhookTarget;
  readonly timeoutMs: number;
  /** A call that fails lets the request pass. */
  readonly ignoresFailure: boolean;
  readonly reinvocable: boolean;
  readonly dryRunSafe: boolean;
  readonly conditions: readonly V1MatchCondition[];
  /** The version of AdmissionReview that it is sent; undefined when it knows none that the server does. */
  readonly reviewVersion: ReviewVersion | undefined;
}

export type ReviewVersion = 'v1' | 'v1beta1';

type Configured = V1ValidatingWebhook & Partial<Pick<V1MutatingWebhook, 'reinvocationPolicy'>>;
const timeoutSecondsDefault = 10;

/** Follows one resource of configurations. Looking costs a comparison as long as none changes. */
export class HookIndex {
  readonly #resource: Resource | undefined;
  readonly #compiled = new WeakMap<CacheEntry, readonly Hook[]>();
  #at = -1;
  #hooks: readonly Hook[] = [];

  /** Undefined: such configurations are not served. */
  constructor(resource: Resource | undefined) {
    this.#resource = resource;
  }

  /** By the name of the configuration, then as they stand in it. */
  get hooks(): readonly Hook[] {
    const cache = this.#resource?.cache;
    if (!cache || cache.lastChange === this.#at) return this.#hooks;
    this.#at = cache.lastChange;
    this.#hooks = cache.page({}).entries.flatMap((entry) => this.#of(entry));
    return this.#hooks;
  }

  #of(entry: CacheEntry): readonly Hook[] {
    const known = this.#compiled.get(entry);
    if (known) return known;
    const object = entry.object as V1MutatingWebhookConfiguration;
    const hooks = (object.webhooks ?? []).map((webhook, index) => compileHook(nameOf(object), webhook, index));
    this.#compiled.set(entry, hooks);
    return hooks;
  }
}

/** `index` tells webhooks of the same name in one configuration apart. */
export function compileHook(configuration: string, webhook: Configured, index: number): Hook {
  const { name, clientConfig, rules = [], sideEffects } = webhook;
  return {
    ...compileSelectors(webhook.namespaceSelector, webhook.objectSelector),
    id: `${configuration}/${name}/${index}`,
    name,
    configuration,
    rules,
    equivalent: webhook.matchPolicy !== 'Exact',
    target: clientConfig,
    timeoutMs: (webhook.timeoutSeconds ?? timeoutSecondsDefault) * 1000,
    ignoresFailure: webhook.failurePolicy === 'Ignore',
    reinvocable: webhook.reinvocationPolicy === 'IfNeeded',
    conditions: webhook.matchConditions ?? [],
    dryRunSafe: sideEffects === 'None' || sideEffects === 'NoneOnDryRun',
    reviewVersion: webhook.admissionReviewVersions?.find((version): version is ReviewVersion => version === 'v1' || version === 'v1beta1'),
  };
}
