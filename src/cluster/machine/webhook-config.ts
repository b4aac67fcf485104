// Configuration files of webhooks: kubeconfigs, whose cluster is the webhook and whose user is this server.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/webhook/#configuration-file-format
import { dirname, resolve } from 'node:path';
import { loadYaml } from '../../api/mod.ts';
import { type Clock, withDeadline } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import { type ClientTls, createHttpClient } from '../../base/ports/http-client.ts';
import { MachineError } from './data-dir.ts';

export interface WebhookConfig {
  readonly url: string;
  readonly tls: ClientTls;
  /** `Authorization`, where the user has a token or a password. */
  readonly authorization: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;
export const recordOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

/** The first document of a YAML or JSON file. Throws {@link MachineError} that names the flag. */
export async function readConfigFile(fs: FileSystem, flag: string, path: string): Promise<unknown> {
  const text = await fs.readText(path);
  if (text === undefined) throw new MachineError(`${flag}: ${path} does not exist.`);
  const { parseYamlDocuments } = await loadYaml();
  try {
    return parseYamlDocuments(text)[0];
  } catch (error) {
    throw new MachineError(`${flag}: ${path}: ${error instanceof Error ? error.message : String(error)}.`, { cause: error });
  }
}

/** Throws {@link MachineError} that names the flag and the field, and never what secrets say. */
export async function readWebhookConfig(fs: FileSystem, flag: string, path: string): Promise<WebhookConfig> {
  const config = recordOf(await readConfigFile(fs, flag, path));
  const refuse = (what: string): never => {
    throw new MachineError(`${flag}: ${path}: ${what}.`);
  };
  if (config.kind !== undefined && config.kind !== 'Config') refuse('wants kind Config of apiVersion v1: a kubeconfig');
  const named = (list: unknown, name: unknown, field: string): Fields => {
    const all = (Array.isArray(list) ? list : []).map(recordOf);
    const found = all.find((one) => one.name === name) ?? (all.length === 1 && name === undefined ? all[0] : undefined);
    return recordOf((found ?? refuse(`${field}: there is none named ${JSON.stringify(name) ?? 'by current-context'}`))[field]);
  };
  const context = named(config.contexts, config['current-context'], 'context');
  const cluster = named(config.clusters, context.cluster, 'cluster');
  const user = context.user === undefined ? {} : named(config.users, context.user, 'user');
  const url = textOf(cluster.server) ?? refuse('cluster.server: Required value');
  if (!/^https?:\/\//.test(url)) refuse(`cluster.server: Invalid value: "${url}": wants a URL that begins with https://`);
  /** Either as it stands, in base64, or in a file that is named relative to this one. */
  const pem = async (of: Fields, field: string): Promise<string | undefined> => {
    const data = textOf(of[`${field}-data`]);
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
    const file = textOf(of[field]);
    if (file === undefined) return undefined;
    return (await fs.readText(resolve(dirname(path), file))) ?? refuse(`${field}: ${file} does not exist`);
  };
  const insecure = cluster['insecure-skip-tls-verify'] === true;
  const serverName = textOf(cluster['tls-server-name']);
  return {
    url,
    tls: {
      ca: await pem(cluster, 'certificate-authority'),
      cert: await pem(user, 'client-certificate'),
      key: await pem(user, 'client-key'),
      ...(insecure ? { insecure } : {}),
      ...(serverName === undefined ? {} : { serverName }),
    },
    authorization: authorizationOf(user),
  };
}

function authorizationOf(user: Fields): string | undefined {
  const [token, name, password] = [textOf(user.token), textOf(user.username), textOf(user.password)];
  if (token !== undefined) return `Bearer ${token}`;
  return name === undefined ? undefined : `Basic ${Buffer.from(`${name}:${password ?? ''}`).toString('base64')}`;
}

export interface WebhookPost {
  /** The answer of a 2xx. Throws when there is none within `timeoutMs`, or the server answers otherwise. */
  post(body: string, timeoutMs: number, signal: AbortSignal): Promise<Uint8Array>;
  close(): void;
}

const answerBytesMax = 1024 * 1024;

/** Posts JSON to the webhook on connections that are kept. */
export function webhookPost({ url, tls, authorization }: WebhookConfig, clock: Clock): WebhookPost {
  const http = createHttpClient({ clock, tls });
  const headers = { 'content-type': 'application/json', accept: 'application/json', ...(authorization ? { authorization } : {}) };
  return {
    post: (body, timeoutMs, signal) =>
      withDeadline({ clock, ms: timeoutMs, what: `The webhook ${url}`, signal }, async (own) => {
        const response = await http.request({ method: 'POST', url, headers, body, signal: own, headTimeoutMs: timeoutMs });
        const bytes = await response.readAll(answerBytesMax);
        if (response.status < 200 || response.status > 299) throw new Error(`The webhook ${url} answered ${response.status}`);
        return bytes;
      }),
    close: () => http.close(),
  };
}
