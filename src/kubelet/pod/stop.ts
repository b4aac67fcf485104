// Stops one container: its preStop hook, then SIGTERM, then SIGKILL, all within one grace period.
import type { V1Pod } from '../../api/mod.ts';
import { errorText, withDeadline } from '../../base/mod.ts';
import type { PodContext } from './context.ts';
import { emitterFor } from './events.ts';
import { runHook } from './hooks.ts';
import type { KillContainer } from './plan-types.ts';
import { containersOf } from './spec.ts';

/** After a preStop hook the container gets at least so long, in seconds, to see SIGTERM. */
const afterHookMinSeconds = 2;
/** The runtime's own time on top of the grace period. */
const slackMs = 60_000;

export async function killContainer(
  context: PodContext,
  options: { readonly pod: V1Pod; readonly action: KillContainer; readonly podIP: string; readonly signal: AbortSignal },
): Promise<void> {
  const { pod, action, podIP, signal } = options;
  const container = containersOf(pod).find((one) => one.spec.name === action.name);
  const emit = emitterFor(context.recorder, pod, container);
  if (!action.hurry) emit('Normal', 'Killing', action.message);
  const beganMs = context.clock.monotonicMs();
  let { graceSeconds } = action;
  const handler = container?.spec.lifecycle?.preStop;
  if (container && handler && !action.hurry) {
    const ms = graceSeconds * 1000;
    try {
      await withDeadline({ clock: context.clock, ms, what: 'the preStop hook', signal }, (within) =>
        runHook(handler, {
          ports: context.probes,
          clock: context.clock,
          signal: within,
          container: { id: action.id, spec: container.spec, podIP },
          timeoutMs: ms,
        }),
      );
    } catch (error) {
      if (signal.aborted) throw error;
      context.log.info('PreStop hook failed', { container: action.name, error: errorText(error) });
      emit('Warning', 'FailedPreStopHook', 'PreStopHook failed');
    }
    const spent = Math.floor((context.clock.monotonicMs() - beganMs) / 1000);
    graceSeconds = Math.max(afterHookMinSeconds, graceSeconds - spent);
  }
  await context.runtime.stopContainer(action.id, graceSeconds, { signal, deadlineMs: graceSeconds * 1000 + slackMs });
}
