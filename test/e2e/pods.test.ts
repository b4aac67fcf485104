// What a pod is, on real containers: how containers end and are reported, hooks, probes, volumes, identities, refusals, deletion.
// Every pod is created at once at the beginning; each test then looks at its own.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { V1Container, V1ContainerStatus, V1Node, V1Pod, V1PodSpec } from '../../src/api/mod.ts';
import { eventually, freePort, startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
let shared: string;
let health: Server;
const healthService = {
  Check: {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  },
} as const;

const tools = 'minke.local/tools';
const sh = (script: string, more: Partial<V1Container> = {}): V1Container => ({
  name: 'app',
  image: tools,
  command: ['sh', '-c', script],
  ...more,
});
const stay = (more: Partial<V1Container> = {}): V1Container => sh('trap "exit 0" TERM; while true; do sleep 0.1; done', more);
const pod = (name: string, spec: Partial<V1PodSpec>, metadata: NonNullable<V1Pod['metadata']> = {}): V1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { suite: 'pods' }, ...metadata },
  spec: { terminationGracePeriodSeconds: 5, containers: [stay()], ...spec },
});

async function apply(...items: object[]): Promise<void> {
  const done = await cluster.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  if (done.code !== 0) throw new Error(done.stderr);
}
const get = async (name: string): Promise<V1Pod> => JSON.parse(await cluster.kubectl('get', 'pod', name, '-o', 'json')) as V1Pod;
const until = (name: string, good: (pod: V1Pod) => boolean, timeoutMs?: number): Promise<V1Pod> =>
  eventually(() => get(name), good, timeoutMs);
const isReady = (one: V1Pod): boolean =>
  one.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True') === true;
const phase = (wanted: string) => (one: V1Pod) => one.status?.phase === wanted;
const status = (one: V1Pod, name = 'app'): V1ContainerStatus | undefined =>
  [
    ...(one.status?.containerStatuses ?? []),
    ...(one.status?.initContainerStatuses ?? []),
    ...(one.status?.ephemeralContainerStatuses ?? []),
  ].find((found) => found.name === name);
const waiting = (one: V1Pod, name = 'app') => status(one, name)?.state?.waiting;
const ended = (one: V1Pod, name = 'app') => status(one, name)?.state?.terminated;
interface Told {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}
const events = async (name: string): Promise<readonly Told[]> =>
  (JSON.parse(await cluster.kubectl('get', 'events', '--field-selector', `involvedObject.name=${name}`, '-o', 'json')) as { items: Told[] })
    .items;
const told = (name: string, reason: string, text: string | RegExp) =>
  eventually(
    () => events(name),
    (all) => all.some((one) => one.reason === reason && (typeof text === 'string' ? one.message.includes(text) : text.test(one.message))),
  );
const inPod = (name: string, ...command: string[]) => cluster.kubectl('exec', name, '--', ...command);
const logs = (name: string, ...more: string[]) => cluster.kubectl('logs', name, ...more);

beforeAll(async () => {
  shared = mkdtempSync(join(tmpdir(), 'minke-pods-'));
  health = new Server();
  health.addService(healthService, {
    Check: (_call: unknown, answer: (error: null, bytes: Buffer) => void) => answer(null, Buffer.from([8, 1])),
  });
  const healthPort = await freePort();
  await new Promise<void>((resolve, reject) =>
    health.bindAsync(`0.0.0.0:${healthPort}`, ServerCredentials.createInsecure(), (error) => (error ? reject(error) : resolve())),
  );
  cluster = await startTestCluster();
  writeFileSync(join(shared, 'file'), 'from the host\n');
  await apply(...objects(healthPort));
});
afterAll(async () => {
  health?.forceShutdown();
  await cluster?.destroy();
  if (shared) rmSync(shared, { recursive: true, force: true });
});

