// How a simulated pod behaves: annotations on the pod, all optional. A suffix `.<container>` is for that container alone.
//
//   sim.minke.dev/create-ms     how long making a container takes                   default 5
//   sim.minke.dev/start-ms      how long starting a container takes                 default 10
//   sim.minke.dev/sandbox-ms    how long making the sandbox takes                   default 20
//   sim.minke.dev/run-ms        how long a container runs before it exits           default: until it is stopped
//   sim.minke.dev/exit-code     with which code it then exits                       default 0
//   sim.minke.dev/reason        the reason of that exit, such as OOMKilled          default: Completed or Error
//   sim.minke.dev/stop-ms       how long it takes to answer SIGTERM                 default 10
//   sim.minke.dev/ready-ms      how long after its start its probes succeed         default 0
//   sim.minke.dev/exec-exit     the exit code of every command run in it            default: 0 once it is ready, else 1
//
// An init container without run-ms runs for 10 ms: a simulated pod comes up without annotations.
import type { Labels } from '../../kubelet/mod.ts';

const prefix = 'sim.minke.dev/';

export interface Behaviour {
  readonly createMs: number;
  readonly startMs: number;
  /** Undefined: until it is stopped. */
  readonly runMs: number | undefined;
  readonly exitCode: number;
  readonly reason: string;
  readonly stopMs: number;
  readonly readyMs: number;
  readonly execExit: number | undefined;
}

function number(annotations: Labels, of: { readonly key: string; readonly container: string }): number | undefined {
  const text = annotations[`${prefix}${of.key}.${of.container}`] ?? annotations[`${prefix}${of.key}`];
  if (text === undefined) return undefined;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}

export function behaviourOf(annotations: Labels, container: string): Behaviour {
  const get = (key: string) => number(annotations, { key, container });
  const exitCode = get('exit-code') ?? 0;
  return {
    createMs: get('create-ms') ?? 5,
    startMs: get('start-ms') ?? 10,
    runMs: get('run-ms'),
    exitCode,
    reason: annotations[`${prefix}reason.${container}`] ?? annotations[`${prefix}reason`] ?? (exitCode === 0 ? 'Completed' : 'Error'),
    stopMs: get('stop-ms') ?? 10,
    readyMs: get('ready-ms') ?? 0,
    execExit: get('exec-exit'),
  };
}

export const sandboxMs = (annotations: Labels): number => number(annotations, { key: 'sandbox-ms', container: '' }) ?? 20;
