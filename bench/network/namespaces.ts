// Network namespaces of a measurement's own, and programs in them. All of it goes with the measurement.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import type { Processes } from '../../src/base/ports/process.ts';
import { systemProcesses } from '../../src/base/ports/process.ts';
import { bundle } from '../programs.ts';

const jobMaxMs = 60_000;

export interface Namespaces {
  /** The file of a namespace, made when it is first named. */
  make(name: string): void;
  /** Runs a script of sh. Throws when it fails. */
  sh(name: string, script: string): string;
  /** Programs that act within it. */
  processes(name: string): Processes;
  /** Starts a job of `wire.ts`; resolves with its first line. */
  serve(name: string, ...job: readonly string[]): Promise<string>;
  /** Runs a job of `wire.ts` to its end, and gives what it printed, read as JSON. */
  run<T>(name: string, ...job: readonly string[]): Promise<T>;
  remove(): Promise<void>;
}

export function createNamespaces(): Namespaces {
  const made = new Map<string, string>();
  const running = new Set<ChildProcess>();
  const full = (name: string) => `minke-bench-${process.pid}-${name}`;
  const enter = (name: string) => `--net=/run/netns/${full(name)}`;
  const job = (name: string, words: readonly string[]) => {
    const child = spawn('nsenter', [enter(name), process.execPath, bundle('wire'), ...words], { stdio: ['ignore', 'pipe', 'inherit'] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    return child;
  };
  return {
    make(name) {
      execFileSync('ip', ['netns', 'add', full(name)]);
      made.set(name, full(name));
      execFileSync('ip', ['-n', full(name), 'link', 'set', 'lo', 'up']);
    },
    sh: (name, script) =>
      execFileSync('nsenter', [enter(name), 'sh', '-ec', script.replace(/@(\w+)/g, (_, other) => full(other))]).toString(),
    processes: (name) => ({
      ...systemProcesses,
      run: (program, args, options) => systemProcesses.run('nsenter', [enter(name), program, ...args], options),
    }),
    serve(name, ...words) {
      const child = job(name, words);
      return new Promise((resolve, reject) => {
        child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()));
        child.once('exit', (code) => reject(new Error(`${words.join(' ')} ended with ${code}`)));
      });
    },
    run(name, ...words) {
      const child = job(name, words);
      const timer = setTimeout(() => child.kill('SIGKILL'), jobMaxMs);
      let text = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      return new Promise((resolve, reject) => {
        child.once('close', (code) => {
          clearTimeout(timer);
          if (code === 0) resolve(JSON.parse(text));
          else reject(new Error(`${words.join(' ')} ended with ${code}`));
        });
      });
    },
    async remove() {
      await Promise.all(
        [...running].map((child) => {
          const ended = new Promise((resolve) => child.once('exit', resolve));
          child.kill('SIGKILL');
          return ended;
        }),
      );
      for (const name of made.values()) execFileSync('ip', ['netns', 'del', name]);
    },
  };
}
