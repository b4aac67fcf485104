// Expectations: what a controller has done that its cache does not show yet. Until it does, the controller must not act
// again on that cache, or it would create or delete twice.
import type { Clock } from '../../base/mod.ts';

/** An expectation that is not met by then is given up: an event was missed, and the cache is taken at its word. */
const timeoutMs = 300_000;

interface Expected {
  creations: number;
  readonly deletions: Set<string>;
  readonly sinceMs: number;
}

/** By the key of the owner. Deletions are known by the key of the dependent, so that one is never counted twice. */
export interface Expectations {
  expectCreations(owner: string, count: number): void;
  /** Call it too for each creation that failed: nothing will be seen of it. */
  creationObserved(owner: string): void;
  expectDeletions(owner: string, dependents: readonly string[]): void;
  deletionObserved(owner: string, dependent: string): void;
  /** True when the cache shows all that was done, or has had its time. */
  met(owner: string): boolean;
  /** In how many milliseconds it is given up; whoever finds it unmet comes back then, as nothing else may wake the owner. */
  givenUpInMs(owner: string): number;
  forget(owner: string): void;
}

export function createExpectations(clock: Clock): Expectations {
  const expected = new Map<string, Expected>();

  function of(owner: string): Expected {
    const known = expected.get(owner);
    if (known) return known;
    const fresh: Expected = { creations: 0, deletions: new Set(), sinceMs: clock.monotonicMs() };
    expected.set(owner, fresh);
    return fresh;
  }

  function tidy(owner: string, entry: Expected): void {
    if (entry.creations <= 0 && entry.deletions.size === 0) expected.delete(owner);
  }

  return {
    expectCreations(owner, count) {
      if (count > 0) of(owner).creations += count;
    },
    creationObserved(owner) {
      const entry = expected.get(owner);
      if (!entry) return;
      entry.creations--;
      tidy(owner, entry);
    },
    expectDeletions(owner, dependents) {
      if (dependents.length === 0) return;
      const entry = of(owner);
      for (const dependent of dependents) entry.deletions.add(dependent);
    },
    deletionObserved(owner, dependent) {
      const entry = expected.get(owner);
      if (entry?.deletions.delete(dependent)) tidy(owner, entry);
    },
    met(owner) {
      const entry = expected.get(owner);
      if (!entry) return true;
      if (clock.monotonicMs() - entry.sinceMs < timeoutMs) return false;
      expected.delete(owner);
      return true;
    },
    givenUpInMs(owner) {
      const entry = expected.get(owner);
      return entry ? Math.max(0, entry.sinceMs + timeoutMs - clock.monotonicMs()) : 0;
    },
    forget: (owner) => void expected.delete(owner),
  };
}
