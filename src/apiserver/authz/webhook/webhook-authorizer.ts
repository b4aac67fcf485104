// Asks a webhook who may do what: a SubjectAccessReview of authorization.k8s.io/v1.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/webhook/
import type { V1SubjectAccessReview, V1SubjectAccessReviewSpec } from '../../../api/mod.ts';
import { type Clock, errorText, type Logger } from '../../../base/mod.ts';
import type { Attributes, Authorizer, Decision } from '../authorizer.ts';

export interface WebhookAuthorizerOptions {
  /** Posts JSON, within a deadline; throws when there is no answer of success. */
  readonly post: (body: string) => Promise<Uint8Array>;
  /** Milliseconds for which an answer counts. */
  readonly allowedMs: number;
  readonly notAllowedMs: number;
  /** What counts when there is no answer. */
  readonly onFailure: 'deny' | 'noOpinion';
  /** Whether the webhook is about such a request. Throws when that cannot be told. Default: about every one. */
  readonly matches?: ((spec: V1SubjectAccessReviewSpec) => boolean) | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Answers remembered, and the length of what they are remembered by. */
const rememberedMax = 8192;
const keyLengthMax = 10_000;

export function createWebhookAuthorizer(options: WebhookAuthorizerOptions): Authorizer {
  const { post, matches, clock, log } = options;
  const remembered = new Map<string, { readonly decision: Decision; readonly untilMs: number }>();
  const asking = new Map<string, Promise<Decision>>();
  const failed = (why: string): Decision => {
    log.warn('The webhook for authorization gave no decision', { error: why });
    return options.onFailure === 'deny' ? { decision: 'deny', reason: why } : { decision: 'noOpinion', reason: why };
  };
  const ask = async (key: string): Promise<Decision> => {
    let decision: Decision;
    try {
      const body = `{"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":${key}}`;
      decision = decisionOf(JSON.parse(Buffer.from(await post(body)).toString('utf8')) as V1SubjectAccessReview);
    } catch (error) {
      return failed(errorText(error));
    }
    const forMs = decision.decision === 'allow' ? options.allowedMs : options.notAllowedMs;
    if (forMs > 0 && key.length <= keyLengthMax) {
      remembered.delete(key);
      remembered.set(key, { decision, untilMs: clock.monotonicMs() + forMs });
      if (remembered.size > rememberedMax) remembered.delete(remembered.keys().next().value ?? key);
    }
    return decision;
  };
  return {
    decide(attributes) {
      const spec = specOf(attributes);
      try {
        if (matches && !matches(spec)) return noOpinion;
      } catch (error) {
        return failed(errorText(error));
      }
      const key = JSON.stringify(spec);
      const known = remembered.get(key);
      if (known && known.untilMs > clock.monotonicMs()) return known.decision;
      const before = asking.get(key);
      if (before) return before;
      const asked = ask(key).finally(() => asking.delete(key));
      asking.set(key, asked);
      return asked;
    },
  };
}

const noOpinion: Decision = Object.freeze({ decision: 'noOpinion' });

function decisionOf({ status }: V1SubjectAccessReview): Decision {
  const { allowed, denied, reason, evaluationError } = status ?? {};
  if (allowed === true && denied === true) throw new Error('webhook subject access review returned both allow and deny response');
  const why = reason || evaluationError;
  const decision = denied === true ? 'deny' : allowed === true ? 'allow' : 'noOpinion';
  return { decision, ...(why ? { reason: why } : {}) };
}

function specOf(attributes: Attributes): V1SubjectAccessReviewSpec {
  const { user, verb } = attributes;
  const who = {
    ...(attributes.as === 'path'
      ? { nonResourceAttributes: { path: attributes.path, verb } }
      : { resourceAttributes: resourceAttributesOf(attributes) }),
    user: user.name,
    ...(user.groups.length === 0 ? {} : { groups: [...user.groups] }),
    ...(user.extra === undefined ? {} : { extra: user.extra }),
    ...(user.uid === undefined ? {} : { uid: user.uid }),
  };
  return who as V1SubjectAccessReviewSpec;
}

function resourceAttributesOf(attributes: Attributes & { readonly as: 'resource' }): Readonly<Record<string, string>> {
  const { namespace, verb, group, version, resource, subresource, name } = attributes;
  return Object.fromEntries(
    Object.entries({ namespace, verb, group, version, resource, subresource, name }).filter(([, value]) => value !== ''),
  );
}
