// Admission webhooks put together over a registry, and the client that calls them and others.
import type { Clock, Logger, Metrics, Random } from '../../base/mod.ts';
import type { HttpClient } from '../../base/ports/http-client.ts';
import type { FindNamespace } from '../admission/match.ts';
import type { AdmissionPlugin } from '../admission/mod.ts';
import type { DecodeChanged } from '../admission/request-form.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { Registry } from '../registry/registry.ts';
import type { CallParts } from './admission/call.ts';
import { HookIndex } from './admission/hooks.ts';
import { createWebhookMetrics } from './admission/metrics.ts';
import { mutatingAdmissionWebhook } from './admission/mutating.ts';
import { validatingAdmissionWebhook } from './admission/validating.ts';
import { createWebhookClient, type WebhookClient } from './client.ts';
import { createServiceResolver } from './resolve-service.ts';

export { type WebhookClient, WebhookError, type WebhookTarget } from './client.ts';

/** Connections to one webhook at a time; further calls wait for one within their own time. */
const connectionsMax = 128;

export interface WebhookClientParts {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  /** Default: a client of the machine's network, made when the first webhook is called. */
  readonly http?: HttpClient | undefined;
}

export function webhookClientOf({ registry, clock, random, http }: WebhookClientParts): WebhookClient {
  const own = async () => (await import('../../base/ports/http-client.ts')).createHttpClient({ clock, maxSockets: connectionsMax });
  return createWebhookClient({ http: () => http ?? own(), resolve: createServiceResolver(registry, random), clock });
}

export interface AdmissionWebhookOptions {
  readonly registry: Registry;
  readonly client: WebhookClient;
  readonly decode: DecodeChanged;
  readonly authorizer: Authorizer;
  readonly namespace: FindNamespace;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics?: Metrics | undefined;
}

/** The two plugins, which share nothing but the way they ask. */
export function admissionWebhooks(options: AdmissionWebhookOptions): { mutating: AdmissionPlugin; validating: AdmissionPlugin } {
  const { registry, client, clock, random, log, authorizer, namespace } = options;
  const find = (resource: string) => registry.find({ group: 'admissionregistration.k8s.io', version: 'v1', resource });
  const parts: CallParts = {
    client,
    metrics: createWebhookMetrics(options.metrics),
    clock,
    random,
    log,
    authorizer,
    namespace,
  };
  return {
    mutating: mutatingAdmissionWebhook({ ...parts, decode: options.decode }, new HookIndex(find('mutatingwebhookconfigurations'))),
    validating: validatingAdmissionWebhook(parts, new HookIndex(find('validatingwebhookconfigurations'))),
  };
}