/** The memory limit that the kernel has for a container, in bytes. */
function limitOf(containerId: string): number {
  const root = ['/sys/fs/cgroup/memory', '/sys/fs/cgroup'].find((one) => existsSync(one)) ?? '';
  const path = readdirSync(root, { recursive: true, encoding: 'utf8' }).find((one) => one.endsWith(`/${containerId}`)) ?? '';
  const file = existsSync(join(root, path, 'memory.max')) ? 'memory.max' : 'memory.limit_in_bytes';
  return Number(readFileSync(join(root, path, file), 'utf8'));
}

const volumeMounts = (...paths: [string, string][]) => paths.map(([name, mountPath]) => ({ name, mountPath }));

function objects(healthPort: number): object[] {
  return [...ends(), ...hooks(), ...probed(healthPort), ...withVolumes(), ...identities(), ...refused(), ...toDelete()];
}

const ends = (): object[] => [
  pod('oom', {
    restartPolicy: 'Never',
    containers: [sh('dd if=/dev/zero of=/dev/null bs=200M count=1', { resources: { limits: { memory: '32Mi' } } })],
  }),
  pod('message', { restartPolicy: 'Never', containers: [sh('echo -n last words > /dev/termination-log; exit 3')] }),
  pod('fallback', {
    restartPolicy: 'Never',
    containers: [sh('echo one; echo two >&2; exit 4', { terminationMessagePolicy: 'FallbackToLogsOnError' })],
  }),
  pod('deadline', { activeDeadlineSeconds: 2 }),
  pod('init-retry', {
    volumes: [{ name: 'v', emptyDir: {} }],
    initContainers: [sh('test -e /v/once || { touch /v/once; exit 1; }', { name: 'prepare', volumeMounts: volumeMounts(['v', '/v']) })],
  }),
  pod('init-never', { restartPolicy: 'Never', initContainers: [sh('exit 9', { name: 'prepare' })] }),
  pod('never', { restartPolicy: 'Never', containers: [sh('exit 5')] }),
  pod('on-failure', {
    restartPolicy: 'OnFailure',
    volumes: [{ name: 'v', emptyDir: {} }],
    containers: [sh('test -e /v/once || { touch /v/once; exit 1; }', { volumeMounts: volumeMounts(['v', '/v']) })],
  }),
  pod('succeeds', { restartPolicy: 'OnFailure', containers: [sh('exit 0')] }),
  pod('crash', { containers: [sh('exit 6')] }),
  pod('no-command', { containers: [{ name: 'app', image: tools, command: ['no-such-program'] }] }),
];

const hooks = (): object[] => [
  pod('hooks', {
    volumes: [{ name: 'v', hostPath: { path: shared } }],
    containers: [
      stay({
        volumeMounts: volumeMounts(['v', '/v']),
        lifecycle: {
          postStart: { exec: { command: ['sh', '-c', 'echo begun > /v/post-start'] } },
          preStop: { exec: { command: ['sh', '-c', 'echo ending > /v/pre-stop'] } },
        },
      }),
    ],
  }),
  pod('bad-hook', { containers: [stay({ lifecycle: { postStart: { exec: { command: ['false'] } } } })] }),
];

const probed = (healthPort: number): object[] => [
  pod('liveness', {
    containers: [
      sh('touch /tmp/ok; sleep 1; rm /tmp/ok; sleep 600', {
        livenessProbe: { exec: { command: ['cat', '/tmp/ok'] }, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 1 },
      }),
    ],
  }),
  pod('startup', {
    containers: [
      sh('sleep 2; touch /tmp/up; trap "exit 0" TERM; while true; do sleep 0.1; done', {
        startupProbe: { exec: { command: ['cat', '/tmp/up'] }, periodSeconds: 1, failureThreshold: 20 },
        livenessProbe: { exec: { command: ['cat', '/tmp/up'] }, periodSeconds: 1, failureThreshold: 1 },
      }),
    ],
  }),
  pod('grpc', {
    hostNetwork: true,
    containers: [stay({ readinessProbe: { grpc: { port: healthPort }, periodSeconds: 1 } })],
  }),
];

