// How long a node rests before its failed daemon pod is replaced: a kubelet that rejects each of them must not keep us busy.
import { backoffMs, type Clock } from '../../base/mod.ts';

const options = { baseMs: 1_000, maxMs: 15 * 60_000 };

export interface FailureBackoff {
  /** 0: now, which counts as one more failure; else how long to wait. */
  waitMs(setUid: string, nodeName: string): number;
  forget(setUid: string): void;
}

export function createFailureBackoff(clock: Clock): FailureBackoff {
  const sets = new Map<string, Map<string, { failures: number; untilMs: number }>>();
  return {
    waitMs(setUid, nodeName) {
      const nowMs = clock.monotonicMs();
      const nodes = sets.get(setUid) ?? new Map<string, { failures: number; untilMs: number }>();
      sets.set(setUid, nodes);
      const known = nodes.get(nodeName);
      if (known && known.untilMs > nowMs) return known.untilMs - nowMs;
      // One that has been well for long starts anew.
      const failures = known && nowMs - known.untilMs < 2 * options.maxMs ? known.failures + 1 : 0;
      nodes.set(nodeName, { failures, untilMs: nowMs + backoffMs(options, failures) });
      return 0;
    },
    forget: (setUid) => void sets.delete(setUid),
  };
}
