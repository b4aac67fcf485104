// The flags of audit, authentication and authorization that `minke up` and `minke apiserver` share, under upstream's names.
// Source: https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/
import { resolve } from 'node:path';
import type { AccessSettings, AuditSettings } from '../cluster/machine/mod.ts';
import { CommandError, integerFlag } from './flags.ts';

const text = { type: 'string' } as const;
export const accessFlags = {
  'audit-policy-file': text,
  'audit-log-path': text,
  'audit-log-maxage': text,
  'audit-log-maxbackup': text,
  'audit-log-maxsize': text,
  'audit-log-format': text,
  'audit-webhook-config-file': text,
} as const;

type Values = { readonly [name in keyof typeof accessFlags]?: string | undefined };

const dayMs = 24 * 60 * 60 * 1000;
const megabyte = 1024 * 1024;

/** Throws {@link CommandError}. */
export const accessOf = (values: Values): AccessSettings => ({ audit: auditOf(values) });

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
function fileFlag(name: string, value: string | undefined): string | undefined {
  if (value === '' || value === '-') throw new CommandError(`${name}: got "${value}", wants the path of a file.`);
  return value === undefined ? undefined : resolve(value);
}