const withVolumes = (): object[] => [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { color: 'red', size: 'small' } },
  { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, stringData: { token: 'one' } },
  pod(
    'volumes',
    {
      volumes: [
        { name: 'config', configMap: { name: 'settings' } },
        { name: 'secret', secret: { secretName: 'keys', defaultMode: 0o400 } },
        { name: 'data', emptyDir: {} },
        { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
        {
          name: 'all',
          projected: {
            sources: [
              { configMap: { name: 'settings', items: [{ key: 'color', path: 'in/color' }] } },
              { secret: { name: 'keys' } },
              { downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
              { serviceAccountToken: { path: 'own-token', audience: 'me' } },
            ],
          },
        },
        {
          name: 'down',
          downwardAPI: {
            items: [
              { path: 'name', fieldRef: { fieldPath: 'metadata.name' } },
              { path: 'limit', resourceFieldRef: { containerName: 'app', resource: 'limits.memory', divisor: '1Mi' } },
            ],
          },
        },
      ],
      containers: [
        stay({
          resources: { limits: { memory: '64Mi', cpu: '500m' }, requests: { memory: '32Mi', cpu: '50m' } },
          env: [
            { name: 'MY_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
            { name: 'MY_CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
            { name: 'FOLDER', value: 'expanded' },
          ],
          volumeMounts: [
            ...volumeMounts(
              ['config', '/config'],
              ['secret', '/secret'],
              ['data', '/data'],
              ['memory', '/memory'],
              ['all', '/all'],
              ['down', '/down'],
            ),
            { name: 'data', mountPath: '/part', subPath: 'a/b' },
            { name: 'data', mountPath: '/named', subPathExpr: '$(FOLDER)/x' },
            { name: 'config', mountPath: '/one-file', subPath: 'color' },
          ],
        }),
      ],
    },
    { annotations: { note: 'first' } },
  ),
  pod('host-types', {
    volumes: [
      { name: 'made', hostPath: { path: join(shared, 'made'), type: 'DirectoryOrCreate' } },
      { name: 'file', hostPath: { path: join(shared, 'file'), type: 'File' } },
      { name: 'created', hostPath: { path: join(shared, 'created'), type: 'FileOrCreate' } },
      { name: 'null', hostPath: { path: '/dev/null', type: 'CharDevice' } },
    ],
    containers: [stay({ volumeMounts: volumeMounts(['made', '/made'], ['file', '/file'], ['created', '/created'], ['null', '/null']) })],
  }),
  pod('full', {
    volumes: [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }],
    containers: [sh('dd if=/dev/zero of=/cache/x bs=1M count=3; sleep 600', { volumeMounts: volumeMounts(['cache', '/cache']) })],
  }),
  pod('chatty', { containers: [sh('yes "a line that says nothing at all, again and again" | head -n 300000; echo done; sleep 600')] }),
  pod('host-missing', {
    volumes: [{ name: 'v', hostPath: { path: join(shared, 'nothing'), type: 'Directory' } }],
    containers: [stay({ volumeMounts: volumeMounts(['v', '/v']) })],
  }),
];

const identities = (): object[] => [
  pod('host-net', { hostNetwork: true }),
  pod('shared-pids', { shareProcessNamespace: true, containers: [stay(), stay({ name: 'other' })] }),
  pod('sized', {
    containers: [stay({ resources: { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '200m', memory: '64Mi' } } })],
  }),
  pod('aliases', { hostAliases: [{ ip: '10.9.8.7', hostnames: ['far', 'far.away'] }], hostname: 'called', subdomain: 'sub' }),
  pod('debugged', {}),
];

const refused = (): object[] => [
  pod('missing-key', {
    containers: [stay({ env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'settings', key: 'later' } } }] })],
  }),
  pod('missing-map', { containers: [stay({ envFrom: [{ configMapRef: { name: 'not-yet' } }] })] }),
  pod('never-pull', { containers: [{ name: 'app', image: 'example.invalid/nothing:1', imagePullPolicy: 'Never' }] }),
  pod('bad-name', { containers: [{ name: 'app', image: 'UPPER/Case:x' }] }),
  pod('non-root', { securityContext: { runAsNonRoot: true } }),
];

