// A storage driver in a pod, as real ones are deployed: a DaemonSet whose container has the kubelet's directories by hostPath, mounts
// volumes there for the machine to see, and goes and comes back while its volumes are in use.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DriverOptions } from './csi-driver.ts';
import { eventually, root, startTestCluster, type TestCluster } from './harness.ts';

const image = 'minke.local/tools:latest';
const name = 'disk.example.com';
const scratch = mkdtempSync(join(tmpdir(), 'minke-csi-pod-'));
let cluster: TestCluster;

async function apply(...items: object[]): Promise<void> {
  const done = await cluster.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  if (done.code !== 0) throw new Error(done.stderr);
}
const get = (what: string, path: string) => cluster.kubectl('get', ...what.split(' '), '-o', `jsonpath={${path}}`);
const phase = (pod: string, wanted: string) =>
  eventually(
    () => get(`pod ${pod}`, '.status.phase'),
    (is) => is === wanted,
    60_000,
  );
const drivers = () => get('csinodes', '.items[*].spec.drivers[*].name');
const mounts = () =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(join(cluster.dataDir, 'kubelet/pods')) && line.includes('kubernetes.io~csi'));

/** The machine's Node.js, from its directories: the image has none. */
function daemonSet(program: string) {
  const kubelet = join(cluster.dataDir, 'kubelet');
  const options: DriverOptions = { name, kubelet, directory: scratch, kubeconfig: cluster.kubeconfig };
  const paths = {
    kubelet,
    scratch,
    usr: '/usr',
    bin: '/usr/bin',
    lib: '/usr/lib',
    lib64: '/usr/lib64',
    kubeconfig: cluster.kubeconfig,
  } as const;
  const mountAt = { ...paths, bin: '/bin', lib: '/lib', lib64: '/lib64' };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'driver' },
    spec: {
      selector: { matchLabels: { app: 'driver' } },
      template: {
        metadata: { labels: { app: 'driver' } },
        spec: {
          hostNetwork: true,
          terminationGracePeriodSeconds: 5,
          containers: [
            {
              name: 'driver',
              image,
              command: [process.execPath, program, JSON.stringify(options)],
              securityContext: { privileged: true },
              volumeMounts: Object.entries(mountAt).map(([volume, mountPath]) => ({
                name: volume,
                mountPath,
                ...(volume === 'kubelet' ? { mountPropagation: 'Bidirectional' } : { readOnly: volume !== 'scratch' }),
              })),
            },
          ],
          volumes: Object.entries(paths).map(([volume, path]) => ({ name: volume, hostPath: { path } })),
        },
      },
    },
  };
}

beforeAll(async () => {
  cluster = await startTestCluster();
  const program = join(scratch, 'driver.mjs');
  await build({
    entryPoints: [join(root, 'test/e2e/csi-driver-program.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'error',
    banner: { js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);" },
  });
  await apply(
    { apiVersion: 'storage.k8s.io/v1', kind: 'CSIDriver', metadata: { name }, spec: { fsGroupPolicy: 'File' } },
    { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'disk' }, provisioner: name, allowVolumeExpansion: true },
    daemonSet(program),
  );
});
afterAll(async () => {
  await cluster?.destroy();
  rmSync(scratch, { recursive: true, force: true });
});

test('the driver registers from its pod', async () => {
  await eventually(drivers, (names) => names === name, 60_000);
});

test('a volume that it mounts is seen by the machine and by the pod', async () => {
  await apply(
    {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'disk', resources: { requests: { storage: '8Mi' } } },
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'user' },
      spec: {
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'c',
            image,
            command: ['sh', '-c', 'echo kept > /data/file; sleep 1000'],
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          },
        ],
        volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }],
      },
    },
  );
  await phase('user', 'Running');
  expect(await cluster.kubectl('exec', 'user', '--', 'cat', '/data/file')).toBe('kept\n');
  expect(mounts()).toHaveLength(1);
  expect(mounts()[0]).toContain(' - tmpfs ');
});

test('what kubectl describes of the claim: who uses it, and how it came about', async () => {
  const text = await cluster.kubectl('describe', 'pvc', 'data');
  expect(text).toMatch(/^Status:\s+Bound$/m);
  expect(text).toMatch(/^Capacity:\s+8Mi$/m);
  expect(text).toMatch(/^Used By:\s+user$/m);
  expect(text).toMatch(
    /ExternalProvisioning .*[Ww]aiting for a volume to be created either by the external provisioner 'disk\.example\.com'/,
  );
});

test('the driver goes and comes back: the volume stays, and is taken back by the new one', async () => {
  const before = await get('pods -l app=driver', '.items[0].metadata.uid');
  await cluster.kubectl('delete', 'pod', '-l', 'app=driver');
  await eventually(
    () => get('pods -l app=driver', '.items[*].metadata.uid'),
    (uid) => uid !== '' && uid !== before,
  );
  expect(await cluster.kubectl('exec', 'user', '--', 'cat', '/data/file')).toBe('kept\n');
  await cluster.kubectl('rollout', 'status', 'daemonset/driver', '--timeout=60s');
  await eventually(drivers, (names) => names === name, 60_000);
  await cluster.kubectl('delete', 'pod', 'user', '--timeout=60s');
  expect(mounts()).toEqual([]);
});
