import { describe, expect, test } from 'vitest';
import type { V1Container } from '../../api/mod.ts';
import { SeededRandom, silentLogger, Tasks, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { type ProbeIo, ProbeIoError } from '../../base/ports/probe-io.ts';
import type { ContainerRuntime } from '../cri/runtime.ts';
import { createPodProbes, type ProbedContainer } from './pod-probes.ts';
import { httpTarget, portNumber, runProbe } from './run-probe.ts';
import { observeAnswer, thresholdStart } from './threshold.ts';

const answers = (text: string, probe: { successThreshold?: number; failureThreshold?: number }) => {
  let state = thresholdStart;
  return [...text]
    .map((one) => {
      state = observeAnswer(state, one === '+', probe);
      return state.verdict[0];
    })
    .join('');
};

test.each([
  ['+', {}, 's'],
  ['--', {}, 'uu'],
  ['---', {}, 'uuf'],
  ['+--+--', {}, 'ssssss'],
  ['+---+', {}, 'sssfs'],
  ['+++', { successThreshold: 3 }, 'uus'],
  ['+-', { failureThreshold: 1 }, 'sf'],
])('answers %s with %j', (text, probe, expected) => {
  expect(answers(text, probe)).toBe(expected);
});

const spec: V1Container = { name: 'app', ports: [{ name: 'web', containerPort: 8080 }] };
const target = { id: 'c', spec, podIP: '10.0.0.2' };

test('ports by number and by name', () => {
  expect([portNumber(80, spec), portNumber('web', spec), portNumber('81', spec), portNumber('none', spec)]).toEqual([
    80,
    8080,
    81,
    undefined,
  ]);
});

test('the URL and headers of an HTTP probe', () => {
  const made = httpTarget({ port: 'web', path: 'healthz', scheme: 'HTTPS', httpHeaders: [{ name: 'Host', value: 'x' }] }, target);
  expect(made?.url).toBe('https://10.0.0.2:8080/healthz');
  expect(made?.headers).toEqual([
    { name: 'Host', value: 'x' },
    { name: 'User-Agent', value: 'kube-probe/1.36' },
    { name: 'Accept', value: '*/*' },
  ]);
  expect(httpTarget({ port: 80 }, { ...target, podIP: 'fd00::1' })?.url).toBe('http://[fd00::1]:80/');
});

function io(answer: () => { status: number; body: string }): ProbeIo {
  return { httpGet: async () => answer(), tcpConnect: async () => void answer(), grpcHealth: async () => answer().status };
}
const fail = (code: string) => () => {
  throw new ProbeIoError(code, code);
};
const exec = (exitCode: number, output = '') =>
  ({
    execSync: async () => ({ exitCode, stdout: Buffer.from(output), stderr: new Uint8Array() }),
  }) as Partial<ContainerRuntime> as ContainerRuntime;

describe('what a probe says', () => {
  const http = { httpGet: { port: 80, path: '/h' } };
  const tcp = { tcpSocket: { port: 'web' } };
  const grpc = { grpc: { port: 9 } };
  test.each([
    [http, () => ({ status: 204, body: '' }), { is: 'success' }],
    [http, () => ({ status: 302, body: '' }), { is: 'success' }],
    [http, () => ({ status: 500, body: '' }), { is: 'failure', output: 'HTTP probe failed with statuscode: 500' }],
    [
      http,
      fail('ECONNREFUSED'),
      { is: 'failure', output: 'Get "http://10.0.0.2:80/h": dial tcp 10.0.0.2:80: connect: connection refused' },
    ],
    [
      http,
      fail('timeout'),
      { is: 'failure', output: 'Get "http://10.0.0.2:80/h": context deadline exceeded (Client.Timeout exceeded while awaiting headers)' },
    ],
    [tcp, () => ({ status: 0, body: '' }), { is: 'success' }],
    [tcp, fail('ECONNREFUSED'), { is: 'failure', output: 'dial tcp 10.0.0.2:8080: connect: connection refused' }],
    [tcp, fail('timeout'), { is: 'failure', output: 'dial tcp 10.0.0.2:8080: i/o timeout' }],
    [{ tcpSocket: { port: 'none' } }, fail('x'), { is: 'errored', output: 'couldn\'t find port: "none" in container app' }],
    [grpc, () => ({ status: 1, body: '' }), { is: 'success' }],
    [grpc, () => ({ status: 2, body: '' }), { is: 'failure', output: 'service unhealthy (responded with "NOT_SERVING")' }],
  ])('%j', async (probe, answer, expected) => {
    expect(await runProbe({ runtime: exec(0), io: io(answer) }, probe, target, new AbortController().signal)).toEqual(expected);
  });
  test('by a command', async () => {
    const probe = { exec: { command: ['cat', '/x'] } };
    const signal = new AbortController().signal;
    expect(await runProbe({ runtime: exec(0), io: io(fail('')) }, probe, target, signal)).toEqual({ is: 'success' });
    expect(await runProbe({ runtime: exec(1, 'no'), io: io(fail('')) }, probe, target, signal)).toEqual({ is: 'failure', output: 'no' });
  });
});

describe('the probes of a pod', () => {
  function begin(container: Partial<V1Container>, options: { known?: ProbedContainer['known']; answer?: (atMs: number) => boolean } = {}) {
    const clock = new VirtualClock({ settle: turn });
    const controller = new AbortController();
    const tasks = new Tasks(silentLogger);
    const asked: number[] = [];
    const unhealthy: string[] = [];
    const startedAtMs = clock.nowMs();
    const probes = createPodProbes({
      ports: {
        runtime: exec(0),
        io: io(() => {
          asked.push(clock.nowMs() - startedAtMs);
          return { status: options.answer?.(clock.nowMs() - startedAtMs) === false ? 500 : 200, body: '' };
        }),
      },
      clock,
      random: new SeededRandom(1),
      tasks,
      signal: controller.signal,
      onChange: () => {},
      onUnhealthy: (_, message) => void unhealthy.push(message),
    });
    probes.sync([{ ...target, spec: { ...spec, ...container }, startedAtMs, known: options.known }]);
    const end = async () => {
      probes.stop();
      await tasks.settled();
      expect(clock.timers).toBe(0);
      expect(probes.results.size).toBe(0);
    };
    return { clock, probes, asked, unhealthy, end };
  }
  const probe = { httpGet: { port: 80 }, periodSeconds: 10 };

  test('a container without probes is started and ready', async () => {
    const { probes, end } = begin({});
    expect(probes.results.get('c')).toEqual({ started: true, ready: true, failed: undefined });
    await end();
  });

  test('readiness begins at the delay and goes on each period', async () => {
    const { clock, probes, asked, end } = begin({ readinessProbe: { ...probe, initialDelaySeconds: 5 } });
    expect(probes.results.get('c')?.ready).toBe(false);
    await clock.advance(26_000);
    expect(asked).toEqual([5000, 15_000, 25_000]);
    expect(probes.results.get('c')?.ready).toBe(true);
    await end();
  });

  test('a server that comes up late is seen soon, and its first failures are not told', async () => {
    const { clock, probes, unhealthy, end } = begin({ readinessProbe: probe }, { answer: (atMs) => atMs >= 300 });
    await clock.advance(700);
    expect(probes.results.get('c')?.ready).toBe(true);
    expect(unhealthy).toEqual([]);
    await end();
  });

  test('liveness waits for startup, and fails after its threshold once', async () => {
    const { clock, probes, asked, unhealthy, end } = begin(
      { startupProbe: { ...probe, periodSeconds: 1, failureThreshold: 30 }, livenessProbe: { ...probe, failureThreshold: 2 } },
      { answer: (atMs) => atMs >= 5000 && atMs < 20_000 },
    );
    await clock.advance(4000);
    expect(probes.results.get('c')).toMatchObject({ started: false, ready: false });
    await clock.advance(2000);
    expect(probes.results.get('c')).toMatchObject({ started: true, ready: true });
    await clock.advance(60_000);
    expect(probes.results.get('c')?.failed).toBe('liveness');
    expect(unhealthy.filter((one) => one.startsWith('Liveness'))).toHaveLength(2);
    const count = asked.length;
    await clock.advance(60_000);
    expect(asked.length).toBe(count);
    await end();
  });

  test('what was ready before this kubelet stays so until a probe says otherwise', async () => {
    const { probes, end } = begin({ readinessProbe: probe, startupProbe: probe }, { known: { started: true, ready: true } });
    expect(probes.results.get('c')).toEqual({ started: true, ready: true, failed: undefined });
    await end();
  });
});
