// Other programs: run one and read what it says, start one that outlives us, signal one. Linux only where it reads /proc.
import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';

/** Output of one program that is kept; what comes after is dropped and `truncated` set. */
const outputMaxDefault = 4 * 1024 * 1024;
/** How long after SIGTERM a program that overran its deadline is killed. */
const killAfterMs = 2_000;

export interface RunOptions {
  /** Written to the program's standard input, which is then closed. Default: nothing. */
  readonly input?: string | Uint8Array;
  /** Added to the environment. `PATH` is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Milliseconds after which the program is ended and `run` rejects with a {@link ProcessError}. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  readonly outputMaxBytes?: number;
}

export interface RunResult {
  /** The exit code; -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly truncated: boolean;
}

export interface DetachedOptions {
  /** Both output streams are appended to this file. */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

/** A program that runs, or ran. `startTime` tells it from a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks between boot and the start of the program, as /proc says. */
  readonly startTime: string;
}

export interface ProcessInfo extends ProcessId {
  readonly argv: readonly string[];
}

export type SignalName = 'SIGTERM' | 'SIGKILL' | 'SIGHUP' | 'SIGINT' | 'SIGUSR1';

/** A program could not be started, or did not end in time. An exit code other than 0 is not an error of `run`. */
export class ProcessError extends Error {
  override readonly name = 'ProcessError';
  readonly code: 'notFound' | 'deadlineExceeded' | 'aborted' | 'failed';
  constructor(code: ProcessError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

export interface Processes {
  /** Runs a program to its end. Rejects with {@link ProcessError} when it cannot be started or overruns its deadline. */
  run(command: string, args: readonly string[], options: RunOptions): Promise<RunResult>;
  /** Starts a program in a session of its own, which goes on when we end. Rejects when it cannot be started. */
  startDetached(command: string, args: readonly string[], options: DetachedOptions): Promise<ProcessId>;
  /** What runs under this number now; undefined when nothing does (a zombie counts as nothing). */
  find(pid: number): ProcessId | undefined;
  /** True when this very program still runs. */
  isRunning(process: ProcessId): boolean;
  /** Sends a signal to this very program; false when it no longer runs. */
  kill(process: ProcessId, signal: SignalName): boolean;
  /** Every program of the machine that can be seen. */
  list(): readonly ProcessInfo[];
}

/** The real machine. */
export const systemProcesses: Processes = {
  run: (command, args, options) => runProgram(command, args, options),
  startDetached,
  find,
  isRunning: (process) => find(process.pid)?.startTime === process.startTime,
  kill(target, signal) {
    if (find(target.pid)?.startTime !== target.startTime) return false;
    try {
      return process.kill(target.pid, signal);
    } catch {
      return false; // It ended between the two calls.
    }
  },
  list,
};

function runProgram(command: string, args: readonly string[], options: RunOptions): Promise<RunResult> {
  const { input, env, cwd, deadlineMs, signal, outputMaxBytes = outputMaxDefault } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new ProcessError('aborted', `Running ${command} was stopped before it began`, signal.reason));
    const child = spawn(command, [...args], {
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    });
    const output = new Capped(outputMaxBytes);
    const errors = new Capped(outputMaxBytes);
    let overrun: ProcessError | undefined;
    let killTimer: NodeJS.Timeout | undefined;
    const end = (error: ProcessError) => {
      if (overrun) return;
      overrun = error;
      child.kill('SIGTERM');
      killTimer = setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    };
    const deadline = setTimeout(
      () => end(new ProcessError('deadlineExceeded', `${command} did not end within ${deadlineMs} ms`)),
      deadlineMs,
    );
    const onAbort = () => end(new ProcessError('aborted', `Running ${command} was stopped`, signal?.reason));
    signal?.addEventListener('abort', onAbort, { once: true });
    const settle = () => {
      clearTimeout(deadline);
      clearTimeout(killTimer);
      signal?.removeEventListener('abort', onAbort);
    };
    child.stdout?.on('data', (chunk: Buffer) => output.add(chunk));
    child.stderr?.on('data', (chunk: Buffer) => errors.add(chunk));
    // A program that ends without reading its input makes writing fail (EPIPE): its exit code says why.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    child.once('error', (error: NodeJS.ErrnoException) => {
      settle();
      reject(new ProcessError(error.code === 'ENOENT' ? 'notFound' : 'failed', `Cannot run ${command}`, error));
    });
    child.once('close', (code) => {
      settle();
      if (overrun) return reject(overrun);
      resolve({ code: code ?? -1, stdout: output.text(), stderr: errors.text(), truncated: output.truncated || errors.truncated });
    });
  });
}

class Capped {
  readonly #parts: Buffer[] = [];
  readonly #max: number;
  #size = 0;
  truncated = false;

  constructor(max: number) {
    this.#max = max;
  }

  add(chunk: Buffer): void {
    const room = this.#max - this.#size;
    if (chunk.length > room) this.truncated = true;
    if (room <= 0) return;
    const part = chunk.length > room ? chunk.subarray(0, room) : chunk;
    this.#parts.push(part);
    this.#size += part.length;
  }

  text(): string {
    return Buffer.concat(this.#parts).toString('utf8');
  }
}

function startDetached(command: string, args: readonly string[], options: DetachedOptions): Promise<ProcessId> {
  return new Promise((resolve, reject) => {
    const log = openSync(options.logFile, 'a', 0o600);
    try {
      const child = spawn(command, [...args], {
        detached: true,
        stdio: ['ignore', log, log],
        env: { ...process.env, ...options.env },
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      });
      child.once('error', (error: NodeJS.ErrnoException) => {
        reject(new ProcessError(error.code === 'ENOENT' ? 'notFound' : 'failed', `Cannot start ${command}`, error));
      });
      child.once('spawn', () => {
        const pid = child.pid ?? 0;
        const found = find(pid);
        if (found) resolve(found);
        else reject(new ProcessError('failed', `${command} ended as soon as it was started; see ${options.logFile}`));
      });
      // It is to outlive us: its handle must not keep our event loop going.
      child.unref();
    } finally {
      closeSync(log);
    }
  });
}

function find(pid: number): ProcessId | undefined {
  try {
    return parseStat(pid, readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Reads /proc/<pid>/stat: `4242 (na me) S 1 ...`, where the name may hold spaces and brackets; field 22 is the start time. */
export function parseStat(pid: number, stat: string): ProcessId | undefined {
  const rest = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [rest[0], rest[19]];
  return state === 'Z' || state === 'X' || startTime === undefined ? undefined : { pid, startTime };
}

function list(): readonly ProcessInfo[] {
  const found: ProcessInfo[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const process = find(pid);
    if (!process) continue;
    try {
      const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (argv.at(-1) === '') argv.pop();
      found.push({ ...process, argv });
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}
