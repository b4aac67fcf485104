// Who gets in and who may do what, as the flags have it: what `minke up` and `minke apiserver` share.
import { isDeepStrictEqual } from 'node:util';
import {
  type Anonymous,
  type AuditSteps,
  type AuthenticationConfig,
  type AuthorizationMode,
  type AuthorizationModes,
  type Authorizer,
  type CallAudit,
  loadExternalAccess,
  type OidcFlags,
  ownIssuer,
  type TokenAuthenticator,
  webhookTokens,
} from '../../apiserver/mod.ts';
import { aborted, type Clock, Tasks, withDeadline } from '../../base/mod.ts';
import { createHttpClient } from '../../base/ports/http-client.ts';
import { type AuditContext, type AuditSettings, openAudit } from './audit.ts';
import { type AccessContext, followAuthorizationConfig, webhookOf } from './authorization.ts';
import { MachineError } from './data-dir.ts';
import { reloadOnChange } from './reload.ts';
import { readConfigFile, readWebhookConfig, type WebhookPost, webhookPost } from './webhook-config.ts';

export interface AccessSettings {
  readonly audit: AuditSettings;
  readonly oidc: (OidcFlags & { readonly caFile: string | undefined }) | undefined;
  /** An AuthenticationConfiguration. */
  readonly authenticationConfig: string | undefined;
  readonly tokenWebhook: { readonly configFile: string; readonly cacheMs: number } | undefined;
  /** Undefined: Node, RBAC. */
  readonly authorization: readonly (AuthorizationMode | 'Webhook')[] | undefined;
  readonly authorizationWebhook: AuthorizationWebhook | undefined;
  /** An AuthorizationConfiguration. */
  readonly authorizationConfig: string | undefined;
}

export interface AuthorizationWebhook {
  readonly configFile: string;
  readonly allowedMs: number;
  readonly notAllowedMs: number;
}

export interface OpenAccess {
  /** For `createApiCore`. */
  readonly core: {
    /** Besides certificates, static tokens and service accounts. */
    readonly externalTokens: readonly TokenAuthenticator[];
    /** Undefined: Node, RBAC. */
    readonly authorizationModes: AuthorizationModes | undefined;
    readonly callAudit: CallAudit | undefined;
  };
  /** For `startApiServer`. */
  readonly server: {
    readonly audit: AuditSteps | undefined;
    /** Where a configuration says it. */
    readonly anonymous: Anonymous | undefined;
  };
  /** Resolves when the signal has fired and everything has ended. */
  readonly stopped: Promise<void>;
}

const tokenWebhookMs = 30_000;
const issuerMs = 10_000;
const issuerBytesMax = 1024 * 1024;

/** Throws {@link MachineError} for what cannot be read, or does not fit together. */
export async function openAccess(settings: AccessSettings | undefined, context: AuditContext): Promise<OpenAccess> {
  if (!settings) {
    const core = { externalTokens: [], authorizationModes: undefined, callAudit: undefined };
    return { core, server: { audit: undefined, anonymous: undefined }, stopped: Promise.resolve() };
  }
  const own: AccessContext = { ...context, closing: [], tasks: new Tasks(context.log) };
  const { tokens, anonymous } = await openIssuers(settings, own);
  if (settings.tokenWebhook) tokens.push(await openTokenWebhook(settings.tokenWebhook, own));
  const authorizationModes = await openAuthorization(settings, own);
  const audit = await openAudit(settings.audit, own);
  return {
    core: { externalTokens: tokens, authorizationModes, callAudit: audit?.calls },
    server: { audit: audit?.steps, anonymous },
    stopped: Promise.all([audit?.stopped, own.tasks.settled(), aborted(context.signal)]).then(() => {
      for (const close of own.closing) close();
    }),
  };
}

async function openIssuers(
  { oidc, authenticationConfig }: AccessSettings,
  context: AccessContext,
): Promise<{ tokens: TokenAuthenticator[]; anonymous: Anonymous | undefined }> {
  if (!oidc && authenticationConfig === undefined) return { tokens: [], anonymous: undefined };
  if (oidc && authenticationConfig !== undefined)
    throw new MachineError('--authentication-config and --oidc-* say the same thing: give one of them.');
  if (authenticationConfig !== undefined) return openAuthenticationConfig(authenticationConfig, context);
  const { fs } = context.ports;
  const { configOfFlags } = await loadExternalAccess();
  const fromFlags = async (flags: NonNullable<AccessSettings['oidc']>) => {
    const authorityPem = flags.caFile === undefined ? undefined : await fs.readText(flags.caFile);
    if (flags.caFile !== undefined && authorityPem === undefined) throw new MachineError(`--oidc-ca-file: ${flags.caFile} does not exist.`);
    return { jwt: [configOfFlags(flags, authorityPem)], anonymous: undefined };
  };
  const { jwt } = oidc ? await fromFlags(oidc) : { jwt: [] };
  return { tokens: [...(await authenticatorsOf(jwt, '--oidc-*', { ...context }))], anonymous: undefined };
}

