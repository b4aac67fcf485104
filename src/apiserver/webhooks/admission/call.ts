// One webhook asked about one request: its verdict, or the failure that its policy lets pass or not.
import { badRequest, forbidden, internalError, type KubeObject, StatusError } from '../../../api/mod.ts';
import { type Clock, errorText, type Logger, type Random } from '../../../base/mod.ts';
import type { AdmissionAttributes } from '../../admission/chain.ts';
import { type FindNamespace, isExempt, type Judged, matchesNamespace, matchesObject, matchRules } from '../../admission/match.ts';
import { loadEngine } from '../../admission/policies/mod.ts';
import { ownForm, type RequestForm, showAhead } from '../../admission/request-form.ts';
import type { Authorizer } from '../../authz/authorizer.ts';
import { type WebhookClient, WebhookError } from '../client.ts';
import type { Hook } from './hooks.ts';
import type { HookType, WebhookMetrics } from './metrics.ts';
import { denial, ReviewError, type ReviewWriter, readReview, type Verdict } from './review.ts';

export interface CallParts {
  readonly client: WebhookClient;
  readonly metrics: WebhookMetrics;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly namespace: FindNamespace;
  /** For match conditions. */
  readonly authorizer: Authorizer;
}

/** One webhook about one request. */
export interface HookCall {
  readonly hook: Hook;
  readonly form: RequestForm;
  readonly attributes: AdmissionAttributes;
  readonly reviews: ReviewWriter;
  /** Where it is called from, for the audit log: which run, and the how-manieth of all webhooks. */
  readonly round: number;
  readonly index: number;
}

/** The form in which a webhook is to be asked about a request; undefined when it is not. */
export function selects(hook: Hook, judged: Judged): RequestForm | undefined {
  if (isExempt(judged.attributes) || !matchesNamespace(hook, judged) || !matchesObject(hook, judged)) return undefined;
  return matchRules(hook, judged.attributes);
}

/** Whether the conditions of a webhook hold; the request is ready to be shown to it then. Throws 403 when one cannot be evaluated and the webhook's failures count. */
export async function meetsConditions({ authorizer }: CallParts, hook: Hook, form: RequestForm, judged: Judged): Promise<boolean> {
  await showAhead(form, judged.attributes, judged.object);
  if (hook.conditions.length === 0) return true;
  const { webhookMatches } = await loadEngine();
  const matched = await webhookMatches(hook.conditions, form, judged, authorizer);
  if (matched === 'yes' || matched === 'no') return matched === 'yes';
  if (hook.ignoresFailure) return false;
  const { name } = judged.attributes;
  const { group, resource } = ownForm(judged.attributes).resource;
  throw forbidden({ group, resource, name }, matched.error);
}

/** A webhook that could not be asked, or whose answer means nothing. */
class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: number;
  constructor(message: string, code: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

const unavailable = 503;
const annotationOf: Readonly<Record<HookType, string>> = { admit: 'mutation', validating: 'validating' };

/**
 * The verdict of a webhook that allows the request; undefined when it failed and its policy is to ignore that. `use` makes something of the verdict; what
 * it throws counts as a failure of the server's own. Throws StatusError to refuse the request.
 */
export async function askHook<T>(
  parts: CallParts,
  type: HookType,
  call: HookCall,
  use: (verdict: Verdict) => T | Promise<T>,
): Promise<T | undefined> {
  const { hook, attributes } = call;
  const { metrics, clock, log } = parts;
  const startMs = clock.monotonicMs();
  const observe = (code: number, rejected: boolean, errorType: 'no_error' | 'calling_webhook_error' | 'apiserver_internal_error') => {
    const seconds = (clock.monotonicMs() - startMs) / 1000;
    metrics.called({ name: hook.name, type, operation: attributes.operation, seconds, code, rejected, errorType });
  };
  try {
    const verdict = await reviewBy(parts, type, call);
    tell(hook, attributes, verdict);
    if (!verdict.allowed) {
      const refusal = denial(hook.name, verdict.status);
      observe(refusal.code, true, 'no_error');
      throw new Denied(refusal);
    }
    const used = await use(verdict);
    observe(200, false, 'no_error');
    return used;
  } catch (error) {
    if (error instanceof Denied) throw error.refusal;
    if (!(error instanceof CallError)) {
      if (!attributes.signal.aborted) observe(error instanceof StatusError ? error.code : 0, true, 'apiserver_internal_error');
      throw error;
    }
    observe(error.code, !hook.ignoresFailure, 'calling_webhook_error');
    const message = `failed calling webhook ${JSON.stringify(hook.name)}: ${error.message}`;
    if (!hook.ignoresFailure) {
      log.warn('Failed calling webhook, failing closed', { webhook: hook.name, error: errorText(error) });
      throw internalError(new Error(message, { cause: error }));
    }
    log.warn('Failed calling webhook, failing open', { webhook: hook.name, error: errorText(error) });
    metrics.failedOpen(hook.name, type);
    attributes.annotate?.(`failed-open.${annotationOf[type]}.webhook.admission.k8s.io/round_${call.round}_index_${call.index}`, hook.name);
    return undefined;
  }
}

/** Tells a refusal by the webhook from errors of the server's own. */
class Denied extends Error {
  readonly refusal: StatusError;
  constructor(refusal: StatusError) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

async function reviewBy(parts: CallParts, type: HookType, { hook, form, attributes, reviews }: HookCall): Promise<Verdict> {
  if (attributes.dryRun && !hook.dryRunSafe) throw badRequest(`admission webhook ${JSON.stringify(hook.name)} does not support dry run`);
  const { reviewVersion: version } = hook;
  if (version === undefined) {
    const why = 'webhook does not accept known AdmissionReview versions (v1, v1beta1)';
    throw new CallError(`could not create admission objects: ${why}`, 400);
  }
  const uid = parts.random.uuid();
  const request = { body: reviews.write(form, version, uid), timeoutMs: hook.timeoutMs, signal: attributes.signal };
  try {
    return readReview(await parts.client.post(hook.target, request), { version, uid, mutating: type === 'admit' });
  } catch (error) {
    if (error instanceof ReviewError) {
      throw new CallError(
        `${error.invalid ? 'received invalid webhook response' : 'failed to call webhook'}: ${error.message}`,
        unavailable,
        error,
      );
    }
    if (error instanceof WebhookError)
      throw new CallError(`failed to call webhook: ${error.message}`, error.status?.code ?? unavailable, error);
    throw error;
  }
}

function tell(hook: Hook, { warn, annotate }: AdmissionAttributes, { warnings, auditAnnotations }: Verdict): void {
  for (const text of warnings) warn(text);
  if (!annotate) return;
  for (const [key, value] of Object.entries(auditAnnotations)) annotate(`${hook.name}/${key}`, value);
}

/** What a plugin judges a request by. */
export const judgedBy = (parts: CallParts, attributes: AdmissionAttributes, object: KubeObject | undefined): Judged => ({
  attributes,
  object,
  namespace: parts.namespace,
});
