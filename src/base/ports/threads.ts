// Work that holds the event loop for long, done in a thread beside it: the thread starts when it is first needed, and ends when nobody has needed
// it for a while. What goes in and out is copied.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { Clock, Timer } from '../clock.ts';

const idleMs = 30_000;
/** What a thread may hold in memory, in MB. */
const memoryMaxMb = 512;

export interface Thread {
  /** Does one task of the thread's program. Rejects with what the task threw (its message alone), and when the thread breaks down. */
  run(task: string, input: unknown): Promise<unknown>;
}

export interface ThreadOptions {
  /** The thread's program, which calls {@link serveThread}. */
  readonly program: URL;
  readonly clock: Clock;
  /** Ends the thread; tasks under way are rejected. */
  readonly signal: AbortSignal;
}

interface Asked {
  readonly id: number;
  readonly task: string;
  readonly input: unknown;
}

type Told = { readonly id: number; readonly result: unknown } | { readonly id: number; readonly failed: string };

/** A program of the bundle, by its name without `.js`. */
export const bundled = (name: string): URL => new URL(`./${name}.js`, import.meta.url);

/** Undefined where the program is not there, as in tests that run sources: the caller does the work itself then. */
export function createThread({ program, clock, signal }: ThreadOptions): Thread | undefined {
  if (!existsSync(fileURLToPath(program))) return undefined;
  const waiting = new Map<number, { readonly resolve: (result: unknown) => void; readonly reject: (error: Error) => void }>();
  let worker: Worker | undefined;
  let idle: Timer | undefined;
  let lastId = 0;
  const end = (error: Error) => {
    idle?.cancel();
    void worker?.terminate();
    worker = undefined;
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  signal.addEventListener('abort', () => end(new Error('the thread has been stopped')), { once: true });
  const start = (): Worker => {
    const made = new Worker(program, { resourceLimits: { maxOldGenerationSizeMb: memoryMaxMb } });
    made.unref();
    made.on('message', (told: Told) => {
      const asker = waiting.get(told.id);
      waiting.delete(told.id);
      if ('failed' in told) asker?.reject(new Error(told.failed));
      else asker?.resolve(told.result);
      if (waiting.size === 0) idle = clock.after(idleMs, () => end(new Error('idle')));
    });
    made.on('error', (error) => {
      if (worker === made) end(error instanceof Error ? error : new Error(String(error)));
    });
    made.on('exit', (code) => {
      if (worker === made) end(new Error(`the thread has ended with ${code}`));
    });
    return made;
  };
  return {
    run(task, input) {
      if (signal.aborted) return Promise.reject(new Error('the thread has been stopped'));
      idle?.cancel();
      worker ??= start();
      const asked: Asked = { id: ++lastId, task, input };
      return new Promise((resolve, reject) => {
        waiting.set(asked.id, { resolve, reject });
        worker?.postMessage(asked);
      });
    },
  };
}

/** The other side: a thread's program calls this once. Does nothing outside a thread. */
export function serveThread(tasks: Readonly<Record<string, (input: never) => unknown>>): void {
  if (isMainThread) return;
  parentPort?.on('message', async ({ id, task, input }: Asked) => {
    let told: Told;
    try {
      told = { id, result: await tasks[task]?.(input as never) };
    } catch (error) {
      told = { id, failed: error instanceof Error ? error.message : String(error) };
    }
    parentPort?.postMessage(told);
  });
}