const toDelete = (): object[] => [
  pod('del-init', { initContainers: [sh('sleep 600', { name: 'prepare' })], terminationGracePeriodSeconds: 1 }),
  pod('del-pull', { containers: [{ name: 'app', image: 'example.invalid/nothing:1' }] }),
  pod('del-mount', {
    volumes: [{ name: 'v', secret: { secretName: 'never-there' } }],
    containers: [stay({ volumeMounts: volumeMounts(['v', '/v']) })],
  }),
  pod('del-stubborn', { containers: [sh('trap "" TERM; while true; do sleep 1; done')] }),
  pod('del-hook', {
    containers: [stay({ lifecycle: { postStart: { exec: { command: ['sleep', '600'] } } } })],
    terminationGracePeriodSeconds: 1,
  }),
];

describe('how containers end', () => {
  test('out of memory is OOMKilled with 137', async () => {
    const done = await until('oom', phase('Failed'));
    expect(ended(done)).toMatchObject({ exitCode: 137, reason: 'OOMKilled' });
  });

  test('a termination message is told, from the file or from the log', async () => {
    expect(ended(await until('message', phase('Failed')))).toMatchObject({ exitCode: 3, reason: 'Error', message: 'last words' });
    const message = ended(await until('fallback', phase('Failed')))?.message ?? '';
    expect(message.split('\n').sort().join('\n').trim()).toBe('one\ntwo');
  });

  test('activeDeadlineSeconds fails the pod', async () => {
    const { status: after } = await until('deadline', phase('Failed'));
    expect(after).toMatchObject({ reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' });
    await told('deadline', 'DeadlineExceeded', 'Pod was active on the node longer than the specified deadline');
  });

  test('an init container is tried again, and with Never it fails the pod', async () => {
    const retried = await until('init-retry', isReady);
    expect(status(retried, 'prepare'), JSON.stringify(await events('init-retry'))).toMatchObject({ restartCount: 1, ready: true });
    const failed = await until('init-never', phase('Failed'));
    expect(ended(failed, 'prepare')).toMatchObject({ exitCode: 9, reason: 'Error' });
    expect(waiting(failed)?.reason).toBe('PodInitializing');
    expect(await cluster.kubectl('get', 'pod', 'init-never')).toMatch(/0\/1\s+Init:Error/);
  });

  test('restart policies decide', async () => {
    expect(ended(await until('never', phase('Failed')))).toMatchObject({ exitCode: 5, reason: 'Error' });
    const retried = await until('on-failure', phase('Succeeded'));
    expect(status(retried)?.restartCount).toBe(1);
    expect(ended(retried)).toMatchObject({ exitCode: 0, reason: 'Completed' });
    expect(ended(await until('succeeds', phase('Succeeded')))?.reason).toBe('Completed');
    const crashing = await until('crash', (one) => waiting(one)?.reason === 'CrashLoopBackOff');
    expect(waiting(crashing)?.message).toMatch(/^back-off \d+s restarting failed container=app pod=crash_default\(.+\)$/);
    expect(status(crashing)?.lastState?.terminated).toMatchObject({ exitCode: 6, reason: 'Error' });
    await told('crash', 'BackOff', /^Back-off restarting failed container app in pod crash_default\(.+\)$/);
  });

  test('a command that does not exist is StartError or RunContainerError, and says so', async () => {
    const failing = await until('no-command', (one) => ['RunContainerError', 'CrashLoopBackOff'].includes(waiting(one)?.reason ?? ''));
    expect(status(failing)?.lastState?.terminated ?? {}).toMatchObject({ exitCode: 128, reason: 'StartError' });
    await told('no-command', 'Failed', 'no-such-program');
  });
});

describe('hooks', () => {
  test('postStart runs in the container; preStop runs before it is stopped', async () => {
    await until('hooks', isReady);
    expect(readFileSync(join(shared, 'post-start'), 'utf8')).toBe('begun\n');
    await cluster.kubectl('delete', 'pod', 'hooks');
    expect(readFileSync(join(shared, 'pre-stop'), 'utf8')).toBe('ending\n');
  });

  test('a postStart hook that fails ends the container', async () => {
    await told('bad-hook', 'FailedPostStartHook', 'PostStartHook failed');
    await until('bad-hook', (one) => (status(one)?.restartCount ?? 0) > 0);
  });
});

describe('probes', () => {
  test('a failed liveness probe restarts the container, with events', async () => {
    const restarted = await until('liveness', (one) => (status(one)?.restartCount ?? 0) > 0);
    expect(status(restarted)?.lastState?.terminated?.exitCode).toBe(137);
    await told('liveness', 'Unhealthy', /^Liveness probe failed: cat: can't open '\/tmp\/ok'/);
    await told('liveness', 'Killing', 'Container app failed liveness probe, will be restarted');
  });

  test('a startup probe holds the others back', async () => {
    const up = await until('startup', isReady);
    expect(status(up)).toMatchObject({ restartCount: 0, started: true });
  });

  test('a gRPC probe', async () => {
    await until('grpc', isReady);
  });
});

describe('volumes', () => {
  test('configMap, secret, projected and downwardAPI hold what they should', async () => {
    await until('volumes', isReady);
    const text = await inPod(
      'volumes',
      'sh',
      '-c',
      'cat /config/color /config/size /secret/token /all/in/color /all/token /down/name /down/limit; cat /all/labels',
    );
    expect(text).toBe('redsmalloneredonevolumes64suite="pods"');
    expect(await inPod('volumes', 'stat', '-Lc', '%a', '/secret/token')).toBe('400\n');
    expect((await inPod('volumes', 'cat', '/all/own-token')).split('.')).toHaveLength(3);
    const { status: running } = await get('volumes');
    expect(await inPod('volumes', 'sh', '-c', 'echo $MY_IP $MY_CPU')).toBe(`${running?.podIP} 500\n`);
  });

  test('subPath and subPathExpr mount a part of a volume', async () => {
    await inPod('volumes', 'sh', '-c', 'echo deep > /part/file; echo named > /named/file');
    expect(await inPod('volumes', 'cat', '/data/a/b/file', '/data/expanded/x/file', '/one-file')).toBe('deep\nnamed\nred');
  });

  test('a memory emptyDir has its size', async () => {
    const full = await cluster.tryKubectl(['exec', 'volumes', '--', 'dd', 'if=/dev/zero', 'of=/memory/x', 'bs=1M', 'count=3']);
    expect(full.stderr).toContain('No space left on device');
    expect(await inPod('volumes', 'sh', '-c', 'grep " /memory " /proc/mounts')).toMatch(/^tmpfs .*size=1024k/);
  });

  test('changes reach the running pod', async () => {
    await cluster.kubectl('patch', 'configmap', 'settings', '-p', '{"data":{"color":"blue"}}');
    await cluster.kubectl('patch', 'secret', 'keys', '-p', '{"stringData":{"token":"two"}}');
    await cluster.kubectl('label', 'pod', 'volumes', 'tier=front');
    await eventually(
      () => inPod('volumes', 'sh', '-c', 'cat /config/color /secret/token /all/in/color /all/token /all/labels'),
      (text) => text === 'bluetwobluetwosuite="pods"\ntier="front"',
    );
    expect(await inPod('volumes', 'cat', '/one-file')).toBe('red');
  });

  test('hostPath types are made, or checked', async () => {
    await until('host-types', isReady);
    await inPod('host-types', 'sh', '-c', 'cat /file > /made/copy; test -f /created; test -c /null');
    expect(readFileSync(join(shared, 'made/copy'), 'utf8')).toBe('from the host\n');
    expect(existsSync(join(shared, 'created'))).toBe(true);
    await told(
      'host-missing',
      'FailedMount',
      `MountVolume.SetUp failed for volume "v" : hostPath type check failed: ${shared}/nothing is not a directory`,
    );
    expect(waiting(await get('host-missing'))?.reason).toBe('ContainerCreating');
  });
});

test('an emptyDir over its limit ends the pod', async () => {
  const { status: after } = await until('full', phase('Failed'));
  expect(after).toMatchObject({ reason: 'Evicted', message: 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ' });
  await told('full', 'Evicted', 'Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ');
});

test('a long log is rotated', async () => {
  const folder = join(cluster.dataDir, 'kubelet/logs');
  const files = () =>
    readdirSync(folder)
      .filter((name) => name.startsWith('default_chatty_'))
      .flatMap((name) => readdirSync(join(folder, name, 'app')));
  await eventually(
    async () => files(),
    (names) => names.length === 2 && names.includes('0.log'),
    45_000,
  );
  expect(await cluster.kubectl('logs', 'chatty', '--tail=1')).toBe('');
});

describe('what a pod is to itself', () => {
  test("hostNetwork has the machine's address and name", async () => {
    const { status: running } = await until('host-net', isReady);
    expect(running?.podIP).toBe(running?.hostIP);
    expect(await inPod('host-net', 'ls', '/sys/class/net')).not.toBe('');
  });

  test("shareProcessNamespace shows the others' processes", async () => {
    await until('shared-pids', isReady);
    const shown = await cluster.kubectl('exec', 'shared-pids', '-c', 'app', '--', 'ps');
    expect(shown).toContain('catatonit');
    expect(shown.split('\n').filter((line) => line.includes('trap'))).toHaveLength(2);
  });

  test('hostAliases, hostname and subdomain are in /etc/hosts', async () => {
    const { status: running } = await until('aliases', isReady);
    const hosts = await inPod('aliases', 'cat', '/etc/hosts');
    expect(hosts).toContain('10.9.8.7\tfar\tfar.away');
    expect(hosts).toMatch(new RegExp(`${running?.podIP}\tcalled\\.sub\\.default\\.svc\\.\\S+\tcalled`));
    expect(await inPod('aliases', 'hostname')).toBe('called\n');
  });

  test('resources change in place', async () => {
    await until('sized', isReady);
    const id = (await get('sized')).status?.containerStatuses?.[0]?.containerID?.replace('containerd://', '') ?? '';
    const resize = (resources: object) =>
      cluster.kubectl(
        'patch',
        'pod',
        'sized',
        '--subresource',
        'resize',
        '-p',
        JSON.stringify({ spec: { containers: [{ name: 'app', resources }] } }),
      );
    for (const [cpu, memory] of [
      ['300m', '128Mi'],
      ['100m', '48Mi'],
    ]) {
      await resize({ limits: { cpu, memory } });
      const done = await until(
        'sized',
        (one) => status(one)?.resources?.limits?.memory === memory && status(one)?.resources?.limits?.cpu === cpu,
      );
      expect(status(done)).toMatchObject({ restartCount: 0, containerID: `containerd://${id}` });
      expect(limitOf(id)).toBe(Number(memory?.replace('Mi', '')) * 1024 ** 2);
    }
    await until('sized', (one) => one.status?.conditions?.every((condition) => !condition.type.startsWith('PodResize')) === true);
    await resize({ requests: { cpu: '1000' }, limits: { cpu: '1000' } });
    const late = await until('sized', (one) => one.status?.conditions?.some((condition) => condition.type === 'PodResizePending') === true);
    expect(late.status?.conditions?.find((one) => one.type === 'PodResizePending')).toMatchObject({ reason: 'Infeasible' });
  });

  test("kubectl debug adds an ephemeral container that sees the target's processes", async () => {
    await until('debugged', isReady);
    await cluster.kubectl('debug', 'debugged', `--image=${tools}`, '--target=app', '-c', 'look', '--', 'sh', '-c', 'ps; exit 7');
    const looked = await until('debugged', (one) => ended(one, 'look') !== undefined);
    expect(ended(looked, 'look')).toMatchObject({ exitCode: 7, reason: 'Error' });
    expect(isReady(looked)).toBe(true);
    expect(await logs('debugged', '-c', 'look')).toContain('trap');
    // It is not started again, and a second one may follow.
    await cluster.kubectl('debug', 'debugged', `--image=${tools}`, '-c', 'again', '--', 'sleep', '600');
    const two = await until('debugged', (one) => status(one, 'again')?.state?.running !== undefined);
    expect(status(two, 'look')?.restartCount).toBe(0);
    expect(phase('Running')(two)).toBe(true);
    await cluster.kubectl('delete', 'pod', 'debugged', '--grace-period=1');
  });
});

describe('what is refused, and how it recovers', () => {
  test('a missing key and a missing config map are CreateContainerConfigError until they are there', async () => {
    const keyless = await until('missing-key', (one) => waiting(one)?.reason === 'CreateContainerConfigError');
    expect(waiting(keyless)?.message).toBe("couldn't find key later in ConfigMap default/settings");
    await told('missing-key', 'Failed', "Error: couldn't find key later in ConfigMap default/settings");
    const mapless = await until('missing-map', (one) => waiting(one)?.reason === 'CreateContainerConfigError');
    expect(waiting(mapless)?.message).toBe('configmap "not-yet" not found');
    await cluster.kubectl('patch', 'configmap', 'settings', '-p', '{"data":{"later":"now"}}');
    await cluster.kubectl('create', 'configmap', 'not-yet', '--from-literal=A=b');
    await until('missing-key', isReady, 15_000);
    await until('missing-map', isReady, 15_000);
    expect(await inPod('missing-key', 'sh', '-c', 'echo $X')).toBe('now\n');
  });

  test('images: never pulled, badly named', async () => {
    const absent = await until('never-pull', (one) => waiting(one)?.reason === 'ErrImageNeverPull');
    expect(waiting(absent)?.message).toBe('Container image "example.invalid/nothing:1" is not present with pull policy of Never');
    const named = await until('bad-name', (one) => waiting(one)?.reason === 'InvalidImageName');
    expect(waiting(named)?.message).toContain('couldn\'t parse image name "UPPER/Case:x": invalid reference format');
    await told('bad-name', 'InspectFailed', 'Failed to apply default image tag "UPPER/Case:x"');
  });

  test('runAsNonRoot refuses an image of root', async () => {
    const rootful = await until('non-root', (one) => waiting(one)?.reason === 'CreateContainerConfigError');
    expect(waiting(rootful)?.message).toMatch(
      /^container has runAsNonRoot and image will run as root \(pod: "non-root_default\(.+\)", container: app\)$/,
    );
  });
});

describe('deletion', () => {
  test('at any step leaves nothing', async () => {
    await until('del-init', (one) => status(one, 'prepare')?.state?.running !== undefined);
    await until('del-pull', (one) => ['ErrImagePull', 'ImagePullBackOff'].includes(waiting(one)?.reason ?? ''), 60_000);
    await told('del-mount', 'FailedMount', 'MountVolume.SetUp failed for volume "v" : secret "never-there" not found');
    await until('del-hook', (one) => one.status?.phase !== 'Succeeded');
    await until('del-stubborn', isReady);
    await apply(pod('del-new', {}));
    const names = ['del-init', 'del-pull', 'del-mount', 'del-hook', 'del-new'];
    const beganMs = Date.now();
    await cluster.kubectl('delete', 'pod', ...names, '--timeout=30s');
    expect(Date.now() - beganMs).toBeLessThan(12_000);
    await cluster.kubectl('delete', 'pod', 'del-stubborn', '--grace-period=1', '--timeout=15s');
  });
});

test("a manifest in the node's directory is a static pod with a mirror", async () => {
  const folder = join(cluster.dataDir, 'manifests');
  mkdirSync(folder, { recursive: true });
  const name = `fixed-${(await cluster.kubectl('get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}')).trim()}`;
  writeFileSync(join(folder, 'fixed.json'), JSON.stringify(pod('fixed', { containers: [stay()] }, { labels: { kind: 'fixed' } })));
  const first = await eventually(
    () => get(name),
    (one) => isReady(one),
  );
  expect(first.metadata?.annotations?.['kubernetes.io/config.mirror']).toMatch(/^[0-9a-f]{32}$/);
  await cluster.kubectl('delete', 'pod', name, '--wait=false');
  const second = await eventually(
    () => get(name),
    (one) => isReady(one) && one.metadata?.uid !== first.metadata?.uid,
  );
  expect(status(second)?.containerID).toBe(status(first)?.containerID);
  rmSync(join(folder, 'fixed.json'));
  await eventually(
    () => cluster.tryKubectl(['get', 'pod', name]),
    ({ stderr }) => stderr.includes('NotFound'),
  );
});

test("the kubelet's own port tells what pods use", async () => {
  const [node] = (JSON.parse(await cluster.kubectl('get', 'nodes', '-o', 'json')) as { items: V1Node[] }).items;
  const port = node?.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0;
  const pki = (name: string) => readFileSync(join(cluster.dataDir, 'pki', name));
  const ask = (path: string) =>
    new Promise<string>((resolve, reject) => {
      const tls = { cert: pki('apiserver-kubelet-client.crt'), key: pki('apiserver-kubelet-client.key'), rejectUnauthorized: false };
      https
        .get({ host: '127.0.0.1', port, path, ...tls }, async (response) => {
          let text = '';
          for await (const chunk of response) text += chunk;
          resolve(text);
        })
        .on('error', reject);
    });
  await until('volumes', isReady);
  const summary = JSON.parse(await ask('/stats/summary')) as {
    node: { cpu: { usageCoreNanoSeconds: number } };
    pods: {
      podRef: { name: string };
      containers: { name: string; memory: { workingSetBytes: number }; cpu: { usageCoreNanoSeconds: number } }[];
    }[];
  };
  expect(summary.node.cpu.usageCoreNanoSeconds).toBeGreaterThan(1e9);
  const used = summary.pods.find((one) => one.podRef.name === 'volumes')?.containers[0];
  expect(used?.name).toBe('app');
  expect(used?.memory.workingSetBytes).toBeGreaterThan(10_000);
  expect(used?.cpu.usageCoreNanoSeconds).toBeGreaterThan(1_000_000);
  expect(await ask('/metrics/resource')).toMatch(
    /container_memory_working_set_bytes\{container="app",namespace="default",pod="volumes"\} \d+/,
  );
  expect((JSON.parse(await ask('/pods')) as { items: V1Pod[] }).items.map((one) => one.metadata?.name)).toContain('volumes');
  expect(await ask('/configz')).toContain('"maxPods":110');
  // The pod's own group has its limits, above the container's.
  const groups = await inPod('host-net', 'cat', '/proc/self/cgroup');
  expect(groups).toContain('besteffort');
});

test('30 pods at once', async () => {
  await cluster.kubectl('delete', 'pod', '-l', 'suite=pods', '--grace-period=1', '--timeout=60s');
  const many = Array.from({ length: 30 }, (_, i) => pod(`many-${i}`, {}, { labels: { suite: 'many' } }));
  const beganMs = Date.now();
  await apply(...many);
  await cluster.kubectl('wait', '--for=condition=Ready', 'pod', '-l', 'suite=many', '--timeout=60s');
  const tookMs = Date.now() - beganMs;
  expect(tookMs).toBeLessThan(30_000);
  await cluster.kubectl('delete', 'pod', '-l', 'suite=many', '--grace-period=1', '--timeout=60s');
});
