// The audit log as the flags have it: policy, file and webhook. Nothing of it is loaded where no policy is given.
import { dirname } from 'node:path';
import {
  type AuditSteps,
  type CallAudit,
  createAudit,
  createAuditLog,
  createAuditWebhook,
  createCallAudit,
  readAuditPolicy,
} from '../../apiserver/mod.ts';
import { type Logger, type Metrics, Tasks } from '../../base/mod.ts';
import { MachineError } from './data-dir.ts';
import type { MachinePorts } from './ports.ts';
import { readConfigFile, readWebhookConfig, webhookPost } from './webhook-config.ts';

export interface AuditSettings {
  readonly policyFile: string | undefined;
  readonly logPath: string | undefined;
  readonly logBytesMax: number;
  readonly logBackupsMax: number;
  readonly logKeptMs: number;
  readonly webhookConfigFile: string | undefined;
}

const webhookTimeoutMs = 30_000;

export interface OpenAudit {
  readonly steps: AuditSteps;
  /** For the components of this process. */
  readonly calls: CallAudit;
  /** Resolves when the signal has fired and everything is written. */
  readonly stopped: Promise<void>;
}

export interface AuditContext {
  readonly ports: MachinePorts;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly signal: AbortSignal;
}

/** Undefined where nothing is to be recorded. Throws {@link MachineError}. */
export async function openAudit(settings: AuditSettings, context: AuditContext): Promise<OpenAudit | undefined> {
  const { policyFile, logPath, webhookConfigFile } = settings;
  if (policyFile === undefined) {
    if (logPath !== undefined || webhookConfigFile !== undefined)
      throw new MachineError(
        '--audit-log-path and --audit-webhook-config-file want --audit-policy-file too: without a policy nothing is recorded.',
      );
    return undefined;
  }
  const { ports, log, metrics, signal } = context;
  const { fs, clock, random } = ports;
  const policy = readAuditPolicy(await readConfigFile(fs, '--audit-policy-file', policyFile), (what) => {
    throw new MachineError(`--audit-policy-file: ${policyFile}: ${what}.`);
  });
  const errors = metrics.counter({
    name: 'apiserver_audit_error_total',
    help: 'Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.',
    labels: ['plugin'],
  });
  const common = { clock, log: log.with({ component: 'audit' }), signal };
  const tasks = new Tasks(common.log);
  const backends: { take(event: string): void; run(): Promise<void> }[] = [];
  if (logPath !== undefined) {
    if (!(await fs.exists(dirname(logPath)))) await fs.mkdir(dirname(logPath), { mode: 0o700 });
    const { logBytesMax: bytesMax, logBackupsMax: backupsMax, logKeptMs: keptMs } = settings;
    backends.push(createAuditLog({ ...common, fs, path: logPath, bytesMax, backupsMax, keptMs, lost: () => errors.of('log').add(1) }));
  }
  if (webhookConfigFile !== undefined) {
    const webhook = webhookPost(await readWebhookConfig(fs, '--audit-webhook-config-file', webhookConfigFile), clock);
    const post = (body: string, own: AbortSignal) => webhook.post(body, webhookTimeoutMs, own);
    const sender = createAuditWebhook({ ...common, random: random.child('audit'), post, lost: () => errors.of('webhook').add(1) });
    backends.push({ take: sender.take, run: () => sender.run().finally(() => webhook.close()) });
  }
  for (const backend of backends) tasks.run('audit backend', signal, () => backend.run());
  return {
    steps: createAudit({ policy, backends, clock }),
    calls: createCallAudit({ policy, backends, clock, random: random.child('audit of calls') }),
    stopped: tasks.settled(),
  };
}
