// Progress while a cluster starts: what is waited for, then how long it took. Lines, so that a log reads as well as a terminal.
import type { Clock } from '../base/mod.ts';

export interface Progress {
  /** Runs `work` and says how long it took. Steps may overlap. What it throws goes on to the caller. */
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
  say(line: string): void;
}

export interface ProgressOptions {
  readonly clock: Clock;
  readonly write: (text: string) => void;
  /** True when the output is a terminal, on which a line that is waited for can be shown and taken back. */
  readonly live: boolean;
}

const clearLine = '\r\u001b[K';

export function createProgress(options: ProgressOptions): Progress {
  const { clock, write, live } = options;
  const waiting = new Set<string>();
  const show = () => {
    if (live && waiting.size > 0) write(`${clearLine}… ${[...waiting].join(', ')}`);
  };
  const say = (line: string) => {
    write(`${live ? clearLine : ''}${line}\n`);
    show();
  };
  return {
    say,
    async step(what, work) {
      const startMs = clock.monotonicMs();
      waiting.add(what);
      show();
      try {
        const result = await work();
        waiting.delete(what);
        say(`✓ ${what} (${formatSeconds(clock.monotonicMs() - startMs)})`);
        return result;
      } catch (error) {
        waiting.delete(what);
        say(`✗ ${what} (${formatSeconds(clock.monotonicMs() - startMs)})`);
        throw error;
      }
    },
  };
}

/** `0.02 s`, `1.4 s` */
export const formatSeconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 100 ? 2 : 1)} s`;
