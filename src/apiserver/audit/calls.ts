// The audit log of calls from within the process: controllers, scheduler and node agent are recorded as whom they act for, like anybody else.
import { StatusError } from '../../api/mod.ts';
import { type Clock, errorText, type Random } from '../../base/mod.ts';
import { type ApiRequest, methodOf, pathOf, type UserInfo } from '../../client/mod.ts';
import type { Attributes } from '../authz/authorizer.ts';
import { parseRequestInfo } from '../http/request-info.ts';
import type { Result } from '../request.ts';
import type { AuditBackend } from './audit.ts';
import { type AuditPolicy, recordingOf, type Stage } from './policy.ts';
import { AuditRecord, type Outcome } from './record.ts';

/** One call that is recorded. */
export interface CallRecord {
  readonly annotate: (key: string, value: string) => void;
  /** What the verb gave; of a watch, its beginning. */
  gave(result: Result): void;
  /** The end of the call, or of the watch. */
  ended(error?: unknown): void;
}

export interface CallAudit {
  /** Undefined where the policy wants nothing of the call. */
  begin(request: ApiRequest, attributes: Attributes, userAgent: string): Promise<CallRecord | undefined>;
}

export interface CallAuditOptions {
  readonly policy: AuditPolicy;
  readonly backends: readonly AuditBackend[];
  readonly clock: Clock;
  readonly random: Random;
}

/** The process itself. */
const ownAddress = '127.0.0.1';

export function createCallAudit({ policy, backends, clock, random }: CallAuditOptions): CallAudit {
  const tell = (record: AuditRecord, stage: Stage, outcome?: Outcome): void => {
    if (!record.wants(stage)) return;
    const event = record.event(stage, clock.nowMs(), outcome);
    for (const backend of backends) backend.take(event);
  };
  return {
    async begin(request, attributes, userAgent) {
      const recording = recordingOf(policy, attributes);
      if (recording.level === 'None') return undefined;
      const record = recordOf(request, attributes.user, { userAgent, recording, auditId: random.uuid(), receivedMs: clock.nowMs() });
      if (request.body !== undefined) await record.tookBody({ as: 'object', object: request.body });
      record.annotate('authorization.k8s.io/decision', 'allow');
      record.annotate('authorization.k8s.io/reason', 'a component of the process of the API server');
      tell(record, 'RequestReceived');
      let code = 200;
      return {
        annotate: record.annotate,
        gave(result) {
          record.gave(result);
          if (result.as === 'watch') tell(record, 'ResponseStarted', { code });
          else if (result.as !== 'list') code = result.code;
        },
        ended(error) {
          tell(record, error === undefined || error instanceof StatusError ? 'ResponseComplete' : 'Panic', outcomeOf(error, code));
        },
      };
    },
  };
}

interface Facts {
  readonly userAgent: string;
  readonly recording: ReturnType<typeof recordingOf>;
  readonly auditId: string;
  readonly receivedMs: number;
}

function recordOf(request: ApiRequest, user: UserInfo, { userAgent, recording, auditId, receivedMs }: Facts): AuditRecord {
  const query = request.verb === 'watch' ? { ...request.query, watch: 'true' } : request.query;
  const target = pathOf(query === undefined ? request : { ...request, query });
  const info = { ...parseRequestInfo(methodOf[request.verb], target), verb: request.verb };
  const from = { headers: { 'user-agent': userAgent }, target, remoteAddress: ownAddress };
  return new AuditRecord({ request: from, info: info as ReturnType<typeof parseRequestInfo>, auditId, user, receivedMs }, recording);
}

function outcomeOf(error: unknown, code: number): Outcome {
  if (error === undefined) return { code };
  if (error instanceof StatusError) return { code: error.status.code ?? 500, status: error.status };
  return { code: 500, status: { status: 'Failure', reason: 'InternalError', message: errorText(error), code: 500 } };
}
