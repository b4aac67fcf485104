// What a worker has under way: at most one operation a subject, and what failed last on it.
import { backoffMs, childController, errorText, StoppedError } from '../../base/mod.ts';
import { StartError } from '../container/errors.ts';
import type { PodContext } from './context.ts';
import type { Busy, Failure, Subject } from './plan-types.ts';

/** The pause after a failure, unless the error itself says when to try again. */
const retry = { baseMs: 500, maxMs: 30_000 } as const;
const startRetryMs = 10_000;

interface Operation extends Busy {
  readonly controller: AbortController;
  readonly unlink: () => void;
}

export interface Operations {
  readonly busy: ReadonlyMap<Subject, Busy>;
  readonly failures: ReadonlyMap<Subject, Failure>;
  /** Begins `work`; what is under way on the subject already is given up. */
  run(subject: Subject, options: { readonly killAtMs?: number | undefined }, work: (signal: AbortSignal) => Promise<void>): void;
  cancel(subject: Subject): void;
  /** Forgets a failure, so that the next plan tries again. */
  forgive(keep: (subject: Subject, failure: Failure) => boolean): void;
}

export function createOperations(
  context: Pick<PodContext, 'clock' | 'tasks' | 'log'>,
  options: { readonly signal: AbortSignal; readonly onEnd: () => void },
): Operations {
  const { clock, tasks, log } = context;
  const { signal, onEnd } = options;
  const busy = new Map<Subject, Operation>();
  const failures = new Map<Subject, Failure>();
  const counts = new Map<Subject, number>();

  function fail(subject: Subject, error: unknown): void {
    const count = counts.get(subject) ?? 0;
    counts.set(subject, count + 1);
    const start = error instanceof StartError ? error : undefined;
    const inMs = start ? (start.retryInMs ?? startRetryMs) : backoffMs(retry, count);
    failures.set(subject, { reason: start?.reason ?? '', message: errorMessage(error), retryAtMs: clock.nowMs() + inMs });
    log.info('A step of a pod failed', { subject, error: errorText(error), retryInMs: inMs });
  }

  return {
    busy,
    failures,
    run(subject, { killAtMs }, work) {
      busy.get(subject)?.controller.abort(new StoppedError('replaced'));
      const { controller, unlink } = childController(signal);
      const operation: Operation = { controller, unlink, killAtMs };
      busy.set(subject, operation);
      tasks.run(subject, controller.signal, async () => {
        try {
          await work(controller.signal);
          failures.delete(subject);
          counts.delete(subject);
        } catch (error) {
          if (!controller.signal.aborted) fail(subject, error);
        } finally {
          unlink();
          if (busy.get(subject) === operation) busy.delete(subject);
          onEnd();
        }
      });
    },
    cancel(subject) {
      busy.get(subject)?.controller.abort(new StoppedError('cancelled'));
    },
    forgive(keep) {
      for (const [subject, failure] of failures) if (!keep(subject, failure)) failures.delete(subject);
    },
  };
}

/** What users see is the message itself, without the chain of causes that the log has. */
const errorMessage = (error: unknown): string => (error instanceof Error ? error.message : String(error));
