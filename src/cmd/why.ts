// `minke why pod NAME`: asks the cluster why a pod is on its node, or on none, and prints the answer for people.
import { parse } from 'yaml';
import { createHttpClient, type HttpClient } from '../base/ports/http-client.ts';
import { clusterPaths, type MachinePorts } from '../cluster/machine/mod.ts';
import type { PodExplanation } from '../scheduler/mod.ts';
import { CommandError } from './flags.ts';
import { whyText } from './why-text.ts';

export interface WhyOptions {
  readonly dataDir: string;
  /** Undefined: the one in the data dir. */
  readonly kubeconfig: string | undefined;
  readonly namespace: string;
  readonly name: string;
  /** Every node, not a few of each kind. */
  readonly all: boolean;
  readonly json: boolean;
}

const answerBytesMax = 64 * 1024 * 1024;

/** Throws {@link CommandError}. */
export async function why(options: WhyOptions, { fs, clock }: MachinePorts, out: (text: string) => void): Promise<void> {
  const file = options.kubeconfig ?? clusterPaths(options.dataDir).kubeconfig;
  const text = await fs.readText(file);
  if (text === undefined) throw new CommandError(`There is no cluster: ${file} does not exist. Make one with \`minke up\`.`);
  const { server, token, tls } = connectionOf(file, text);
  const http = createHttpClient({ clock, tls });
  try {
    const explanation = await ask(http, { ...options, server, token });
    out(options.json ? `${JSON.stringify(explanation, undefined, 2)}\n` : whyText(explanation, options.all));
  } finally {
    http.close();
  }
}

interface Question {
  readonly server: string;
  readonly token: string | undefined;
  readonly namespace: string;
  readonly name: string;
}

async function ask(http: HttpClient, { server, token, namespace, name }: Question): Promise<PodExplanation> {
  const url = `${server}/debug/minke/why/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
  try {
    const response = await http.request({ url, ...(token ? { headers: { authorization: `Bearer ${token}` } } : {}) });
    const body = Buffer.from(await response.readAll(answerBytesMax)).toString('utf8');
    if (response.status === 200) return JSON.parse(body) as PodExplanation;
    throw new CommandError(messageOf(body) ?? `${url} answers ${response.status}.`);
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(`Cannot ask ${server}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function messageOf(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { message?: string }).message;
  } catch {
    return undefined; // Not an answer of an API server: its status says enough.
  }
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly { readonly name: string; readonly context: { readonly cluster: string; readonly user: string } }[];
  readonly clusters?: readonly { readonly name: string; readonly cluster: Readonly<Record<string, string>> }[];
  readonly users?: readonly { readonly name: string; readonly user: Readonly<Record<string, string>> }[];
}

/** Of the current context. Certificates are taken from the file itself, not from files that it names. */
function connectionOf(file: string, text: string) {
  const config = parse(text) as Kubeconfig | undefined;
  const context = config?.contexts?.find((one) => one.name === config['current-context'])?.context;
  const cluster = config?.clusters?.find((one) => one.name === context?.cluster)?.cluster;
  const user = config?.users?.find((one) => one.name === context?.user)?.user ?? {};
  const server = cluster?.server;
  if (!cluster || !server)
    throw new CommandError(`${file}: current-context "${config?.['current-context'] ?? ''}" wants a cluster with a server.`);
  const pem = (data: string | undefined) => (data === undefined ? undefined : Buffer.from(data, 'base64').toString('utf8'));
  const tls = {
    ca: pem(cluster['certificate-authority-data']),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data']),
  };
  return { server, token: user.token, tls };
}
