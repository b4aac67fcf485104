// A cluster for a measurement: `minke up` as a process of its own, in a directory that goes with it.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Target } from './load/connection.ts';
import { answers, bundle, freePort, type Program, run, start, stop } from './programs.ts';

const nodeReadyMaxMs = 90_000;

export interface BenchCluster {
  readonly program: Program;
  readonly dataDir: string;
  readonly port: number;
  readonly pid: number;
  readonly target: Target;
  /** From the start of the process to the first 200 from /readyz. */
  readonly readyMs: number;
  /** Stops Minke, and leaves its directory. */
  stop(): Promise<void>;
}

/** Starts Minke and waits for its API; `flags` are those of `minke up`. V8 options for profiling come from MINKE_BENCH_NODE. */
export async function startMinke(dataDir: string, flags: readonly string[], nodeFlags: readonly string[] = []): Promise<BenchCluster> {
  const port = await freePort();
  const options = (process.env.MINKE_BENCH_NODE ?? '').split(' ').filter((option) => option !== '');
  const startedMs = performance.now();
  const program = start([...options, ...nodeFlags, bundle('minke'), 'up', '--data-dir', dataDir, '--port', String(port), ...flags]);
  const readyMs = await answers(port, '/readyz', startedMs, program);
  const token = readFileSync(join(dataDir, 'admin.token'), 'utf8').trim();
  const { pid = 0 } = program.child;
  return { dataDir, port, pid, target: { port, token }, readyMs, program, stop: () => stop(program) };
}

/** The control plane alone: no root needed. */
export const startControlPlane = (dataDir: string, nodeFlags?: readonly string[]): Promise<BenchCluster> =>
  startMinke(dataDir, ['--no-node'], nodeFlags);

/** With this machine as its node; resolves when that is Ready. */
export async function startWithNode(dataDir: string): Promise<BenchCluster> {
  const cluster = await startMinke(dataDir, []);
  const untilMs = performance.now() + nodeReadyMaxMs;
  while (!cluster.program.said().includes('ready in')) {
    if (performance.now() > untilMs) throw new Error(`The node is not Ready: ${cluster.program.said()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return cluster;
}

/** Removes every trace of a cluster that has been stopped, or that broke off. */
export async function removeCluster(dataDir: string): Promise<void> {
  await run([bundle('minke'), 'down', '--clean', '--data-dir', dataDir]).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
  });
  rmSync(dataDir, { recursive: true, force: true });
}

/** The bare TLS server with a cluster's own certificate. */
export async function startBareServer(
  dataDir: string,
  objectBytes = 1000,
  items = 0,
  nodeFlags: readonly string[] = [],
): Promise<BenchCluster> {
  const port = await freePort();
  const [cert, key] = [join(dataDir, 'pki/apiserver.crt'), join(dataDir, 'pki/apiserver.key')];
  const startedMs = performance.now();
  const program = start([...nodeFlags, bundle('bare'), String(port), cert, key, String(objectBytes), String(items)]);
  const readyMs = await answers(port, '/object', startedMs, program);
  return { dataDir, port, pid: program.child.pid ?? 0, target: { port, token: '' }, readyMs, program, stop: () => stop(program) };
}
