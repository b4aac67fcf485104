// The admin's kubeconfig: what `kubectl --kubeconfig` reads.
import { parse, stringify } from 'yaml';
import type { Pki } from './pki.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** A kubeconfig with one cluster, one user (client certificate) and one context, all named `minke`. */
export function adminKubeconfig(serverUrl: string, pki: Pki): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'minke', cluster: { server: serverUrl, 'certificate-authority-data': base64(pki.authorityPem) } }],
    users: [
      {
        name: 'minke-admin',
        user: { 'client-certificate-data': base64(pki.leaves.admin.certificatePem), 'client-key-data': base64(pki.leaves.admin.keyPem) },
      },
    ],
    contexts: [{ name: 'minke', context: { cluster: 'minke', user: 'minke-admin' } }],
    'current-context': 'minke',
  });
}

/** What `cluster-info` says to machines that join: where the API server is and by which CA it is known; no user. */
export const clusterInfoKubeconfig = (serverUrl: string, authorityPem: string): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: '', cluster: { server: serverUrl, 'certificate-authority-data': base64(authorityPem) } }],
    contexts: null,
    'current-context': '',
    users: null,
  });

/** The CA (PEM) of the only cluster in such a text. */
export function authorityOf(kubeconfig: string): string | undefined {
  const read = parse(kubeconfig) as { clusters?: readonly { cluster?: { 'certificate-authority-data'?: string } }[] } | null;
  const data = read?.clusters?.[0]?.cluster?.['certificate-authority-data'];
  return data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8');
}
