// `minke check security`: looks at a running cluster from outside, and says which items of the CIS benchmark it meets.
import { join } from 'node:path';
import tls from 'node:tls';
import { clusterrolebindings, clusterroles, namespaces, nodes, rolebindings, type V1Node } from '../api/mod.ts';
import { createHttpClient, type HttpClient } from '../base/ports/http-client.ts';
import { dialTcp } from '../base/ports/tcp.ts';
import { type Client, createClient, createHttpTransport } from '../client/mod.ts';
import {
  clusterPaths,
  findHolder,
  type KubeletFacts,
  type MachinePorts,
  type SecurityFacts,
  securityItems,
} from '../cluster/machine/mod.ts';
import { CommandError } from './flags.ts';

const askMs = 5_000;
const privatePaths = ['/api', '/apis', '/metrics', '/openapi/v2', '/api/v1/namespaces', '/api/v1/secrets', '/debug/pprof/'];
const marks = { pass: '✓', fail: '✗', explained: '·' };

/** Gives the exit code: 1 when an item fails. Throws {@link CommandError}. */
export async function checkSecurity(dataDir: string, ports: MachinePorts, out: (text: string) => void): Promise<number> {
  const { fs, processes, clock } = ports;
  const holder = await findHolder({ fs, processes, dataDir });
  if (!holder) throw new CommandError(`No cluster runs in ${dataDir}. Start it with: minke up --data-dir ${dataDir}`);
  const ca = await fs.readText(join(dataDir, 'pki/ca.crt'));
  const bearer = (await fs.readText(join(dataDir, 'admin.token')))?.trim();
  const http = createHttpClient({ clock, tls: { ca } });
  const stranger = createHttpClient({ clock, tls: { insecure: true } });
  const transport = createHttpTransport({ http, server: holder.url, userAgent: 'minke', token: () => bearer });
  const client = createClient(transport, { clock, userAgent: 'minke' });
  try {
    const items = securityItems({
      files: await filesOf(dataDir, ports),
      words: ((await fs.readText(`/proc/${holder.pid}/cmdline`)) ?? '').split('\0'),
      anonymousStatus: Object.fromEntries(
        await Promise.all(privatePaths.map(async (path) => [path, (await statusOf(stranger, `${holder.url}${path}`)) ?? 0] as const)),
      ),
      weakHandshakes: await weakHandshakes(new URL(holder.url)),
      clusterRoles: (await client.list(clusterroles)).items,
      bindings: [...(await client.list(clusterrolebindings)).items, ...(await client.list(rolebindings)).items],
      namespaces: (await client.list(namespaces)).items,
      kubelets: await kubeletsOf(client, stranger, clock),
    });
    for (const { section, title, state, why } of items) out(`${marks[state]} ${section}  ${title}${why === '' ? '' : `\n       ${why}`}\n`);
    const count = (wanted: keyof typeof marks): number => items.filter(({ state }) => state === wanted).length;
    out(`\n${count('pass')} pass, ${count('fail')} fail, ${count('explained')} explained\n`);
    return count('fail') === 0 ? 0 : 1;
  } finally {
    transport.close();
    http.close();
    stranger.close();
  }
}

/** Undefined when nobody answers. */
async function statusOf(http: HttpClient, url: string): Promise<number | undefined> {
  try {
    const response = await http.request({ url, headTimeoutMs: askMs });
    response.discard();
    return response.status;
  } catch {
    return undefined;
  }
}

async function filesOf(dataDir: string, { fs }: MachinePorts): Promise<SecurityFacts['files']> {
  const paths = clusterPaths(dataDir);
  const pki = join(dataDir, 'pki');
  const keys = (await fs.list(pki)).map(({ name }) => ({ path: join(pki, name), modeMax: name.endsWith('.key') ? 0o600 : 0o644 }));
  const wanted = [
    { path: dataDir, modeMax: 0o700 },
    { path: paths.store, modeMax: 0o700 },
    { path: pki, modeMax: 0o700 },
    { path: paths.kubeconfig, modeMax: 0o600 },
    { path: join(dataDir, 'admin.token'), modeMax: 0o600 },
    { path: paths.log, modeMax: 0o600 },
    ...keys,
  ];
  return Promise.all(wanted.map(async (one) => ({ ...one, mode: (await fs.stat(one.path))?.mode })));
}

/** What the server must not agree to. */
const weak: readonly (readonly [string, tls.ConnectionOptions])[] = [
  ['TLS 1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' }],
  ['CBC ciphers', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES128-SHA' }],
  ['key exchange by RSA', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-SHA' }],
];

async function weakHandshakes({ hostname, port }: URL): Promise<readonly string[]> {
  const agreed = await Promise.all(
    weak.map(
      ([, options]) =>
        new Promise<boolean>((resolve) => {
          const socket = tls.connect({ host: hostname, port: Number(port), rejectUnauthorized: false, timeout: askMs, ...options });
          const end = (answer: boolean) => {
            socket.destroy();
            resolve(answer);
          };
          socket.once('secureConnect', () => end(true));
          socket.once('error', () => end(false));
          socket.once('timeout', () => end(false));
        }),
    ),
  );
  return weak.filter((_, at) => agreed[at]).map(([name]) => name);
}

const readOnlyPort = 10255;

async function kubeletsOf(client: Client, stranger: HttpClient, clock: MachinePorts['clock']): Promise<readonly KubeletFacts[]> {
  const { items } = await client.list(nodes);
  const reachable = items.filter((node) => addressOf(node) !== undefined && portOf(node) !== undefined);
  return Promise.all(
    reachable.map(async (node) => {
      const host = addressOf(node) ?? '';
      return {
        node: node.metadata.name,
        anonymousStatus: await statusOf(stranger, `https://${host.includes(':') ? `[${host}]` : host}:${portOf(node)}/pods`),
        readOnlyPortOpen: await isOpen(clock, host, readOnlyPort),
      };
    }),
  );
}

const addressOf = ({ status }: V1Node): string | undefined => status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
const portOf = ({ status }: V1Node): number | undefined => status?.daemonEndpoints?.kubeletEndpoint?.Port;

async function isOpen(clock: MachinePorts['clock'], host: string, port: number): Promise<boolean> {
  try {
    (await dialTcp({ clock, host, port, timeoutMs: askMs })).destroy();
    return true;
  } catch {
    return false;
  }
}
