// What is to be learnt about a container that has just ended, besides its exit code: its last words, and whether it ran out of memory.
import { errorText, sleep } from '../../base/mod.ts';
import type { ContainerStatus } from '../cri/runtime.ts';
import type { PodContext } from './context.ts';

const killedCode = 137;
/** A runtime may hear of the end before it hears that memory ran out: for so long its word is not the last. */
const oomSettleMs = 2000;
const oomWaitMs = [20, 40, 80, 160, 320, 640] as const;
const callDeadlineMs = 5000;

/** True when a container was killed so short a time ago that the runtime may yet say OOMKilled. */
export const mayBeOom = (run: ContainerStatus, nowMs: number): boolean =>
  run.exitCode === killedCode && run.reason !== 'OOMKilled' && nowMs - run.finishedAtMs < oomSettleMs;

/** Completes the status of an ended container. A kill that nobody here has asked for is asked about again, for 1.3 s: on a busy machine the word of it takes that long. Never rejects. */
export async function completeEnd(
  context: PodContext,
  run: ContainerStatus,
  of: { readonly stopping: boolean; readonly signal: AbortSignal },
): Promise<ContainerStatus> {
  const settled = of.stopping ? run : await settleOom(context, run, of.signal);
  return withMessage(context, settled);
}

async function settleOom(context: PodContext, run: ContainerStatus, signal: AbortSignal): Promise<ContainerStatus> {
  const { runtime, clock } = context;
  let latest = run;
  try {
    for (const ms of oomWaitMs) {
      if (!mayBeOom(latest, clock.nowMs())) break;
      await sleep(clock, ms, signal);
      latest = await runtime.containerStatus(run.id, { signal, deadlineMs: callDeadlineMs });
    }
  } catch {
    // Gone meanwhile, or the runtime is away: what is known has to do.
  }
  return latest.state === 'exited' ? latest : run;
}

async function withMessage(context: PodContext, run: ContainerStatus): Promise<ContainerStatus> {
  if (run.message !== '') return run;
  try {
    return { ...run, message: await context.files.terminationMessage(run) };
  } catch (error) {
    context.log.info('Cannot read a termination message', { container: run.id, error: errorText(error) });
    return run;
  }
}
