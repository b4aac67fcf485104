// What is known of one request for the audit log, and the events made of it: kind Event of audit.k8s.io/v1.
// Source: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/
import { formatMicroTime, type KubeObject, loadYaml, type V1Status } from '../../api/mod.ts';
import type { UserInfo } from '../../client/mod.ts';
import { type EdgeRequest, headerOf } from '../http/exchange.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { RequestBody, Result } from '../request.ts';
import { userJson } from '../reviews/token-review.ts';
import { atLeast, type Recording, type Stage } from './policy.ts';

export interface AuditedRequest {
  readonly request: Pick<EdgeRequest, 'headers' | 'target' | 'remoteAddress'>;
  readonly info: RequestInfo;
  readonly auditId: string;
  /** Undefined when nobody knows who it is. */
  readonly user: UserInfo | undefined;
  readonly receivedMs: number;
}

export interface Outcome {
  readonly code: number;
  readonly status?: V1Status | undefined;
}

/** Collects what the steps and verbs tell, as far as the policy wants it. */
export class AuditRecord {
  readonly #of: AuditedRequest;
  readonly #recording: Recording;
  readonly #annotations = new Map<string, string>();
  #impersonated: UserInfo | undefined;
  #requestObject: unknown;
  #result: Result | undefined;

  constructor(of: AuditedRequest, recording: Recording) {
    this.#of = of;
    this.#recording = recording;
  }

  /** The first value of a key stays. */
  readonly annotate = (key: string, value: string): void => {
    if (!this.#annotations.has(key)) this.#annotations.set(key, value);
  };

  impersonates(user: UserInfo): void {
    this.#impersonated = user;
  }

  /** The body as the server reads it. Resolves when its form is known. */
  async tookBody(body: RequestBody): Promise<void> {
    if (!atLeast(this.#recording.level, 'Request')) return;
    this.#requestObject = body.as === 'object' ? body.object : await parsed(body.bytes, body.mediaType);
  }

  gave(result: Result): void {
    this.#result = result;
  }

  wants(stage: Stage): boolean {
    return this.#recording.level !== 'None' && !this.#recording.omitStages.has(stage);
  }

  /** The event of a stage, as JSON. */
  event(stage: Stage, nowMs: number, outcome?: Outcome): string {
    const { request, info, auditId, user, receivedMs } = this.#of;
    const { level } = this.#recording;
    const userAgent = headerOf(request.headers, 'user-agent');
    return JSON.stringify({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID: auditId,
      stage,
      requestURI: request.target,
      verb: info.verb === '' ? info.method.toLowerCase() : info.verb,
      user: user ? userJson(user) : {},
      ...(this.#impersonated ? { impersonatedUser: userJson(this.#impersonated) } : {}),
      sourceIPs: sourcesOf(request),
      ...(userAgent === undefined ? {} : { userAgent: userAgent.slice(0, userAgentMaxLength) }),
      ...(info.as === 'resource' ? { objectRef: this.#objectRef(info) } : {}),
      ...(outcome ? { responseStatus: statusOf(outcome, this.#result) } : {}),
      ...(this.#requestObject === undefined ? {} : { requestObject: this.#shown(this.#requestObject) }),
      ...(outcome && atLeast(level, 'RequestResponse') ? { responseObject: this.#responseObject(outcome) } : {}),
      requestReceivedTimestamp: formatMicroTime(receivedMs),
      stageTimestamp: formatMicroTime(nowMs),
      ...(this.#annotations.size === 0 ? {} : { annotations: Object.fromEntries(this.#annotations) }),
    });
  }

  /** As the path names it; what the path leaves open is told by the object that was sent, or made. */
  #objectRef(info: RequestInfo & { readonly as: 'resource' }): object {
    const sent = metadataOf(this.#requestObject);
    const made = this.#result?.as === 'object' ? metadataOf(this.#result.entry.object) : {};
    const ref = {
      resource: info.resource,
      namespace: info.namespace,
      name: info.name || textOf(sent.name) || textOf(made.name),
      uid: textOf(sent.uid),
      apiGroup: info.group,
      apiVersion: info.version,
      resourceVersion: textOf(sent.resourceVersion),
      subresource: info.subresource,
    };
    return Object.fromEntries(Object.entries(ref).filter(([, value]) => value !== ''));
  }

  #responseObject({ status }: Outcome): unknown {
    const result = this.#result;
    if (status || !result) return status;
    if (result.as === 'watch') return undefined;
    if (result.as === 'other') return this.#shown(result.object);
    if (result.as === 'object') return this.#shown(typed(result.kind, result.entry.object));
    const { kind, entries, resourceVersion } = result;
    const listKind = { kind: `${kind.kind}List`, apiVersion: apiVersionOf(kind) };
    return this.#shown({ ...listKind, metadata: { resourceVersion }, items: entries.map(({ object }) => object) });
  }

  #shown(value: unknown): unknown {
    if (!this.#recording.omitManagedFields) return value;
    const { items } = value as { readonly items?: unknown };
    return Array.isArray(items) ? { ...(value as object), items: items.map(withoutManagedFields) } : withoutManagedFields(value);
  }
}

const userAgentMaxLength = 1024;

interface KindNames {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}
const apiVersionOf = ({ group, version }: KindNames): string => (group === '' ? version : `${group}/${version}`);
const typed = (kind: KindNames, object: KubeObject) => ({ kind: kind.kind, apiVersion: apiVersionOf(kind), ...object });

function withoutManagedFields(value: unknown): unknown {
  const { metadata } = (value ?? {}) as { readonly metadata?: Readonly<Record<string, unknown>> };
  if (metadata?.managedFields === undefined) return value;
  const { managedFields: _, ...rest } = metadata;
  return { ...(value as object), metadata: rest };
}

const metadataOf = (value: unknown): Readonly<Record<string, unknown>> =>
  (value as { readonly metadata?: Readonly<Record<string, unknown>> } | undefined)?.metadata ?? {};
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A body that cannot be read is told as the text that it is. */
async function parsed(bytes: Uint8Array, mediaType: string): Promise<unknown> {
  const text = Buffer.from(bytes).toString('utf8');
  try {
    if (!mediaType.includes('yaml')) return JSON.parse(text);
    return (await loadYaml()).parseYamlDocuments(text)[0];
  } catch {
    return text;
  }
}

/** Of a Status only what is bounded. */
function statusOf({ code, status }: Outcome, result: Result | undefined): object {
  const told =
    status ?? (result?.as === 'other' && (result.object as V1Status).kind === 'Status' ? (result.object as V1Status) : undefined);
  if (!told) return { metadata: {}, code };
  const { status: outcome, message, reason, details } = told;
  return { metadata: {}, status: outcome, message, reason, details, code };
}

/** The proxies' word first, then whoever holds the connection. */
function sourcesOf({ headers, remoteAddress }: AuditedRequest['request']): readonly string[] {
  const forwarded = (headerOf(headers, 'x-forwarded-for') ?? '')
    .split(',')
    .map((address) => address.trim())
    .filter((address) => /^[\da-fA-F:.]+$/.test(address));
  const real = headerOf(headers, 'x-real-ip') ?? '';
  const all = [...forwarded, ...(/^[\da-fA-F:.]+$/.test(real) ? [real] : []), remoteAddress.replace(/^::ffff:/, '')];
  return [...new Set(all)];
}
