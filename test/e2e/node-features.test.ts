// What a pod may ask of its node beyond containers: a handler of the runtime, an image as a volume, security that the machine may lack.
// What the node cannot give is refused in upstream's words, and never left out in silence.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { V1Container, V1Pod, V1PodSpec } from '../../src/api/mod.ts';
import { systemProcesses } from '../../src/base/ports/process.ts';
import { shapesBandwidth } from '../../src/network/mod.ts';
import { eventually, run, startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
const image = 'minke.local/tools';
const app = (more: Partial<V1Container> = {}): V1Container => ({
  name: 'app',
  image,
  command: ['sh', '-c', 'trap "exit 0" TERM; while true; do sleep 0.1; done'],
  ...more,
});
const pod = (name: string, spec: Partial<V1PodSpec>, annotations: Record<string, string> = {}): V1Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, annotations },
  spec: { terminationGracePeriodSeconds: 1, containers: [app()], ...spec },
});
const mounts = (...more: object[]) => [app({ volumeMounts: more.map((one) => ({ name: 'v', mountPath: '/volume', ...one })) })];
const runtimeClass = (name: string, handler: string) => ({
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  metadata: { name },
  handler,
});

const get = async (name: string): Promise<V1Pod> => JSON.parse(await cluster.kubectl('get', 'pod', name, '-o', 'json')) as V1Pod;
const until = (name: string, good: (pod: V1Pod) => boolean): Promise<V1Pod> => eventually(() => get(name), good);
const isRunning = (one: V1Pod): boolean => one.status?.phase === 'Running';
const told = (name: string, reason: string, text: string) =>
  eventually(
    () =>
      cluster.kubectl(
        'get',
        'events',
        '--field-selector',
        `involvedObject.name=${name},reason=${reason}`,
        '-o',
        'jsonpath={.items[*].message}',
      ),
    (all) => all.includes(text),
  );
const withoutAppArmor = !existsSync('/sys/module/apparmor') || readFileSync('/sys/module/apparmor/parameters/enabled', 'utf8')[0] !== 'Y';

async function create(...items: object[]): Promise<void> {
  const done = await cluster.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  if (done.code !== 0) throw new Error(done.stderr);
}

beforeAll(async () => {
  cluster = await startTestCluster();
  const read = { name: 'v', mountPath: '/volume', readOnly: true };
  const items = [
    runtimeClass('known', 'test-handler'),
    runtimeClass('unknown', 'nobody'),
    pod('handled', { runtimeClassName: 'known' }),
    pod('unhandled', { runtimeClassName: 'unknown' }),
    pod('image', {
      volumes: [{ name: 'v', image: { reference: image, pullPolicy: 'Always' } }],
      containers: mounts({}, { mountPath: '/programs', subPath: 'bin' }),
    }),
    pod('image-missing', {
      volumes: [{ name: 'v', image: { reference: 'minke.local/none', pullPolicy: 'Never' } }],
      containers: mounts({}),
    }),
    pod('image-part', { volumes: [{ name: 'v', image: { reference: image } }], containers: mounts({ subPath: 'none' }) }),
    pod('part-of-nothing', { volumes: [{ name: 'v', emptyDir: {} }], containers: mounts({ subPathExpr: '$(NOBODY)/x' }) }),
    pod('sysctl', { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '8192' }] } }),
    pod('users', { hostUsers: false }),
    pod('groups', { securityContext: { supplementalGroupsPolicy: 'Strict' } }),
    pod('shaped', {}, { 'kubernetes.io/ingress-bandwidth': '8M', 'kubernetes.io/egress-bandwidth': '4M' }),
    pod('misshaped', {}, { 'kubernetes.io/ingress-bandwidth': '10' }),
    pod('armoured', { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }),
    pod('recursive', {
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [app({ volumeMounts: [{ ...read, recursiveReadOnly: 'Enabled' }] })],
    }),
    pod('if-possible', {
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [app({ volumeMounts: [{ ...read, recursiveReadOnly: 'IfPossible' }] })],
    }),
  ];
  await create(...items);
});
afterAll(() => cluster?.destroy());

test('a RuntimeClass picks the handler; one that the runtime does not have keeps the pod waiting', async () => {
  await until('handled', isRunning);
  await told('unhandled', 'FailedCreatePodSandBox', 'no runtime for "nobody" is configured');
  expect((await get('unhandled')).status?.phase).toBe('Pending');
});

