// Batches that double while all goes well: a template that the server refuses costs one refusal, not five hundred.

/** Runs `work` for 0 .. count-1, in batches of 1, 2, 4, ...; stops after the first batch with a failure. */
export async function slowStart(
  count: number,
  work: (index: number) => Promise<void>,
): Promise<{ readonly started: number; readonly error: unknown }> {
  let started = 0;
  for (let batch = 1; started < count; batch *= 2) {
    const size = Math.min(batch, count - started);
    const first = started;
    const results = await Promise.allSettled(Array.from({ length: size }, (_, i) => work(first + i)));
    started += size;
    const failed = results.find((result) => result.status === 'rejected');
    if (failed) return { started, error: failed.reason };
  }
  return { started, error: undefined };
}
