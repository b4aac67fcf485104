// The config map by which aggregated servers learn whose certificates to believe: "extension-apiserver-authentication" in kube-system.
// Source: https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/#kubernetes-apiserver-client-authentication
import { StatusError, type V1ConfigMap } from '../../api/mod.ts';
import { Backoff, errorText, sleep } from '../../base/mod.ts';
import { requestHeaders } from '../authn/request-header.ts';
import type { ResourceCore } from '../http/core-port.ts';
import type { RequestContext } from '../request.ts';

export interface AuthenticationConfig {
  readonly clientCaPem: string;
  readonly frontProxyCaPem: string;
}

const name = 'extension-apiserver-authentication';
const namespace = 'kube-system';
const retry = { baseMs: 1_000, maxMs: 60_000 };

/** Lists are JSON texts. */
export function authenticationData({ clientCaPem, frontProxyCaPem }: AuthenticationConfig): Record<string, string> {
  return {
    'client-ca-file': clientCaPem,
    'requestheader-allowed-names': JSON.stringify(requestHeaders.allowedNames),
    'requestheader-client-ca-file': frontProxyCaPem,
    'requestheader-extra-headers-prefix': JSON.stringify([requestHeaders.extraPrefix]),
    'requestheader-group-headers': JSON.stringify([requestHeaders.group]),
    'requestheader-uid-headers': JSON.stringify([requestHeaders.uid]),
    'requestheader-username-headers': JSON.stringify([requestHeaders.user]),
  };
}

/** Writes it once, and tries until that is done. Its data are corrected where they differ; what else is in it stays. */
export async function publishAuthentication(
  options: AuthenticationConfig & { readonly core: ResourceCore; readonly context: RequestContext },
): Promise<void> {
  const { core, context } = options;
  const { signal, clock, log } = context;
  const backoff = new Backoff(retry, context.random);
  const kind = core.find({ group: '', version: 'v1', resource: 'configmaps' });
  const data = authenticationData(options);
  while (kind && !signal.aborted) {
    try {
      const standing = await core.execute({ verb: 'get', kind, namespace, name, query: {} }, context).catch(absent);
      const old = standing?.as === 'object' ? (standing.entry.object as V1ConfigMap) : undefined;
      if (old && Object.entries(data).every(([key, value]) => old.data?.[key] === value)) return;
      const object = {
        ...(old ?? { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } }),
        data: { ...old?.data, ...data },
      };
      const write = old ? ({ verb: 'update', name } as const) : ({ verb: 'create' } as const);
      await core.execute({ ...write, kind, namespace, query: {}, body: { as: 'object', object } }, context);
      return;
    } catch (error) {
      if (signal.aborted) return;
      log.warn('Authentication config map could not be published', { error: errorText(error) });
      await sleep(clock, backoff.nextMs(), signal).catch(() => {});
    }
  }
}

function absent(error: unknown): undefined {
  if (error instanceof StatusError && error.code === 404) return undefined;
  throw error;
}
