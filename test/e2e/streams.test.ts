// Streams of a running container: terminals with their size, attach, port-forward, copies both ways, over WebSocket and SPDY.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, findKubectl, freePort, run, startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
let scratch: string;
const manifest = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'streams' },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'web',
        image: 'minke.local/tools',
        command: ['sh', '-c', 'mkdir /www; echo forwarded > /www/index.html; exec httpd -f -p 8080 -h /www'],
      },
      {
        name: 'echo',
        image: 'minke.local/tools',
        stdin: true,
        command: ['sh', '-c', 'while read line; do echo "got $line"; done; sleep 1000'],
      },
      { name: 'shell', image: 'minke.local/tools', stdin: true, tty: true, command: ['sh'] },
    ],
  },
};
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'minke-streams-'));
  cluster = await startTestCluster();
  const applied = await cluster.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify(manifest) });
  expect(applied.code, applied.stderr).toBe(0);
  await cluster.kubectl('wait', '--for=condition=Ready', 'pod/streams', '--timeout=60s');
});
afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await cluster?.destroy();
});

/** Runs kubectl within a terminal of the size given. */
function inTerminal(size: { readonly rows: number; readonly columns: number }, words: readonly string[], env: Record<string, string>) {
  const command = [findKubectl(), ...words].map((word) => `'${word}'`).join(' ');
  return run('script', ['-qec', `stty rows ${size.rows} cols ${size.columns}; ${command}`, '/dev/null'], {
    env: { KUBECONFIG: cluster.kubeconfig, ...env },
  });
}
function httpGet(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      let text = '';
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve(text));
    }).on('error', reject);
  });
}

// Today's kubectl speaks WebSocket; told not to, it speaks SPDY as older ones do.
describe.each([
  { over: 'WebSocket', env: {} as Record<string, string> },
  { over: 'SPDY', env: { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: 'false', KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' } as Record<string, string> },
])('over $over', ({ env }) => {
  test('a terminal has its size, and gives the exit code', async () => {
    const done = await inTerminal(
      { rows: 33, columns: 101 },
      ['exec', '-it', 'streams', '-c', 'web', '--', 'sh', '-c', 'sleep 0.5; stty size; exit 5'],
      env,
    );
    expect(done.stdout).toContain('33 101');
    expect(done.code).toBe(5);
  });

  test('output and errors come apart', async () => {
    const done = await cluster.tryKubectl(['exec', 'streams', '-c', 'web', '--', 'sh', '-c', 'echo out; echo err >&2'], { env });
    expect([done.stdout, done.stderr]).toEqual(['out\n', 'err\n']);
  });

  test('attach gives input to what runs, and its output back', async () => {
    const attached = spawn(findKubectl(), ['attach', '-i', 'streams', '-c', 'echo'], {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig, ...env },
    });
    let text = '';
    attached.stdout.on('data', (chunk) => (text += chunk));
    try {
      for (const word of ['one', 'two']) {
        attached.stdin.write(`${word}\n`);
        await eventually(
          async () => text,
          (seen) => seen.includes(`got ${word}\n`),
        );
      }
    } finally {
      attached.kill();
    }
  });

  test('a port is forwarded', async () => {
    const port = await freePort();
    const forwarding = cluster.spawnKubectl('port-forward', 'pod/streams', `${port}:8080`);
    try {
      for (let i = 0; i < 3; i++)
        expect(
          await eventually(
            () => httpGet(`http://127.0.0.1:${port}/`),
            (text) => text !== '',
          ),
        ).toBe('forwarded\n');
    } finally {
      forwarding.kill();
    }
  });

  test('a file of 20 MB is copied there and back intact', async () => {
    const [there, back] = [join(scratch, `there-${env.KUBECTL_REMOTE_COMMAND_WEBSOCKETS ?? 'ws'}`), join(scratch, 'back')];
    writeFileSync(there, randomBytes(20 * 1024 * 1024));
    for (const words of [
      ['cp', there, 'streams:/tmp/copy', '-c', 'web'],
      ['cp', 'streams:/tmp/copy', back, '-c', 'web'],
    ]) {
      const copied = await cluster.tryKubectl(words, { env });
      expect(copied.code, copied.stderr).toBe(0);
    }
    expect(readFileSync(back).equals(readFileSync(there))).toBe(true);
  });
});

test('many streams at once', async () => {
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, i) => cluster.kubectl('exec', 'streams', '-c', 'web', '--', 'sh', '-c', `sleep 0.2; echo ${i}`)),
  );
  expect(answers.map((text) => Number(text))).toEqual(answers.map((_, i) => i));
});

test('a container that does not run cannot be entered, and it is said', async () => {
  const wrong = await cluster.tryKubectl(['exec', 'streams', '-c', 'nobody', '--', 'true']);
  expect(wrong.stderr).toMatch(/container nobody is not valid for pod streams/);
  const missing = await cluster.tryKubectl(['exec', 'nobody', '--', 'true']);
  expect(missing.stderr).toContain('pods "nobody" not found');
});
