// A real cluster for a test: `minke up` in a directory of its own, driven by the real kubectl, and taken away without a trace.
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
const minkeBin = join(root, 'bin/minke');
const commandMaxMs = 120_000;

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Never rejects because of an exit code. */
export function run(
  command: string,
  args: readonly string[],
  options: { input?: string; env?: Record<string, string>; timeoutMs?: number } = {},
): Promise<Output> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      [...args],
      { timeout: options.timeoutMs ?? commandMaxMs, maxBuffer: 512 * 1024 * 1024, env: { ...process.env, ...options.env }, cwd: root },
      (error, stdout, stderr) => {
        const code = error ? (typeof error.code === 'number' ? error.code : -1) : 0;
        resolve({ code, stdout, stderr: error && code === -1 ? `${stderr}\n${error.message}` : stderr });
      },
    );
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

export const minke = (...args: string[]): Promise<Output> => run(process.execPath, [minkeBin, ...args]);

/** The kubectl on the PATH; MINKE_TEST_KUBECTL names another one. */
export function findKubectl(): string {
  const named = process.env.MINKE_TEST_KUBECTL;
  if (named) return named;
  const found = (process.env.PATH ?? '').split(delimiter).find((folder) => existsSync(join(folder, 'kubectl')));
  if (!found) throw new Error('These tests need kubectl: npm test installs the Debian package kubernetes-client');
  return join(found, 'kubectl');
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

export interface TestCluster {
  readonly dataDir: string;
  readonly port: number;
  readonly kubeconfig: string;
  /** What `minke up` said. */
  readonly up: Output;
  /** Runs kubectl; throws when its exit code is not 0. Gives stdout. */
  kubectl(...args: string[]): Promise<string>;
  /** Runs kubectl; gives whatever comes of it. */
  tryKubectl(args: readonly string[], options?: { input?: string; timeoutMs?: number; env?: Record<string, string> }): Promise<Output>;
  /** Starts kubectl and leaves it running: the caller ends it. */
  spawnKubectl(...args: string[]): ChildProcess;
  minke(...args: string[]): Promise<Output>;
  /** Stops and starts Minke; containers go on. */
  restart(): Promise<void>;
  destroy(): Promise<void>;
}

/** Starts a cluster with the flags given, and waits until its node is Ready. */
export const startTestCluster = (...flags: string[]): Promise<TestCluster> =>
  startTestClusterIn(mkdtempSync(join(tmpdir(), 'minke-e2e-')), ...flags);

/** The same in a directory of the caller's, which goes with it. */
export async function startTestClusterIn(dataDir: string, ...flags: string[]): Promise<TestCluster> {
  if (!existsSync(join(root, 'dist/minke.js'))) throw new Error('Minke is not built: run npm run build, or npm test, which does');
  const port = await freePort();
  const kubeconfig = join(dataDir, 'admin.kubeconfig');
  const start = () => minke('up', '--detach', '--data-dir', dataDir, '--port', String(port), ...flags);
  const up = await start();
  const destroy = async () => {
    const down = await minke('down', '--clean', '--data-dir', dataDir);
    rmSync(dataDir, { recursive: true, force: true });
    if (down.code !== 0) throw new Error(`minke down --clean failed:\n${down.stdout}${down.stderr}`);
  };
  if (up.code !== 0) {
    await destroy().catch(() => {}); // The failed start is the error to show.
    throw new Error(`minke up failed with ${up.code}:\n${up.stdout}${up.stderr}`);
  }
  const env = { KUBECONFIG: kubeconfig };
  const kubectlPath = findKubectl();
  const tryKubectl: TestCluster['tryKubectl'] = (args, options = {}) =>
    run(kubectlPath, args, { ...options, env: { ...env, ...options.env } });
  return {
    dataDir,
    port,
    kubeconfig,
    up,
    tryKubectl,
    async kubectl(...args) {
      const done = await tryKubectl(args);
      if (done.code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${done.code}:\n${done.stdout}${done.stderr}`);
      return done.stdout;
    },
    spawnKubectl: (...args) => spawn(kubectlPath, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] }),
    minke: (...args) => minke(...args, '--data-dir', dataDir),
    async restart() {
      const down = await minke('down', '--data-dir', dataDir);
      if (down.code !== 0) throw new Error(`minke down failed:\n${down.stderr}`);
      const again = await start();
      if (again.code !== 0) throw new Error(`minke up failed:\n${again.stdout}${again.stderr}`);
    },
    destroy,
  };
}

/** Asks until `good` holds for the answer; throws with the last answer after `timeoutMs`. */
export async function eventually<T>(ask: () => Promise<T>, good: (answer: T) => boolean, timeoutMs = 30_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    let last: unknown;
    try {
      const answer = await ask();
      if (good(answer)) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(
        `Waited ${timeoutMs} ms in vain; the last answer was: ${last instanceof Error ? last.message : JSON.stringify(last)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
