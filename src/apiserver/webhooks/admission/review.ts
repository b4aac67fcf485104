// AdmissionReview: what a webhook is sent, and what of its answer is believed.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#webhook-request-and-response
import { jsonDepthMax, parseExactJson, scanJson, stringifyJson } from '../../../api/codec/mod.ts';
import { internalError, type KindDefinition, type KubeObject, StatusError, type V1Status } from '../../../api/mod.ts';
import { errorText } from '../../../base/mod.ts';
import type { AdmissionAttributes } from '../../admission/chain.ts';
import { type RequestForm, requestIn, shownIn } from '../../admission/request-form.ts';
import type { ReviewVersion } from './hooks.ts';

const group = 'admission.k8s.io';

/** Writes the reviews of one request. Webhooks that are shown the same are sent the same text, made once. */
export class ReviewWriter {
  readonly #attributes: AdmissionAttributes;
  readonly #object: KubeObject | undefined;
  readonly #texts = new Map<KindDefinition, string>();

  /** `object` may be a draft: call {@link changed} when it has been changed. */
  constructor(attributes: AdmissionAttributes, object: KubeObject | undefined) {
    this.#attributes = attributes;
    this.#object = object;
  }

  write(form: RequestForm, version: ReviewVersion, uid: string): string {
    const known = this.#texts.get(form.shownAs);
    const text = known ?? this.#request(form);
    if (known === undefined) this.#texts.set(form.shownAs, text);
    return `{"kind":"AdmissionReview","apiVersion":"${group}/${version}","request":{"uid":${JSON.stringify(uid)},${text}}`;
  }

  changed(): void {
    this.#texts.clear();
  }

  /** The request without its uid and its opening brace. */
  #request(form: RequestForm): string {
    const attributes = this.#attributes;
    const shown = (object: KubeObject | undefined) => (object ? shownIn(form, attributes, object) : null);
    return stringifyJson({ ...requestIn(form, attributes), object: shown(this.#object), oldObject: shown(attributes.old) }).slice(1);
  }
}

/** What a webhook has decided. */
export interface Verdict {
  readonly allowed: boolean;
  readonly status: Partial<V1Status> | undefined;
  /** A JSON patch, parsed. */
  readonly patch: unknown;
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
}

/** The answer cannot be used. `invalid` when it was read and says what no such webhook may say. */
export class ReviewError extends Error {
  override readonly name = 'ReviewError';
  readonly invalid: boolean;
  constructor(message: string, invalid: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.invalid = invalid;
  }
}

export interface Expected {
  readonly version: ReviewVersion;
  readonly uid: string;
  readonly mutating: boolean;
}

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);
const quote = (value: unknown): string => JSON.stringify(typeof value === 'string' ? value : '');

/** Reads an answer. Throws {@link ReviewError}. */
export function readReview(bytes: Uint8Array, expected: Expected): Verdict {
  const review = record(parse(bytes));
  if (!isRecord(review.response)) throw new ReviewError('webhook response was absent', true);
  const response = record(review.response);
  if (expected.version === 'v1') checkIdentity(review, response, expected);
  const { allowed, status, warnings, auditAnnotations } = response;
  if (allowed !== undefined && typeof allowed !== 'boolean') {
    throw new ReviewError(`response.allowed must be a boolean, got ${JSON.stringify(allowed)}`, true);
  }
  const texts = Array.isArray(warnings) ? warnings.filter((text): text is string => typeof text === 'string') : [];
  const annotations = Object.entries(record(auditAnnotations)).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return {
    allowed: allowed === true,
    status: isRecord(status) ? (status as Partial<V1Status>) : undefined,
    patch: patchIn(response, expected),
    warnings: texts,
    auditAnnotations: Object.fromEntries(annotations),
  };
}

function parse(bytes: Uint8Array): unknown {
  if (scanJson(bytes).depth > jsonDepthMax) throw new ReviewError('json parse error: exceeded max depth', false);
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    try {
      return parseExactJson(bytes).value;
    } catch (error) {
      throw new ReviewError(`couldn't get version/kind; json parse error: ${errorText(error)}`, false, error);
    }
  }
}

/** Answers of v1beta1 were never held to it. */
function checkIdentity(
  review: Readonly<Record<string, unknown>>,
  response: Readonly<Record<string, unknown>>,
  { version, uid }: Expected,
): void {
  if (response.uid !== uid) throw new ReviewError(`expected response.uid=${quote(uid)}, got ${quote(response.uid)}`, true);
  const { apiVersion = '', kind = '' } = review;
  if (apiVersion === `${group}/${version}` && kind === 'AdmissionReview') return;
  throw new ReviewError(
    `expected webhook response of ${group}/${version}, Kind=AdmissionReview, got ${String(apiVersion)}, Kind=${String(kind)}`,
    true,
  );
}

function patchIn({ patch, patchType }: Readonly<Record<string, unknown>>, { version, mutating }: Expected): unknown {
  const given = typeof patch === 'string' && patch !== '';
  const typed = patchType !== undefined && patchType !== null;
  if (patch !== undefined && patch !== null && typeof patch !== 'string')
    throw new ReviewError('response.patch must be a base64 text', true);
  if (!mutating) {
    if (version === 'v1' && given) throw new ReviewError('validating webhook may not return response.patch', true);
    if (version === 'v1' && typed) throw new ReviewError('validating webhook may not return response.patchType', true);
    return undefined;
  }
  if (version === 'v1') {
    if (given && !typed) throw new ReviewError('webhook returned response.patch but not response.patchType', true);
    if (!given && typed) throw new ReviewError('webhook returned response.patchType but not response.patch', true);
    if (typed && patchType === '') throw new ReviewError('webhook returned invalid response.patchType of ""', true);
    if (typed && patchType !== 'JSONPatch') throw new ReviewError(`unsupported patch type ${quote(patchType)}`, true);
  }
  return given ? patchOf(patch) : undefined;
}

/** A patch that cannot be read is the server's 500, whatever the failure policy says. */
function patchOf(base64: string): unknown {
  const bytes = Buffer.from(base64, 'base64');
  try {
    return parse(bytes);
  } catch (error) {
    throw internalError(error);
  }
}

/** The refusal that a client gets. What the webhook says of it is taken as far as it makes sense. */
export function denial(webhook: string, status: Partial<V1Status> | undefined): StatusError {
  const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const { code, details } = status ?? {};
  const why = textOf(status?.message) || textOf(status?.reason);
  return StatusError.from({
    code: typeof code === 'number' && Number.isInteger(code) && code >= 400 && code < 600 ? code : 400,
    message: why ? `${denied}: ${why}` : `${denied} without explanation`,
    reason: textOf(status?.reason),
    ...(isRecord(details) ? { details } : {}),
  });
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
