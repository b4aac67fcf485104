// The kind of a request for a token, which no path serves as a resource of its own.
import type { KindDefinition } from '../../api/mod.ts';

/** What is sent to a service account's `token`. */
export const tokenRequestKind: KindDefinition = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  resource: 'tokenrequests',
  singular: 'tokenrequest',
  namespaced: true,
  schema: 'AuthenticationV1TokenRequest',
  verbs: ['create'],
  hasGeneration: false,
  columns: [],
  virtual: true,
};
