// The processes that a run starts: each has an end that the run waits for, and none outlives it.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { connect } from './load/connection.ts';
import type { Job, ResultOf, Turn } from './load/jobs.ts';

const bundles = dirname(fileURLToPath(import.meta.url));
const jobMaxMs = 150_000;
const startMaxMs = 60_000;

/** A program of this run's bundle: `minke`, `load`, `bare`, ... */
export const bundle = (name: string): string => join(bundles, `${name}.js`);

export interface Program {
  readonly child: ChildProcess;
  /** What it has said so far, both outputs. */
  readonly said: () => string;
  readonly ended: Promise<void>;
}

const running = new Set<Program>();

export function start(args: readonly string[], command = process.execPath): Program {
  // The fourth is the turn meter's.
  const child = spawn(command, [...args], { stdio: ['ignore', 'pipe', 'pipe', args.includes(turnMeter()) ? 'pipe' : 'ignore'] });
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const program: Program = {
    child,
    said: () => text,
    ended: new Promise((resolve) => {
      child.once('exit', () => {
        running.delete(program);
        resolve();
      });
    }),
  };
  running.add(program);
  return program;
}

export async function stop(program: Program, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  program.child.kill(signal);
  await program.ended;
}

/** Ends whatever has not been ended. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((program) => stop(program)));
}

/** Runs a program to its end and gives what it printed. Throws when it fails. `onProgress` is given what it says on stderr meanwhile. */
export function run(args: readonly string[], maxMs = jobMaxMs, onProgress?: (text: string) => void): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [...args], { timeout: maxMs, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${args.join(' ').slice(0, 200)}: ${stderr || error.message}`));
      else resolve(stdout);
    });
    if (onProgress) child.stderr?.on('data', (chunk: Buffer | string) => onProgress(String(chunk)));
  });
}

/** Node's option for a server of which {@link turnsOf} is to tell. */
export const turnMeter = (): string => `--import=${bundle('turn-meter')}`;

/** The turns of a program's event loop, those of a millisecond and more, while `work` goes on. */
export async function turnsOf<T>(
  { child }: Program,
  work: () => Promise<T>,
): Promise<{ readonly turns: readonly Turn[]; readonly result: T }> {
  const meter = child.stdio[3] as Duplex;
  meter.write('begin\n');
  const result = await work();
  const turns = new Promise<readonly Turn[]>((resolve, reject) => {
    let text = '';
    meter.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.endsWith('\n')) resolve(JSON.parse(text) as readonly Turn[]);
    });
    child.once('exit', () => reject(new Error('The program whose turns were to be told has ended')));
  });
  meter.write('end\n');
  return { turns: await turns.finally(() => meter.removeAllListeners('data')), result };
}

export async function load<J extends Job>(job: J): Promise<ResultOf<J>> {
  return JSON.parse(await run([bundle('load'), JSON.stringify(job)])) as ResultOf<J>;
}

export interface DiskResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Bare LMDB puts in a directory below `parent`. */
export async function bareDisk(parent: string, writers: number, count: number, bytes: number): Promise<DiskResult> {
  return JSON.parse(await run([bundle('disk'), parent, String(writers), String(count), String(bytes)])) as DiskResult;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** Resolves when a request over TLS gets an answer that begins with 200; gives the milliseconds since `startedMs`. */
export async function answers(port: number, path: string, startedMs: number, program: Program): Promise<number> {
  let gone = false;
  void program.ended.then(() => {
    gone = true;
  });
  while (performance.now() - startedMs < startMaxMs && !gone) {
    if (await ask(port, path).catch(() => false)) return performance.now() - startedMs;
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  throw new Error(`No answer from port ${port}: ${program.said()}`);
}

async function ask(port: number, path: string): Promise<boolean> {
  const socket = await connect(port);
  try {
    return await new Promise((resolve, reject) => {
      socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1', 0, 12).endsWith('200')));
      socket.once('error', reject);
      socket.once('close', () => resolve(false));
      socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
    });
  } finally {
    socket.destroy();
  }
}

/** Resident memory in MB, as the kernel counts it. */
export function residentMb(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

/** The part of that which is the process's own, without the files that it has mapped: the kernel takes those back when it needs room. */
export function ownMb(pid: number): number {
  const kilobytes = /RssAnon:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

/** CPU seconds that a process has used. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100; // USER_HZ is 100 on every Linux.
}
