// ServiceAccount: who a pod is towards the API.
import type { V1ServiceAccount } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { ageColumn, nameColumn } from '../meta/columns.ts';

export const serviceaccounts: KindDefinition<V1ServiceAccount> = {
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  resource: 'serviceaccounts',
  singular: 'serviceaccount',
  shortNames: ['sa'],
  namespaced: true,
  schema: 'V1ServiceAccount',
  hasGeneration: false,
  columns: [nameColumn, ageColumn],
  deleteReturnsObject: true,
};
