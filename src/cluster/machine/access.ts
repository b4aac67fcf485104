// Who gets in, as the flags have it: what `minke up` and `minke apiserver` share.
import type { AuditSteps } from '../../apiserver/mod.ts';
import { type AuditContext, type AuditSettings, openAudit } from './audit.ts';

export interface AccessSettings {
  readonly audit: AuditSettings;
}

export interface OpenAccess {
  readonly audit: AuditSteps | undefined;
  /** Resolves when the signal has fired and everything has ended. */
  readonly stopped: Promise<void>;
}

/** Throws {@link MachineError} for what cannot be read. */
export async function openAccess(settings: AccessSettings | undefined, context: AuditContext): Promise<OpenAccess> {
  const audit = settings && (await openAudit(settings.audit, context));
  return { audit: audit?.steps, stopped: audit?.stopped ?? Promise.resolve() };
}
