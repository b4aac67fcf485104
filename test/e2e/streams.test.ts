// Streams of a running container: terminals with their size, attach, port-forward, copies both ways, over WebSocket and SPDY.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectWebSocket } from '../../src/base/ports/websocket.ts';
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

// What clients other than kubectl speak: the conformance suite, the Python client, browsers.
describe('by WebSocket channels', () => {
  const connect = (target: string, ...protocols: string[]) =>
    connectWebSocket({
      url: `https://127.0.0.1:${cluster.port}/api/v1/namespaces/default/pods/streams/${target}`,
      protocols,
      headers: { authorization: `Bearer ${readFileSync(join(cluster.dataDir, 'admin.token'), 'utf8').trim()}` },
      tls: { ca: readFileSync(join(cluster.dataDir, 'pki/ca.crt'), 'utf8') },
    });
  /** What came on each channel until the end. */
  const channelsOf = async (connection: Awaited<ReturnType<typeof connect>>, base64: boolean) => {
    const seen: Record<string, string> = {};
    for await (const { data } of connection.messages) {
      const text = Buffer.from(data).toString('latin1');
      const [to, rest] = base64 ? [text[0], Buffer.from(text.slice(1), 'base64').toString()] : [String(data[0]), text.slice(1)];
      seen[to ?? ''] = (seen[to ?? ''] ?? '') + rest;
    }
    return seen;
  };

  test.each([
    ['', 'words'],
    ['channel.k8s.io', 'words'],
    ['base64.channel.k8s.io', 'words'],
    ['v4.channel.k8s.io', 'object'],
    ['v4.base64.channel.k8s.io', 'object'],
  ])('a command by %j, whose end is told as %s', async (protocol, status) => {
    const protocols = protocol === '' ? [] : [protocol];
    const run = async (script: string) => {
      const command = ['sh', '-c', script].map((word) => `command=${encodeURIComponent(word)}`).join('&');
      return channelsOf(await connect(`exec?container=web&stdout=1&stderr=1&${command}`, ...protocols), protocol.includes('base64'));
    };
    const done = await run('echo out; echo err >&2');
    expect(done).toMatchObject({ 1: 'out\n', 2: 'err\n' });
    const failed = (await run('exit 3'))['3'] ?? '';
    if (status === 'words') expect([done['3'], failed]).toEqual([undefined, expect.stringMatching(/exit code 3|non-zero/)]);
    else {
      expect(JSON.parse(done['3'] ?? '')).toMatchObject({ status: 'Success' });
      expect(JSON.parse(failed)).toMatchObject({ status: 'Failure', reason: 'NonZeroExitCode', details: { causes: [{ message: '3' }] } });
    }
  });

  test('input reaches a command', async () => {
    const connection = await connect('exec?container=web&stdin=1&stdout=1&command=head&command=-n1', 'channel.k8s.io');
    await connection.send(Buffer.from('\u0000hello\n'));
    expect(await channelsOf(connection, false)).toEqual({ 1: 'hello\n' });
  });

  test('a log', async () => {
    const connection = await connect('log?container=echo', 'binary.k8s.io');
    const chunks: Uint8Array[] = [];
    for await (const { data } of connection.messages) chunks.push(data);
    expect(Buffer.concat(chunks).toString()).toBe(await cluster.kubectl('logs', 'streams', '-c', 'echo'));
  });

  test('ports are forwarded, each on two channels that begin with its number', async () => {
    const connection = await connect('portforward?ports=8080&ports=81', 'v4.channel.k8s.io');
    await connection.send(Buffer.from('\u0000GET / HTTP/1.0\r\n\r\n'));
    const seen = await channelsOf(connection, false);
    const [web, nobody] = [Buffer.from([8080 & 0xff, 8080 >> 8]).toString('latin1'), 'Q\0'];
    expect([seen['0']?.startsWith(`${web}HTTP/1.`), seen['0']?.endsWith('forwarded\n'), seen['1']]).toEqual([true, true, web]);
    expect([seen['2'], seen['3']?.startsWith(nobody)]).toEqual([nobody, true]);
    expect(seen['3']).toContain('refused');
    await expect(connect('portforward', 'v4.channel.k8s.io')).rejects.toMatchObject({ code: 400 });
  });
});
