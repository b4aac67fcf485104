// MutatingWebhookConfiguration: which webhooks may change what is sent.
import type { V1MutatingWebhookConfiguration } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { setWebhookDefaults, validateWebhooks, webhookColumns } from './webhooks.ts';

export const mutatingwebhookconfigurations: KindDefinition<V1MutatingWebhookConfiguration> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'MutatingWebhookConfiguration',
  resource: 'mutatingwebhookconfigurations',
  singular: 'mutatingwebhookconfiguration',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'V1MutatingWebhookConfiguration',
  hasGeneration: true,
  columns: webhookColumns,
  setDefaults: (draft) => {
    for (const webhook of draft.webhooks ?? []) {
      setWebhookDefaults(webhook);
      webhook.reinvocationPolicy ??= 'Never';
    }
  },
  validateCreate: ({ webhooks }) => validateWebhooks(webhooks),
  update: { validate: ({ webhooks }) => validateWebhooks(webhooks) },
};