/** The issuers of the file, which take effect anew when it changes; who may be nobody stays as it was at the start. */
async function openAuthenticationConfig(
  path: string,
  context: AccessContext,
): Promise<{ tokens: TokenAuthenticator[]; anonymous: Anonymous | undefined }> {
  const flag = '--authentication-config';
  const { ports, tasks, signal } = context;
  const { fs, clock } = ports;
  const log = context.log.with({ component: 'authentication' });
  const { readAuthenticationConfig } = await loadExternalAccess();
  const refuse = (what: string): never => {
    throw new MachineError(`${flag}: ${path}: ${what}.`);
  };
  const open = async () => {
    const own = { ...context, closing: [] as (() => void)[] };
    const config = readAuthenticationConfig(await readConfigFile(fs, flag, path), ownIssuer, refuse);
    const issuers = await authenticatorsOf(config.jwt, `${flag}: ${path}: jwt`, own);
    return { issuers, anonymous: anonymousOf(config.anonymous), closing: own.closing };
  };
  let now = await open();
  context.closing.push(() => closeAll(now.closing));
  const apply = async () => {
    const next = await open();
    if (!isDeepStrictEqual(next.anonymous, now.anonymous)) {
      closeAll(next.closing);
      refuse('anonymous: Forbidden: cannot change while the server runs');
    }
    closeAll(now.closing);
    now = next;
  };
  tasks.run('authentication configuration', signal, () => reloadOnChange({ fs, clock, log, signal, flag, path, apply }));
  const first = async (token: string) => {
    for (const issuer of now.issuers) {
      const user = await issuer.authenticate(token);
      if (user) return user;
    }
    return undefined;
  };
  return { tokens: [{ authenticate: first }], anonymous: now.anonymous };
}

function anonymousOf(said: AuthenticationConfig['anonymous']): Anonymous | undefined {
  if (!said) return undefined;
  return said.enabled ? (said.paths ? { paths: said.paths } : 'everywhere') : 'nowhere';
}

async function authenticatorsOf(
  jwt: AuthenticationConfig['jwt'],
  at: string,
  context: AccessContext,
): Promise<readonly TokenAuthenticator[]> {
  const { createJwtAuthenticator } = await loadExternalAccess();
  const { clock } = context.ports;
  const log = context.log.with({ component: 'authentication' });
  return jwt.map((config, i) => {
    const fetchJson = jsonFetcher(config.authorityPem, clock, context.closing);
    try {
      return createJwtAuthenticator({ config, fetchJson, clock, log });
    } catch (error) {
      throw new MachineError(`${at}[${i}].${error instanceof Error ? error.message : String(error)}.`);
    }
  });
}

const closeAll = (closing: readonly (() => void)[]): void => {
  for (const close of closing) close();
};

/** Reads JSON of issuers. Redirects are not followed. */
function jsonFetcher(authorityPem: string | undefined, clock: Clock, closing: AccessContext['closing']) {
  const http = createHttpClient({ clock, tls: { ca: authorityPem } });
  closing.push(() => http.close());
  return (url: string): Promise<unknown> =>
    withDeadline({ clock, ms: issuerMs, what: url }, async (signal) => {
      const response = await http.request({ url, signal, headTimeoutMs: issuerMs });
      const bytes = await response.readAll(issuerBytesMax);
      if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
      return JSON.parse(Buffer.from(bytes).toString('utf8'));
    });
}

async function openTokenWebhook(
  { configFile, cacheMs }: NonNullable<AccessSettings['tokenWebhook']>,
  context: AccessContext,
): Promise<TokenAuthenticator> {
  const { ports, log, signal, closing } = context;
  const flag = '--authentication-token-webhook-config-file';
  const webhook = keep(webhookPost(await readWebhookConfig(ports.fs, flag, configFile), ports.clock), closing);
  const post = (body: string) => webhook.post(body, tokenWebhookMs, signal);
  return webhookTokens({ post, audience: ownIssuer, cacheMs, clock: ports.clock, log: log.with({ component: 'authentication' }) });
}

function keep(webhook: WebhookPost, closing: AccessContext['closing']): WebhookPost {
  closing.push(() => webhook.close());
  return webhook;
}

async function openAuthorization(settings: AccessSettings, context: AccessContext): Promise<OpenAccess['core']['authorizationModes']> {
  const { authorization, authorizationWebhook, authorizationConfig } = settings;
  if (authorizationConfig !== undefined) {
    if (authorization || authorizationWebhook)
      throw new MachineError(
        '--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined.',
      );
    return followAuthorizationConfig(authorizationConfig, context);
  }
  if (authorizationWebhook && !authorization?.includes('Webhook'))
    throw new MachineError('--authorization-webhook-config-file wants Webhook among the modes of --authorization-mode.');
  if (!authorization) return undefined;
  const modes: (AuthorizationMode | Authorizer)[] = [];
  for (const mode of authorization) {
    if (mode !== 'Webhook') modes.push(mode);
    else if (!authorizationWebhook) throw new MachineError('--authorization-mode: Webhook wants --authorization-webhook-config-file.');
    else modes.push(await webhookOf({ ...authorizationWebhook, flag: '--authorization-webhook-config-file', timeoutMs: 30_000 }, context));
  }
  return modes;
}
