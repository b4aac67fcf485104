// CRI against a server that is made up here: codes, deadlines, stopping, reconnecting, events and gaps.
import type { Buffer } from 'node:buffer';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { type CriRuntimeOptions, createCriRuntime } from './cri-runtime.ts';
import { encodeEvent } from './events.ts';
import { methods } from './messages.ts';
import type { RuntimeEvent, SandboxConfig } from './runtime.ts';

type Answer = (request: Buffer) => Buffer | { readonly code: number; readonly details: string } | 'never';
type EventStream = grpc.ServerWritableStream<Buffer, Buffer>;

let directory: string;
let server: grpc.Server;
let controller: AbortController;
let answers: Map<string, Answer>;
let streams: EventStream[];

const identity = (bytes: Buffer) => bytes;
const versionAnswer: Answer = () => methods.version.response.encode({ runtimeName: 'fake', runtimeVersion: '1', runtimeApiVersion: 'v1' });

async function serve(): Promise<grpc.Server> {
  const made = new grpc.Server();
  const unary = (path: string) => ({
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  });
  const services = Object.fromEntries(Object.entries(methods).map(([name, { path }]) => [name, unary(path)]));
  const handlers = Object.fromEntries(
    Object.keys(methods).map((name) => [
      name,
      (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
        const answer = answers.get(name)?.(call.request) ?? { code: 12, details: `no ${name}` };
        if (answer === 'never') return;
        if ('code' in answer) done(answer);
        else done(null, answer);
      },
    ]),
  );
  made.addService(services, handlers);
  const subscribe = { ...unary('/containerd.services.events.v1.Events/Subscribe'), responseStream: true };
  made.addService({ subscribe }, { subscribe: (call: EventStream) => streams.push(call) });
  await new Promise<void>((resolve, reject) => {
    made.bindAsync(`unix://${directory}/cri.sock`, grpc.ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve()));
  });
  return made;
}

function connect(more: Partial<CriRuntimeOptions> = {}) {
  return createCriRuntime({
    socketPath: join(directory, 'cri.sock'),
    clock: systemClock,
    log: silentLogger,
    signal: controller.signal,
    ...more,
  });
}

async function until(look: () => boolean) {
  for (let i = 0; !look(); i++) {
    if (i > 1_000) throw new Error('waited too long');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'minke-cri-'));
  controller = new AbortController();
  answers = new Map([['version', versionAnswer]]);
  streams = [];
  server = await serve();
});

afterEach(async () => {
  controller.abort();
  server.forceShutdown();
  await rm(directory, { recursive: true });
});

