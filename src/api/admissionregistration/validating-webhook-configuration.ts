// ValidatingWebhookConfiguration: which webhooks may refuse a request.
import type { V1ValidatingWebhookConfiguration } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { setWebhookDefaults, validateWebhooks, webhookColumns } from './webhooks.ts';

export const validatingwebhookconfigurations: KindDefinition<V1ValidatingWebhookConfiguration> = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  kind: 'ValidatingWebhookConfiguration',
  resource: 'validatingwebhookconfigurations',
  singular: 'validatingwebhookconfiguration',
  categories: ['api-extensions'],
  namespaced: false,
  schema: 'V1ValidatingWebhookConfiguration',
  hasGeneration: true,
  columns: webhookColumns,
  setDefaults: (draft) => {
    for (const webhook of draft.webhooks ?? []) {
      setWebhookDefaults(webhook);
    }
  },
  validateCreate: ({ webhooks }) => validateWebhooks(webhooks),
  update: { validate: ({ webhooks }) => validateWebhooks(webhooks) },
};
