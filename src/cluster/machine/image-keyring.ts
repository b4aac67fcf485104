// What registries are told besides pods' pull secrets: first what credential providers give, then the passwords of --registry-config.
import { serviceaccounts, type V1Pod } from '../../api/mod.ts';
import type { Logger } from '../../base/mod.ts';
import type { Client } from '../../client/mod.ts';
import { type Registry, registryCredentials } from '../../kubelet/containerd/mod.ts';
import { createCredentialProviders, createTokenSource, type ImageKeyring } from '../../kubelet/mod.ts';
import type { CredentialPrograms } from './node-config.ts';
import type { MachinePorts } from './ports.ts';

const tokenSeconds = 3600;

export interface ImageKeyringOptions {
  readonly ports: MachinePorts;
  /** Acts as the node. */
  readonly api: { readonly client: Client };
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly registries?: readonly Registry[] | undefined;
  readonly credentialProviders?: CredentialPrograms | undefined;
}

export function imageKeyring(options: ImageKeyringOptions): ImageKeyring {
  const { registries = [], credentialProviders, ports, api, log, signal } = options;
  const { client } = api;
  const programs =
    credentialProviders &&
    createCredentialProviders({
      ...ports,
      ...credentialProviders,
      log,
      signal,
      token: podTokens(api, ports),
      serviceAccount: (key) => client.get(serviceaccounts, key, { signal }),
    });
  return async (name, of) => [...((await programs?.(name, of)) ?? []), ...registryCredentials(registries, name.registry)];
}

function podTokens({ client }: ImageKeyringOptions['api'], { clock }: MachinePorts) {
  const tokens = createTokenSource({ client, clock });
  return async (pod: V1Pod, audience: string): Promise<string> => {
    const { token } = await tokens.token({ pod, audience, expirationSeconds: tokenSeconds });
    // What a program gives for it is what is kept.
    tokens.forget(pod.metadata?.uid ?? '');
    return token;
  };
}
