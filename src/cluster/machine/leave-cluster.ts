// A node that leaves takes its Node object with it. Its pods follow: the cluster ends those of nodes that are gone.
import { join } from 'node:path';
import { nodes } from '../../api/mod.ts';
import { errorText, type Logger } from '../../base/mod.ts';
import { createHttpClient } from '../../base/ports/http-client.ts';
import { createClient, createHttpTransport } from '../../client/mod.ts';
import { readPair } from '../pki/pki.ts';
import type { ClusterIdentity } from './data-dir.ts';
import type { MachinePorts } from './ports.ts';

export interface LeaveOptions {
  readonly ports: MachinePorts;
  readonly dataDir: string;
  readonly identity: ClusterIdentity;
  readonly server: string;
  readonly log: Logger;
}

/** A server that does not answer does not keep the machine from being cleaned. */
export async function leaveCluster({ ports, dataDir, identity, server, log }: LeaveOptions): Promise<void> {
  const { fs, clock } = ports;
  const { nodeName: name } = identity;
  const ca = await fs.readText(join(dataDir, 'pki/ca.crt'));
  const pair = await readPair({ dataDir, fs }, 'kubelet-client');
  if (ca === undefined || !pair) return;
  const http = createHttpClient({ clock, tls: { ca, cert: pair.certificatePem, key: pair.keyPem } });
  try {
    await createClient(createHttpTransport({ http, server, userAgent: 'minke' }), { clock, userAgent: 'minke' }).delete(nodes, { name });
  } catch (error) {
    log.warn(`The node could not leave the cluster by itself: run "kubectl delete node ${name}" there`, { error: errorText(error) });
  } finally {
    http.close();
  }
}
