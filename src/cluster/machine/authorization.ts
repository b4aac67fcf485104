// Webhooks that decide who may do what: by flags, or in an AuthorizationConfiguration of apiserver.config.k8s.io.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#using-configuration-file-for-authorization
import {
  type AuthorizationMode,
  type AuthorizationModes,
  type Authorizer,
  createWebhookAuthorizer,
  loadExternalAccess,
} from '../../apiserver/mod.ts';
import { parseDurationMs, type Tasks } from '../../base/mod.ts';
import type { AuditContext } from './audit.ts';
import { MachineError } from './data-dir.ts';
import { reloadOnChange } from './reload.ts';
import { readConfigFile, readWebhookConfig, recordOf, webhookPost } from './webhook-config.ts';

/** What is opened on the way, and closed at the end. */
export interface AccessContext extends AuditContext {
  readonly closing: (() => void)[];
  /** What goes on while the server runs. */
  readonly tasks: Tasks;
}

export interface WebhookWanted {
  readonly flag: string;
  readonly configFile: string;
  readonly timeoutMs: number;
  readonly allowedMs: number;
  readonly notAllowedMs: number;
  readonly onFailure?: 'deny' | 'noOpinion';
  readonly matches?: Parameters<typeof createWebhookAuthorizer>[0]['matches'];
}

export async function webhookOf(wanted: WebhookWanted, { ports, log, signal, closing }: AccessContext): Promise<Authorizer> {
  const { clock, fs } = ports;
  const webhook = webhookPost(await readWebhookConfig(fs, wanted.flag, wanted.configFile), clock);
  closing.push(() => webhook.close());
  return createWebhookAuthorizer({
    post: (body) => webhook.post(body, wanted.timeoutMs, signal),
    allowedMs: wanted.allowedMs,
    notAllowedMs: wanted.notAllowedMs,
    onFailure: wanted.onFailure ?? 'noOpinion',
    matches: wanted.matches,
    clock,
    log: log.with({ component: 'authorization' }),
  });
}

const flag = '--authorization-config';
const types: readonly string[] = ['AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook'];
const timeoutMaxMs = 30_000;

type Fields = Readonly<Record<string, unknown>>;
type Refuse = (what: string) => never;

/** The authorizers of the file as it is now: it takes effect anew when it changes. Throws {@link MachineError}. */
export async function followAuthorizationConfig(path: string, context: AccessContext): Promise<AuthorizationModes> {
  const { ports, signal, tasks } = context;
  const { fs, clock } = ports;
  const log = context.log.with({ component: 'authorization' });
  const open = async () => {
    const closing: (() => void)[] = [];
    return { modes: await openAuthorizationConfig(path, { ...context, closing }), closing };
  };
  let now = await open();
  const closeNow = () => {
    for (const close of now.closing) close();
  };
  context.closing.push(closeNow);
  const apply = async () => {
    const next = await open();
    closeNow();
    now = next;
  };
  tasks.run('authorization configuration', signal, () => reloadOnChange({ fs, clock, log, signal, flag, path, apply }));
  return () => now.modes;
}

/** The authorizers, in the file's order. Throws {@link MachineError} that names the field. */
export async function openAuthorizationConfig(path: string, context: AccessContext): Promise<readonly (AuthorizationMode | Authorizer)[]> {
  const { kind, apiVersion, authorizers } = recordOf(await readConfigFile(context.ports.fs, flag, path));
  const refuse: Refuse = (what) => {
    throw new MachineError(`${flag}: ${path}: ${what}.`);
  };
  if (kind !== 'AuthorizationConfiguration' || !/^apiserver\.config\.k8s\.io\/v1(alpha1|beta1)?$/.test(String(apiVersion)))
    refuse('wants kind AuthorizationConfiguration of apiVersion apiserver.config.k8s.io/v1');
  const items = (Array.isArray(authorizers) ? authorizers : []).map(recordOf);
  if (items.length === 0) refuse('authorizers: Required value: at least one authorization mode must be defined');
  const modes: (AuthorizationMode | Authorizer)[] = [];
  const seen = new Set<unknown>();
  for (const [i, { type, name, webhook }] of items.entries()) {
    const at = `authorizers[${i}]`;
    if (typeof type !== 'string' || !types.includes(type))
      return refuse(`${at}.type: Unsupported value: ${JSON.stringify(type)}: wants one of ${types.join(', ')}`);
    if (typeof name !== 'string' || name === '') refuse(`${at}.name: Required value`);
    if (seen.has(name) || (type !== 'Webhook' && modes.includes(type as AuthorizationMode))) refuse(`${at}: Duplicate value: "${name}"`);
    seen.add(name);
    if (type !== 'Webhook' && webhook !== undefined) refuse(`${at}.webhook: Invalid value: may only be specified when type=Webhook`);
    if (type !== 'Webhook') modes.push(type as AuthorizationMode);
    else modes.push(await webhookOf(await readWebhook(recordOf(webhook), `${at}.webhook`, refuse), context));
  }
  return modes;
}

async function readWebhook(of: Fields, at: string, refuse: Refuse): Promise<WebhookWanted> {
  const durationMs = (field: string, usual: string, maxMs: number): number => {
    const ms = parseDurationMs(String(of[field] ?? usual));
    return ms !== undefined && ms > 0 && ms <= maxMs
      ? ms
      : refuse(`${at}.${field}: Invalid value: ${JSON.stringify(of[field])}: wants a duration such as ${usual}`);
  };
  const { connectionInfo, failurePolicy, subjectAccessReviewVersion, matchConditions } = of;
  const { type, kubeConfigFile } = recordOf(connectionInfo);
  if (type !== 'KubeConfigFile') refuse(`${at}.connectionInfo.type: Unsupported value: ${JSON.stringify(type)}: wants KubeConfigFile`);
  if (typeof kubeConfigFile !== 'string' || !kubeConfigFile.startsWith('/'))
    return refuse(`${at}.connectionInfo.kubeConfigFile: Invalid value: ${JSON.stringify(kubeConfigFile)}: must be an absolute path`);
  if (failurePolicy !== 'Deny' && failurePolicy !== 'NoOpinion')
    refuse(`${at}.failurePolicy: Unsupported value: ${JSON.stringify(failurePolicy)}: wants NoOpinion or Deny`);
  if (subjectAccessReviewVersion !== 'v1')
    refuse(`${at}.subjectAccessReviewVersion: Unsupported value: ${JSON.stringify(subjectAccessReviewVersion)}: wants v1`);
  const expressions = (Array.isArray(matchConditions) ? matchConditions : []).map((one) => String(recordOf(one).expression ?? ''));
  return {
    flag: `${flag}: ${at}.connectionInfo.kubeConfigFile`,
    configFile: kubeConfigFile,
    timeoutMs: durationMs('timeout', '3s', timeoutMaxMs),
    allowedMs: durationMs('authorizedTTL', '5m0s', Number.POSITIVE_INFINITY),
    notAllowedMs: durationMs('unauthorizedTTL', '30s', Number.POSITIVE_INFINITY),
    onFailure: failurePolicy === 'Deny' ? 'deny' : 'noOpinion',
    matches: await conditionsOf(expressions, at, refuse),
  };
}

async function conditionsOf(expressions: readonly string[], at: string, refuse: Refuse): Promise<WebhookWanted['matches']> {
  if (expressions.length === 0) return undefined;
  const { compileAccessConditions } = await loadExternalAccess();
  try {
    return compileAccessConditions(expressions);
  } catch (error) {
    return refuse(`${at}.${error instanceof Error ? error.message : String(error)}`);
  }
}
