// The pipeline's part of the audit log: decides by the policy, records each stage, and hands events to the backends.
import { StatusError, type V1Status } from '../../api/mod.ts';
import { type Clock, errorText } from '../../base/mod.ts';
import { anonymousUser } from '../authn/authenticate.ts';
import { type AuditSteps, attributesOf, type Exchange } from '../pipeline.ts';
import { type AuditPolicy, recordingOf, type Stage } from './policy.ts';
import { AuditRecord, type Outcome } from './record.ts';

/** Takes events, as JSON, and never waits: what it cannot keep it drops, and counts. */
export interface AuditBackend {
  take(event: string): void;
}

export interface AuditOptions {
  readonly policy: AuditPolicy;
  readonly backends: readonly AuditBackend[];
  readonly clock: Clock;
}

export function createAudit({ policy, backends, clock }: AuditOptions): AuditSteps {
  const tell = (record: AuditRecord, stage: Stage, outcome?: Outcome) => {
    if (!record.wants(stage)) return;
    const event = record.event(stage, clock.nowMs(), outcome);
    for (const backend of backends) backend.take(event);
  };
  const begin = (exchange: Exchange, known: boolean): AuditRecord | undefined => {
    const { request, info, auditId, user } = exchange;
    const recording = recordingOf(policy, attributesOf(info, known ? user : nobody));
    if (recording.level === 'None') return undefined;
    return new AuditRecord({ request, info, auditId, user: known ? user : undefined, receivedMs: clock.nowMs() }, recording);
  };
  return {
    async failedAuthentication(exchange, next) {
      try {
        return await next();
      } catch (error) {
        if (exchange.audit || exchange.user !== anonymousUser || !(error instanceof StatusError) || error.status.code !== 401) throw error;
        const record = begin(exchange, false);
        if (record) tell(record, 'ResponseStarted', outcomeOf(error, exchange));
        throw error;
      }
    },
    async requests(exchange, next) {
      const record = begin(exchange, true);
      if (!record) return next();
      exchange.audit = record;
      tell(record, 'RequestReceived');
      let response: Awaited<ReturnType<typeof next>>;
      try {
        response = await next();
      } catch (error) {
        const outcome = outcomeOf(error, exchange);
        tell(record, isExpected(error, exchange) ? 'ResponseComplete' : 'Panic', outcome);
        throw error;
      }
      const outcome = { code: response.status };
      if (exchange.longRunning) tell(record, 'ResponseStarted', outcome);
      const { as } = response.body;
      if (as !== 'stream' && as !== 'upgrade') {
        tell(record, 'ResponseComplete', outcome);
        return response;
      }
      const finished = () => {
        response.finished?.();
        tell(record, 'ResponseComplete', outcome);
      };
      return { ...response, finished };
    },
  };
}

/** For rules that name no user. */
const nobody = { name: '', groups: [] };

const isExpected = (error: unknown, { request }: Exchange): boolean =>
  error instanceof StatusError || request.signal.aborted || (error as { code?: unknown } | undefined)?.code === 'tooLarge';

/** As the client is told, or would be. */
function outcomeOf(error: unknown, { request }: Exchange): Outcome {
  if (error instanceof StatusError) return { code: error.status.code ?? 500, status: error.status };
  if ((error as { code?: unknown } | undefined)?.code === 'tooLarge') return { code: 413 };
  if (request.signal.aborted) return { code: 499 };
  const status: V1Status = { status: 'Failure', reason: 'InternalError', message: `APIServer panic'd: ${errorText(error)}`, code: 500 };
  return { code: 500, status };
}
