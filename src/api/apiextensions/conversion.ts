// How the versions of a custom resource become one another: not at all but for their apiVersion, or by a webhook.
import { validateWebhookService, validateWebhookUrl } from '../admissionregistration/webhooks.ts';
import type { V1CustomResourceConversion, V1CustomResourceDefinitionSpec } from '../generated/types.gen.ts';
import { validateChoice } from '../meta/field-checks.ts';
import { type FieldError, forbiddenField, invalidValue, required } from '../meta/field-error.ts';
import { dns1035LabelProblems } from '../meta/names.ts';
import type { Draft } from '../meta/object.ts';

const knownVersions = ['v1', 'v1beta1'];

export function setConversionDefaults(spec: Draft<V1CustomResourceDefinitionSpec>): void {
  spec.conversion ??= { strategy: 'None' };
  const service = spec.conversion.webhook?.clientConfig?.service;
  if (service) service.port ??= 443;
}

export function validateConversion(conversion: V1CustomResourceConversion | undefined, path: string, errors: FieldError[]): void {
  if (conversion === undefined) return;
  validateChoice(conversion.strategy, ['None', 'Webhook'], `${path}.strategy`, errors);
  const { webhook } = conversion;
  if (conversion.strategy !== 'Webhook') {
    if (webhook !== undefined) errors.push(forbiddenField(`${path}.webhook`, 'should not be set when strategy is not set to Webhook'));
    return;
  }
  const client = webhook?.clientConfig;
  const at = `${path}.webhook.clientConfig`;
  if (client === undefined) errors.push(required(at, 'required when strategy is set to Webhook'));
  else if ((client.url === undefined) === (client.service === undefined))
    errors.push(required(at, 'exactly one of url or service is required'));
  else if (client.url !== undefined) validateWebhookUrl(client.url, `${at}.url`, errors);
  else if (client.service !== undefined) validateWebhookService(client.service, `${at}.service`, errors);
  validateReviewVersions(webhook?.conversionReviewVersions ?? [], `${path}.webhook.conversionReviewVersions`, errors);
}

function validateReviewVersions(versions: readonly string[], path: string, errors: FieldError[]): void {
  if (versions.length === 0) return void errors.push(required(path));
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
