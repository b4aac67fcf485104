// The flags of audit, authentication and authorization that `minke up` and `minke apiserver` share, under upstream's names.
// Source: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
import { resolve } from 'node:path';
import { parseDurationMs } from '../base/mod.ts';
import { signatureAlgorithms } from '../base/ports/jwk-verifier.ts';
import type { AccessSettings, AuditSettings } from '../cluster/machine/mod.ts';
import { CommandError, integerFlag } from './flags.ts';

const text = { type: 'string' } as const;
const texts = { type: 'string', multiple: true } as const;
export const accessFlags = {
  'audit-policy-file': text,
  'audit-log-path': text,
  'audit-log-maxage': text,
  'audit-log-maxbackup': text,
  'audit-log-maxsize': text,
  'audit-log-format': text,
  'audit-webhook-config-file': text,
  'oidc-issuer-url': text,
  'oidc-client-id': text,
  'oidc-ca-file': text,
  'oidc-username-claim': text,
  'oidc-username-prefix': text,
  'oidc-groups-claim': text,
  'oidc-groups-prefix': text,
  'oidc-required-claim': texts,
  'oidc-signing-algs': text,
  'authentication-config': text,
  'authentication-token-webhook-config-file': text,
  'authentication-token-webhook-cache-ttl': text,
  'authorization-mode': text,
  'authorization-config': text,
  'authorization-webhook-config-file': text,
  'authorization-webhook-cache-authorized-ttl': text,
  'authorization-webhook-cache-unauthorized-ttl': text,
} as const;

type Flags = typeof accessFlags;
type Values = {
  readonly [name in keyof Flags]?: (Flags[name] extends { readonly multiple: true } ? readonly string[] : string) | undefined;
};

const dayMs = 24 * 60 * 60 * 1000;
const megabyte = 1024 * 1024;

/** Throws {@link CommandError}. */
export const accessOf = (values: Values): AccessSettings => ({
  audit: auditOf(values),
  oidc: oidcOf(values),
  authenticationConfig: fileFlag('--authentication-config', values['authentication-config']),
  tokenWebhook: tokenWebhookOf(values),
  authorization: modesFlag(values['authorization-mode']),
  authorizationWebhook: authorizationWebhookOf(values),
  authorizationConfig: fileFlag('--authorization-config', values['authorization-config']),
});

const modes = ['AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook'] as const;

function modesFlag(value: string | undefined): AccessSettings['authorization'] {
  if (value === undefined) return undefined;
  const given = list(value).map((mode) => choice('--authorization-mode', mode, modes));
  if (given.length === 0) throw new CommandError(`--authorization-mode: got nothing, wants some of ${modes.join(', ')}.`);
  const twice = given.find((mode, at) => given.indexOf(mode) !== at);
  if (twice) throw new CommandError(`--authorization-mode: got "${twice}" twice, wants each mode once.`);
  return given;
}

function choice<T extends string>(name: string, value: string, of: readonly T[]): T {
  const found = of.find((one) => one === value);
  if (found === undefined) throw new CommandError(`${name}: got "${value}", wants one of ${of.join(', ')}.`);
  return found;
}

export const list = (value: string | undefined): readonly string[] =>
  (value ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

function oidcOf(values: Values): AccessSettings['oidc'] {
  const { 'oidc-issuer-url': issuerUrl, 'oidc-client-id': clientId } = values;
  if (issuerUrl === undefined && clientId === undefined) return undefined;
  if (!issuerUrl || !clientId) throw new CommandError('--oidc-issuer-url and --oidc-client-id must be specified together.');
  if (!URL.canParse(issuerUrl) || !issuerUrl.startsWith('https://'))
    throw new CommandError(`--oidc-issuer-url: got "${issuerUrl}", wants a URL that begins with https://.`);
  const required = (values['oidc-required-claim'] ?? []).flatMap(list).map((pair): [string, string] => {
    const [, claim, value] = /^([^=]+)=(.*)$/.exec(pair) ?? [];
    if (claim === undefined || value === undefined) throw new CommandError(`--oidc-required-claim: got "${pair}", wants CLAIM=VALUE.`);
    return [claim, value];
  });
  const algorithms = list(values['oidc-signing-algs'] ?? 'RS256').map((name) => choice('--oidc-signing-algs', name, signatureAlgorithms));
  return {
    issuerUrl,
    clientId,
    caFile: fileFlag('--oidc-ca-file', values['oidc-ca-file']),
    usernameClaim: values['oidc-username-claim'] ?? 'sub',
    usernamePrefix: values['oidc-username-prefix'],
    groupsClaim: values['oidc-groups-claim'],
    groupsPrefix: values['oidc-groups-prefix'] ?? '',
    requiredClaims: Object.fromEntries(required),
    algorithms,
  };
}

function tokenWebhookOf(values: Values): AccessSettings['tokenWebhook'] {
  const configFile = fileFlag('--authentication-token-webhook-config-file', values['authentication-token-webhook-config-file']);
  const ttl = values['authentication-token-webhook-cache-ttl'];
  const cacheMs = durationFlag('--authentication-token-webhook-cache-ttl', ttl, '2m0s');
  return configFile === undefined ? undefined : { configFile, cacheMs };
}

function authorizationWebhookOf(values: Values): AccessSettings['authorizationWebhook'] {
  const configFile = fileFlag('--authorization-webhook-config-file', values['authorization-webhook-config-file']);
  const ttl = (name: 'authorized' | 'unauthorized', usual: string): number =>
    durationFlag(`--authorization-webhook-cache-${name}-ttl`, values[`authorization-webhook-cache-${name}-ttl`], usual);
  const [allowedMs, notAllowedMs] = [ttl('authorized', '5m0s'), ttl('unauthorized', '30s')];
  return configFile === undefined ? undefined : { configFile, allowedMs, notAllowedMs };
}

function durationFlag(name: string, value: string | undefined, usual: string): number {
  const ms = parseDurationMs(value ?? usual);
  if (ms === undefined || ms < 0) throw new CommandError(`${name}: got "${value}", wants a duration such as ${usual}.`);
  return ms;
}

function auditOf(values: Values): AuditSettings {
  const format = values['audit-log-format'];
  if (format !== undefined && format !== 'json') throw new CommandError(`--audit-log-format: got "${format}", wants json.`);
  const logPath = fileFlag('--audit-log-path', values['audit-log-path']);
  return {
    policyFile: fileFlag('--audit-policy-file', values['audit-policy-file']),
    logPath,
    logBytesMax: countFlag('--audit-log-maxsize', values['audit-log-maxsize'], 100) * megabyte,
    logBackupsMax: countFlag('--audit-log-maxbackup', values['audit-log-maxbackup'], 10),
    logKeptMs: countFlag('--audit-log-maxage', values['audit-log-maxage'], 0) * dayMs,
    webhookConfigFile: fileFlag('--audit-webhook-config-file', values['audit-webhook-config-file']),
  };
}

const countFlag = (name: string, value: string | undefined, usual: number): number =>
  value === undefined ? usual : integerFlag(name, value, 0, 1_000_000);

/** As an absolute path: Minke in the background runs elsewhere. */
export function fileFlag(name: string, value: string | undefined): string | undefined {
  if (value === '' || value === '-') throw new CommandError(`${name}: got "${value}", wants the path of a file.`);
  return value === undefined ? undefined : resolve(value);
}