describe('calls', () => {
  test.each([
    [3, 'invalidArgument'],
    [5, 'notFound'],
    [12, 'unimplemented'],
    [14, 'unavailable'],
    [2, 'unknown'],
    [7, 'unknown'],
  ])('status %i of gRPC is %s, with the runtime’s own words', async (code, expected) => {
    answers.set('startContainer', () => ({ code, details: 'failed to start: no such file' }));
    await expect(connect().startContainer('c')).rejects.toMatchObject({
      name: 'RuntimeError',
      code: expected,
      message: 'failed to start: no such file',
    });
  });

  test('a call ends at its deadline', async () => {
    answers.set('status', () => 'never');
    await expect(connect().status({ deadlineMs: 30 })).rejects.toMatchObject({ code: 'deadlineExceeded' });
  });

  test('a call ends when its caller stops it, also before it began', async () => {
    answers.set('status', () => 'never');
    const stop = new AbortController();
    const call = connect().status({ signal: stop.signal });
    setTimeout(() => stop.abort(), 20);
    await expect(call).rejects.toMatchObject({ name: 'RuntimeError' });
    await expect(connect().status({ signal: stop.signal })).rejects.toThrow('Status was stopped before it began');
  });

  test('stopping and removing what is gone succeeds; another failure does not', async () => {
    const runtime = connect();
    const gone: Answer = () => ({ code: 5, details: 'not found' });
    for (const name of ['stopContainer', 'removeContainer', 'stopSandbox', 'removeSandbox', 'removeImage']) answers.set(name, gone);
    await runtime.stopContainer('c', 0);
    await runtime.removeContainer('c');
    await runtime.stopSandbox('s');
    await runtime.removeSandbox('s');
    await runtime.removeImage('i');
    answers.set('removeContainer', () => ({ code: 2, details: 'busy' }));
    await expect(runtime.removeContainer('c')).rejects.toThrow('busy');
  });

  test('a runtime that is down makes calls fail at once, and is found again when it is back', async () => {
    const runtime = connect();
    expect(await runtime.version()).toEqual({ name: 'fake', version: '1', apiVersion: 'v1' });
    server.forceShutdown();
    await expect(runtime.version()).rejects.toMatchObject({ code: 'unavailable' });
    server = await serve();
    const startMs = performance.now();
    while (!(await runtime.version().catch(() => undefined))) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(performance.now() - startMs).toBeLessThan(2_000);
  });

  test('after the signal every call fails', async () => {
    const runtime = connect();
    await runtime.version();
    controller.abort();
    await expect(runtime.version()).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('the status says which condition fails, and why', async () => {
    const conditions = [
      { type: 'RuntimeReady', status: true },
      { type: 'NetworkReady', status: false, reason: 'NetworkPluginNotReady', message: 'cni plugin not initialized' },
    ];
    answers.set('status', () => methods.status.response.encode({ status: { conditions } }));
    expect(await connect().status()).toEqual({
      runtimeReady: true,
      networkReady: false,
      message: 'NetworkPluginNotReady: cni plugin not initialized',
      features: { handlers: [], supplementalGroupsPolicy: false },
    });
  });

  test('the status says which handlers there are, and what they can do', async () => {
    const handlers = [{ name: '', features: { recursiveReadOnlyMounts: true, userNamespaces: true } }, { name: 'test-handler' }];
    answers.set('status', () => methods.status.response.encode({ handlers, features: { supplementalGroupsPolicy: true } }));
    expect((await connect().status()).features).toEqual({
      handlers: [
        { name: '', recursiveReadOnlyMounts: true, userNamespaces: true },
        { name: 'test-handler', recursiveReadOnlyMounts: false, userNamespaces: false },
      ],
      supplementalGroupsPolicy: true,
    });
  });
});

describe('between a sandbox and its containers', () => {
  const config: SandboxConfig = {
    metadata: { name: 'a', uid: 'u', namespace: 'default', attempt: 0 },
    hostname: 'a',
    logDirectory: '',
    portMappings: [
      { protocol: 'TCP', containerPort: 80, hostPort: 8080, hostIp: '' },
      { protocol: 'TCP', containerPort: 81, hostPort: 0, hostIp: '' },
    ],
    labels: {},
    annotations: {},
    cgroupParent: '',
    security: { namespaces: { network: 'pod', pid: 'pod', ipc: 'pod' }, readonlyRootfs: false, supplementalGroups: [], privileged: false },
  };

  beforeEach(() => {
    answers.set('runSandbox', () => methods.runSandbox.response.encode({ podSandboxId: 's1' }));
    answers.set('sandboxStatus', () => methods.sandboxStatus.response.encode({ status: { id: 's1', network: { ip: '10.0.0.9' } } }));
    answers.set('stopSandbox', () => methods.stopSandbox.response.encode({}));
  });

  test('host ports are published for the sandbox, and taken back before it stops', async () => {
    const seen: unknown[] = [];
    const hostPorts = { add: async (request: unknown) => void seen.push(request), remove: async (id: string) => void seen.push(id) };
    const runtime = connect({ hostPorts });
    await runtime.runSandbox(config);
    await runtime.stopSandbox('s1');
    expect(seen).toEqual([{ id: 's1', ips: ['10.0.0.9'], ports: [config.portMappings[0]] }, 's1']);
  });

  test('host ports that are taken stop the sandbox again', async () => {
    let stopped = 0;
    answers.set('stopSandbox', () => {
      stopped++;
      return methods.stopSandbox.response.encode({});
    });
    const hostPorts = { add: () => Promise.reject(new Error('taken')), remove: async () => {} };
    await expect(connect({ hostPorts }).runSandbox(config)).rejects.toMatchObject({ name: 'RuntimeError', cause: { message: 'taken' } });
    expect(stopped).toBe(1);
  });

  test('the gate holds a sandbox with an address until it is let in, and hears when it stops', async () => {
    const seen: unknown[] = [];
    let letIn = () => {};
    const held = new Promise<void>((resolve) => {
      letIn = resolve;
    });
    const add = (request: unknown) => {
      seen.push(request);
      return held;
    };
    const runtime = connect({ podGate: { isClosed: true, add, remove: (id: string) => void seen.push(id) } });
    const running = runtime.runSandbox(config).then((id) => void seen.push(`runs ${id}`));
    await until(() => seen.length === 1);
    expect(seen).toMatchObject([{ id: 's1', ips: ['10.0.0.9'], name: config.metadata.name, namespace: config.metadata.namespace }]);
    letIn();
    await running;
    await runtime.stopSandbox('s1');
    expect(seen.slice(1)).toEqual(['runs s1', 's1']);
  });

  test('the gate is not asked when it is open, nor about the host’s network; who is turned away is stopped', async () => {
    const stopped: string[] = [];
    const gate = (isClosed: boolean) => ({
      isClosed,
      add: () => Promise.reject(new Error('no rules')),
      remove: (id: string) => void stopped.push(id),
    });
    await connect({ podGate: gate(false) }).runSandbox(config);
    const namespaces = { ...config.security.namespaces, network: 'node' as const };
    await connect({ podGate: gate(true) }).runSandbox({ ...config, security: { ...config.security, namespaces } });
    expect(stopped).toEqual([]);
    await expect(connect({ podGate: gate(true) }).runSandbox(config)).rejects.toMatchObject({ cause: { message: 'no rules' } });
    expect(stopped).toEqual(['s1']);
  });
});

describe('events', () => {
  test('begin with a look at everything, name the sandbox, and say so after a gap', async () => {
    const containers = [{ id: 'c1', podSandboxId: 's1' }];
    answers.set('listContainers', (request) => {
      const { filter } = methods.listContainers.request.decode(request);
      return methods.listContainers.response.encode({ containers: containers.filter(({ id }) => id === filter?.id) });
    });
    const stop = new AbortController();
    const seen: RuntimeEvent[] = [];
    const following = (async () => {
      for await (const event of connect().events(stop.signal)) seen.push(event);
    })();
    await until(() => seen.length === 1);
    streams[0]?.write(encodeEvent('/tasks/start', 'c1') as Buffer);
    streams[0]?.write(encodeEvent('/tasks/exit', 'c1', 'exec') as Buffer);
    streams[0]?.write(encodeEvent('/tasks/exit', 'sandbox', 'sandbox') as Buffer);
    await until(() => seen.length === 3);
    streams[0]?.end();
    await until(() => seen.length === 4);
    streams[1]?.write(encodeEvent('/tasks/oom', 'c1') as Buffer);
    await until(() => seen.length === 5);
    stop.abort();
    await following;
    const gap = { type: 'unknown', sandboxId: '', containerId: undefined };
    expect(seen).toEqual([
      gap,
      { type: 'started', sandboxId: 's1', containerId: 'c1' },
      { type: 'stopped', sandboxId: 'sandbox', containerId: undefined },
      gap,
      { type: 'oom', sandboxId: 's1', containerId: 'c1' },
    ]);
  });

  test('end at once when nothing comes and the follower stops', async () => {
    const stop = new AbortController();
    const iterator = connect().events(stop.signal)[Symbol.asyncIterator]();
    await iterator.next();
    const next = iterator.next();
    stop.abort();
    expect((await next).done).toBe(true);
  });
});