test('an image is a volume: read-only, in parts too, and gone with the pod', async () => {
  const running = await until('image', isRunning);
  expect(await cluster.kubectl('exec', 'image', '--', 'ls', '/programs/busybox', '/volume/bin/busybox')).toContain('/volume/bin/busybox');
  const written = await cluster.tryKubectl(['exec', 'image', '--', 'touch', '/volume/x']);
  expect(written.stderr).toContain('Read-only file system');
  expect(readFileSync('/proc/mounts', 'utf8')).toContain(`${running.metadata?.uid}/volumes/kubernetes.io~image/v`);
  await cluster.kubectl('delete', 'pod', 'image');
  expect(readFileSync('/proc/mounts', 'utf8')).not.toContain(`${running.metadata?.uid}`);
});

test.each([
  ['image-missing', 'ErrImageNeverPull', 'Container image "minke.local/none" is not present with pull policy of Never'],
  ['image-part', 'CreateContainerError', 'subPath "none" does not exist in image "minke.local/tools"'],
  ['part-of-nothing', 'CreateContainerConfigError', 'missing value for NOBODY'],
  ['recursive', 'CreateContainerConfigError', 'volume "v" requested recursive read-only mode, but it is not supported by the runtime'],
])('%s waits with %s', async (name, reason, message) => {
  const found = await until(name, (one) => one.status?.containerStatuses?.[0]?.state?.waiting?.reason === reason);
  expect(found.status?.containerStatuses?.[0]?.state?.waiting?.message).toContain(message);
});

test.each<readonly [string, string, string]>([
  ['sysctl', 'SysctlForbidden', 'forbidden sysctl: "kernel.msgmax" not allowlisted'],
  ['groups', 'SupplementalGroupsPolicyNotSupported', 'SupplementalGroupsPolicy=Strict is not supported in this node'],
  ...(withoutAppArmor ? ([['armoured', 'AppArmor', 'Cannot enforce AppArmor: AppArmor is not enabled on the host']] as const) : []),
])('%s is refused with %s', async (name, reason, message) => {
  const found = await until(name, (one) => one.status?.phase === 'Failed');
  expect(found.status).toMatchObject({ reason, message: `Pod was rejected: ${message}` });
});

test('users of its own need a runtime for it; a recursive mount may go without', async () => {
  await told('users', 'FailedCreatePodSandBox', "can't set `spec.hostUsers: false`, runtime does not support user namespaces");
  const found = await until('if-possible', isRunning);
  const mount = found.status?.containerStatuses?.[0]?.volumeMounts?.find((one) => one.name === 'v');
  expect(mount).toEqual({ name: 'v', mountPath: '/volume', readOnly: true, recursiveReadOnly: 'Disabled' });
});

const processOf = (file: string): number => (JSON.parse(readFileSync(file, 'utf8')) as { pid: number }).pid;

test('a pod is held to the bandwidth that its annotations say, or told that this kernel cannot', async () => {
  await told('misshaped', 'FailedCreatePodSandBox', 'resource is unreasonably small (< 1kbit)');
  await until('shaped', isRunning);
  if (!(await shapesBandwidth(systemProcesses))) return void (await told('shaped', 'NilShaper', 'this node’s kernel cannot give'));
  const rates = (await run('tc', ['qdisc', 'show'])).stdout.split('\n').filter((line) => line.includes(' tbf '));
  expect(rates.map((line) => /rate (\S+)/.exec(line)?.[1]).sort()).toEqual(expect.arrayContaining(['4Mbit', '8Mbit']));
});

test('a containerd that hangs holds nothing up but its own pods, and all goes on when it wakes', async () => {
  const { id } = JSON.parse(readFileSync(join(cluster.dataDir, 'minke.json'), 'utf8')) as { id: string };
  const containerd = processOf(`/run/minke/${id}/containerd.json`);
  process.kill(containerd, 'SIGSTOP');
  try {
    await create(pod('waits', {}));
    // The API answers as ever, and the pod is only late.
    expect(await cluster.kubectl('get', 'pods')).toContain('waits');
    await new Promise((resolve) => setTimeout(resolve, 2000));
    expect((await get('waits')).status?.phase).toBe('Pending');
  } finally {
    process.kill(containerd, 'SIGCONT');
  }
  await until('waits', isRunning);
});

test('SIGPWR ends the pods before the machine goes, and then Minke', async () => {
  const minke = Number.parseInt(readFileSync(join(cluster.dataDir, 'minke.pid'), 'utf8'), 10);
  process.kill(minke, 'SIGPWR');
  await eventually(
    async () => existsSync(`/proc/${minke}`),
    (runs) => !runs,
    40_000,
  );
  await cluster.restart();
  expect((await get('handled')).status).toMatchObject({
    phase: 'Failed',
    reason: 'Terminated',
    message: 'Pod was terminated in response to imminent node shutdown.',
  });
});
