// The Secrets that are bootstrap tokens, found by an index: clusters have many others.
import { bootstrapTokenNamespace, bootstrapTokenType, type Persisted, type V1Secret } from '../../api/mod.ts';
import type { Informer } from '../../client/mod.ts';

const index = 'bootstrap tokens';

export const isBootstrapSecret = (secret: Persisted<V1Secret> | undefined): boolean =>
  secret?.type === bootstrapTokenType && secret.metadata.namespace === bootstrapTokenNamespace;

export const indexBootstrapSecrets = (secrets: Informer<V1Secret>): void =>
  secrets.addIndex(index, (secret) => (isBootstrapSecret(secret) ? [index] : []));

export const bootstrapSecrets = (secrets: Informer<V1Secret>): readonly Persisted<V1Secret>[] => secrets.byIndex(index, index);
