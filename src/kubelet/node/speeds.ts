// From counters of cpu time to speeds. A speed needs two looks: the one now, and an earlier one that is neither too near nor too far.

/** Looks nearer than this give no speed of their own. */
const windowMinMs = 1000;
/** An earlier look is kept for about so long. Source: the period of upstream's housekeeping. */
const windowMs = 10_000;
/** An earlier look older than this says little about the present. */
const windowMaxMs = 120_000;

export interface Speed {
  /** Billionths of a cpu. */
  readonly nanoCores: number;
  /** Over how long it was taken. */
  readonly windowMs: number;
}

interface Look {
  readonly atMs: number;
  readonly cpuNanos: number;
}

/** What is remembered of one group. */
export interface Looks {
  /** What the next speed is counted from. */
  readonly from: Look;
  /** What takes its place when it is old enough. */
  readonly last: Look;
  readonly speed: Speed | undefined;
}

/** One look more. `bornMs`: when the counter began at zero, where that is known. Pure. */
export function looked(before: Looks | undefined, now: Look, bornMs?: number): Looks {
  const rotates = before !== undefined && now.atMs - before.last.atMs >= windowMs;
  const from = rotates ? before.last : before?.from;
  if (!from || now.atMs - from.atMs > windowMaxMs) {
    const young = bornMs !== undefined && now.atMs - bornMs <= windowMaxMs;
    return { from: now, last: now, speed: young ? speedOf({ atMs: bornMs, cpuNanos: 0 }, now) : undefined };
  }
  return { from, last: rotates ? now : (before?.last ?? now), speed: speedOf(from, now) ?? before?.speed };
}

function speedOf(from: Look, now: Look): Speed | undefined {
  const elapsedMs = now.atMs - from.atMs;
  if (elapsedMs < windowMinMs) return undefined;
  // A counter that goes back is another group's of the same name.
  const nanoCores = Math.max(0, Math.round(((now.cpuNanos - from.cpuNanos) * 1000) / elapsedMs));
  return { nanoCores, windowMs: elapsedMs };
}
