// postStart and preStop: what a pod asks to have done in or around its container.
// Source: https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/
import type { V1Container, V1LifecycleHandler } from '../../api/mod.ts';
import { type Clock, sleep } from '../../base/mod.ts';
import { httpTarget, type ProbePorts } from '../probes/run-probe.ts';

export interface HookOptions {
  readonly ports: ProbePorts;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly container: { readonly id: string; readonly spec: V1Container; readonly podIP: string };
  /** After which the hook counts as failed. */
  readonly timeoutMs: number;
}

/** The hook did not do what it should. */
export class HookError extends Error {
  override readonly name = 'HookError';
}

/** Resolves when the hook is done. Rejects with HookError, or with what its port says. */
export async function runHook(handler: V1LifecycleHandler, options: HookOptions): Promise<void> {
  const { ports, clock, signal, container, timeoutMs } = options;
  if (handler.exec) {
    const command = handler.exec.command ?? [];
    const seconds = Math.max(1, Math.ceil(timeoutMs / 1000));
    const result = await ports.runtime.execSync(container.id, command, seconds, { signal, deadlineMs: timeoutMs + 2000 });
    if (result.exitCode !== 0) {
      const output = Buffer.concat([result.stdout, result.stderr]).toString('utf8').slice(0, 1024);
      throw new HookError(`command '${command.join(' ')}' exited with ${result.exitCode}: ${output}`);
    }
  } else if (handler.httpGet) {
    const target = httpTarget(handler.httpGet, container);
    if (!target) throw new HookError(`couldn't find port: "${handler.httpGet.port}" in container ${container.spec.name}`);
    // Any answer will do: a hook tells, and is told nothing.
    await ports.io.httpGet({ ...target, timeoutMs, signal });
  } else if (handler.sleep) {
    await sleep(clock, Math.min(handler.sleep.seconds * 1000, timeoutMs), signal);
  }
}
