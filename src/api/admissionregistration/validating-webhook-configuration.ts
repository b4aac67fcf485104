// ValidatingWebhookConfiguration: which webhooks may refuse a request.
import type { V1ValidatingWebhookConfiguration } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';
import { setWebhookDefaults, validateWebhooks } from './webhooks.ts';

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
  columns: [
    nameColumn,
    {
      name: 'Webhooks',
      type: 'integer',
      description: 'Webhooks indicates the number of webhooks registered in this configuration',
      cell: ({ webhooks }) => webhooks?.length ?? 0,
    },
    ageColumn,
  ],
  setDefaults: (draft) => {
    for (const webhook of draft.webhooks ?? []) {
      setWebhookDefaults(webhook);
    }
  },
  validateCreate: ({ webhooks }) => validateWebhooks(webhooks),
  update: { validate: ({ webhooks }) => validateWebhooks(webhooks) },
};
