// The logs of simulated containers: one line for the start and one for the end, made of the container's row when somebody reads them.
import { formatMicroTime } from '../../api/mod.ts';
import { type Clock, onAbort } from '../../base/mod.ts';
import type { FileFollower, GrowingFile } from '../../base/ports/file-follow.ts';
import type { SimContainer } from '../runtime/model.ts';
import type { SimRuntime } from '../runtime/runtime.ts';

/** In the runtime's log format; empty before the start. */
export function simLog(container: SimContainer): string {
  const { name, image, attempt, startedAtMs, finishedAtMs, exitCode, reason, state } = container;
  const line = (ms: number, text: string) => `${formatMicroTime(ms)} stdout F ${text}\n`;
  const start = startedAtMs === 0 ? '' : line(startedAtMs, `simulated container ${name} started (image ${image}, attempt ${attempt})`);
  return state === 'exited'
    ? `${start}${line(finishedAtMs, `simulated container ${name} ended: exit code ${exitCode}, ${reason}`)}`
    : start;
}

export function createSimFollower(runtime: Pick<SimRuntime, 'containers'>, clock: Clock): FileFollower {
  return {
    async open(path) {
      const container = [...runtime.containers.values()].find((one) => one.logPath === path);
      return container && growing(container, clock);
    },
  };
}

function growing(container: SimContainer, clock: Clock): GrowingFile {
  const bytes = () => Buffer.from(simLog(container));
  let seen = 0;
  const grew = (): boolean => {
    const before = seen;
    seen = bytes().length;
    return seen !== before;
  };
  return {
    read: async (position, maxBytes) => bytes().subarray(position, position + maxBytes),
    sizeBytes: async () => bytes().length,
    async changed(atMostMs, signal) {
      if (!grew() && !signal.aborted && container.state !== 'exited') await nextEnd(container, { clock, atMostMs, signal });
      return grew() && !signal.aborted;
    },
    close: async () => {},
  };
}

function nextEnd(
  container: SimContainer,
  of: { readonly clock: Clock; readonly atMostMs: number; readonly signal: AbortSignal },
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      timer.cancel();
      off();
      container.onExit.delete(done);
      resolve();
    };
    const timer = of.clock.after(of.atMostMs, done);
    const off = onAbort(of.signal, done);
    container.onExit.add(done);
  });
}
