// Webhooks of both kinds: whom the server asks before it stores something.
import type { AdmissionregistrationV1WebhookClientConfig, V1MutatingWebhook, V1ValidatingWebhook } from '../generated/types.gen.ts';
import type { Column } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { validateOptionalChoice, validateQualifiedDomain } from '../meta/field-checks.ts';
import { duplicate, type FieldError, invalidValue, notSupported, required } from '../meta/field-error.ts';
import { dns1035LabelProblems, portNumberProblems } from '../meta/names.ts';
import type { Draft, KubeObject } from '../meta/object.ts';
import { validateLabelSelector } from '../meta/validate-selector.ts';
import { failurePolicies, matchPolicies, setRuleDefaults, validateMatchConditions, validateRule } from './rules.ts';

const knownVersions = ['v1', 'v1beta1'];
const sideEffects = ['None', 'NoneOnDryRun'];
const timeoutSecondsMax = 30;

export function setWebhookDefaults(webhook: Draft<V1ValidatingWebhook>): void {
  webhook.failurePolicy ??= 'Fail';
  webhook.matchPolicy ??= 'Equivalent';
  webhook.namespaceSelector ??= {};
  webhook.objectSelector ??= {};
  webhook.timeoutSeconds ??= 10;
  setRuleDefaults(webhook.rules);
  const service = webhook.clientConfig?.service;
  if (service) service.port ??= 443;
}

/** What a server may be reached by: https, no user, no query, no fragment. */
export function validateWebhookUrl(text: string, path: string, errors: FieldError[]): void {
  const form = 'desired format: https://host[/path]';
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return void errors.push(required(path, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URI for request; ${form}`));
  }
  if (url.protocol !== 'https:')
    errors.push(invalidValue(path, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme; ${form}`));
  if (url.host === '') errors.push(invalidValue(path, url.host, `host must be specified; ${form}`));
  if (url.username !== '') errors.push(invalidValue(path, url.username, 'user information is not permitted in the URL'));
  if (url.hash !== '') errors.push(invalidValue(path, url.hash.slice(1), 'fragments are not permitted in the URL'));
  if (url.search !== '') errors.push(invalidValue(path, url.search.slice(1), 'query parameters are not permitted in the URL'));
}

interface ServiceLike {
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  readonly path?: string | undefined;
  readonly port?: number | undefined;
}

export function validateWebhookService(service: ServiceLike, path: string, errors: FieldError[]): void {
  if (!service.name) errors.push(required(`${path}.name`, 'service name is required'));
  if (!service.namespace) errors.push(required(`${path}.namespace`, 'service namespace is required'));
  const port = service.port ?? 443;
  for (const problem of portNumberProblems(port)) errors.push(invalidValue(`${path}.port`, port, `port is not valid: ${problem}`));
  const urlPath = service.path;
  if (urlPath === undefined || urlPath === '/' || urlPath === '') return;
  if (urlPath === '//') return void errors.push(invalidValue(`${path}.path`, urlPath, 'segment[0] may not be empty'));
  if (!urlPath.startsWith('/')) errors.push(invalidValue(`${path}.path`, urlPath, "must start with a '/'"));
  const segments = urlPath.slice(1).replace(/\/$/, '').split('/');
  segments.forEach((segment, i) => {
    if (segment === '') errors.push(invalidValue(`${path}.path`, urlPath, `segment[${i}] may not be empty`));
  });
}

function validateClient(client: AdmissionregistrationV1WebhookClientConfig | undefined, path: string, errors: FieldError[]): void {
  const { url, service } = client ?? {};
  if ((url === undefined) === (service === undefined)) errors.push(required(path, 'exactly one of url or service is required'));
  else if (url !== undefined) validateWebhookUrl(url, `${path}.url`, errors);
  else if (service !== undefined) validateWebhookService(service, `${path}.service`, errors);
}

function validateVersions(versions: readonly string[], path: string, errors: FieldError[]): void {
  if (versions.length === 0) return void errors.push(required(path, `must specify one of ${knownVersions.join(', ')}`));
  const seen = new Set<string>();
  versions.forEach((version, i) => {
    if (seen.has(version)) errors.push(invalidValue(`${path}[${i}]`, version, 'duplicate version'));
    else for (const problem of dns1035LabelProblems(version)) errors.push(invalidValue(`${path}[${i}]`, version, problem));
    seen.add(version);
  });
  if (!versions.some((version) => knownVersions.includes(version))) {
    errors.push(invalidValue(path, versions, `must include at least one of ${knownVersions.join(', ')}`));
  }
}

function validateWebhook(webhook: V1ValidatingWebhook, path: string, errors: FieldError[]): void {
  validateQualifiedDomain(webhook.name ?? '', 3, `${path}.name`, errors);
  webhook.rules?.forEach((rule, i) => {
    validateRule(rule, `${path}.rules[${i}]`, errors);
  });
  validateOptionalChoice(webhook.failurePolicy, failurePolicies, `${path}.failurePolicy`, errors);
  validateOptionalChoice(webhook.matchPolicy, matchPolicies, `${path}.matchPolicy`, errors);
  const effects = webhook.sideEffects as string | undefined;
  if (effects === undefined) errors.push(required(`${path}.sideEffects`, `must specify one of ${sideEffects.join(', ')}`));
  else if (!sideEffects.includes(effects)) errors.push(notSupported(`${path}.sideEffects`, effects, sideEffects));
  const seconds = webhook.timeoutSeconds;
  if (seconds !== undefined && (seconds > timeoutSecondsMax || seconds < 1)) {
    errors.push(invalidValue(`${path}.timeoutSeconds`, seconds, 'the timeout value must be between 1 and 30 seconds'));
  }
  validateLabelSelector(webhook.namespaceSelector, `${path}.namespaceSelector`, errors);
  validateLabelSelector(webhook.objectSelector, `${path}.objectSelector`, errors);
  validateClient(webhook.clientConfig, `${path}.clientConfig`, errors);
  validateMatchConditions(webhook.matchConditions, `${path}.matchConditions`, errors);
  validateVersions(webhook.admissionReviewVersions ?? [], `${path}.admissionReviewVersions`, errors);
}

/** The webhooks of a configuration. What is special about mutating ones is checked where they have it. */
export function validateWebhooks(webhooks: readonly (V1ValidatingWebhook | V1MutatingWebhook)[] | undefined): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  webhooks?.forEach((webhook, i) => {
    const path = `webhooks[${i}]`;
    validateWebhook(webhook, path, errors);
    if ('reinvocationPolicy' in webhook) {
      validateOptionalChoice(webhook.reinvocationPolicy, ['IfNeeded', 'Never'], `${path}.reinvocationPolicy`, errors);
    }
    if (webhook.name && names.has(webhook.name)) errors.push(duplicate(`${path}.name`, webhook.name));
    names.add(webhook.name);
  });
  return errors;
}

interface WebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly unknown[] | undefined;
}

export const webhookColumns: readonly Column<WebhookConfiguration>[] = [
  nameColumn,
  {
    name: 'Webhooks',
    type: 'integer',
    description: 'Webhooks indicates the number of webhooks registered in this configuration',
    cell: ({ webhooks }) => webhooks?.length ?? 0,
  },
  ageColumn,
];
