// Every example, applied with the real kubectl: real containers run, answer, are looked at, changed and deleted.
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, root, startTestCluster, type TestCluster } from './harness.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(() => cluster?.destroy());

const example = (name: string) => join(root, 'examples', name);
const apply = (name: string) => cluster.kubectl('apply', '-f', example(name));
const ready = (pod: string) => cluster.kubectl('wait', '--for=condition=Ready', `pod/${pod}`, '--timeout=60s');
const jsonPath = (resource: string, path: string) => cluster.kubectl('get', ...resource.split(' '), '-o', `jsonpath=${path}`);

/** GET over plain HTTP from the host, which reaches pods. */
function get(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request(address, { timeout: 5_000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve(text));
    })
      .on('error', reject)
      .end();
  });
}

describe('a single web pod', () => {
  test('runs, answers on its address, and is shown', async () => {
    expect(await apply('web-pod.yaml')).toContain('pod/web created');
    await ready('web');
    const ip = await jsonPath('pod web', '{.status.podIP}');
    expect(await get(`http://${ip}:8080/`)).toBe('hello from a pod\n');
    const wide = await cluster.kubectl('get', 'pod', 'web', '-o', 'wide');
    expect(wide).toMatch(/NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE\s+NOMINATED NODE\s+READINESS GATES/);
    expect(wide).toMatch(new RegExp(`web\\s+1/1\\s+Running\\s+0\\s+\\S+\\s+${ip}`));
    const yaml = await cluster.kubectl('get', 'pod', 'web', '-o', 'yaml');
    expect(yaml).toContain('phase: Running');
    expect(yaml).toMatch(/containerID: containerd:\/\/[0-9a-f]{64}/);
  });

  test('describe tells its story', async () => {
    const text = await eventually(
      () => cluster.kubectl('describe', 'pod', 'web'),
      (described) => described.includes('Started'),
    );
    for (const word of ['Scheduled', 'Successfully assigned default/web to', 'Created', 'Started', 'QoS Class:', 'BestEffort'])
      expect(text).toContain(word);
  });

  test('applying it again changes nothing', async () => {
    expect(await apply('web-pod.yaml')).toContain('pod/web unchanged');
  });

  test('exec gives output, input and exit codes', async () => {
    expect(await cluster.kubectl('exec', 'web', '--', 'cat', '/www/index.html')).toBe('hello from a pod\n');
    expect((await cluster.tryKubectl(['exec', 'web', '--', 'sh', '-c', 'echo oops >&2; exit 3'])).code).toBe(3);
    const piped = await cluster.tryKubectl(['exec', '-i', 'web', '--', 'sh', '-c', 'wc -c'], { input: 'x'.repeat(100_000) });
    expect(piped.stdout.trim()).toBe('100000');
    const missing = await cluster.tryKubectl(['exec', 'web', '--', 'no-such-program']);
    expect(missing.code).not.toBe(0);
  });

  test('delete ends it', async () => {
    await cluster.kubectl('delete', 'pod', 'web', '--grace-period=1');
    expect((await cluster.tryKubectl(['get', 'pod', 'web'])).stderr).toContain('Error from server (NotFound): pods "web" not found');
  });
});

test('a sidecar ships the log that the app writes, and logs -f follows it', async () => {
  await apply('log-sidecar.yaml');
  await ready('shipper');
  const following = cluster.spawnKubectl('logs', '-f', 'shipper', '-c', 'ship');
  let text = '';
  following.stdout?.on('data', (chunk) => (text += chunk));
  await eventually(
    async () => text,
    (seen) => seen.includes('line 0') && seen.includes('line 3'),
  );
  following.kill();
  expect((await cluster.kubectl('logs', 'shipper', '-c', 'ship', '--tail=1')).trim()).toMatch(/^line \d+$/);
  expect(await cluster.kubectl('logs', 'shipper', '-c', 'ship', '--tail=1', '--timestamps')).toMatch(/^\d{4}-\d\d-\d\dT\S+ line \d+\n$/);
  const wrong = await cluster.tryKubectl(['logs', 'shipper', '-c', 'nobody']);
  expect(wrong.stderr).toContain('container nobody is not valid for pod shipper');
  await cluster.kubectl('delete', 'pod', 'shipper', '--grace-period=1');
});

test('the main container serves what the init container prepared', async () => {
  await apply('init-container.yaml');
  await ready('prepared');
  const ip = await jsonPath('pod prepared', '{.status.podIP}');
  expect(await get(`http://${ip}:8080/`)).toBe('prepared by the init container\n');
  expect(await jsonPath('pod prepared', '{.status.initContainerStatuses[0].state.terminated.reason}')).toBe('Completed');
  const refused = await cluster.tryKubectl(['exec', 'prepared', '--', 'sh', '-c', 'echo x > /www/x']);
  expect(refused.stderr).toContain('Read-only file system');
  await cluster.kubectl('delete', '-f', example('init-container.yaml'), '--grace-period=1');
});

test('a proxy and an app share localhost, configured by a ConfigMap', async () => {
  await apply('proxy-and-app.yaml');
  await ready('fronted');
  const ip = await jsonPath('pod fronted', '{.status.podIP}');
  const answer = await eventually(
    () => get(`http://${ip}:8080/`),
    (text) => text.includes('answered'),
  );
  expect(answer).toBe('answered by the app, through the proxy\n');
  await expect(get(`http://${ip}:9090/`)).rejects.toThrow('ECONNREFUSED');
  await cluster.kubectl('delete', '-f', example('proxy-and-app.yaml'), '--grace-period=1');
});

test('probes, resources, environment and security context are in force', async () => {
  await apply('guarded-pod.yaml');
  await ready('guarded');
  const ip = await jsonPath('pod guarded', '{.status.podIP}');
  expect(await get(`http://${ip}:8080/`)).toBe('password has 28 letters\n');
  expect(await cluster.kubectl('exec', 'guarded', '--', 'id')).toContain('uid=1000 gid=1000');
  expect((await cluster.kubectl('exec', 'guarded', '--', 'sh', '-c', 'echo $POD_NAME $MEMORY_LIMIT')).trim()).toBe('guarded 33554432');
  expect((await cluster.tryKubectl(['exec', 'guarded', '--', 'touch', '/x'])).stderr).toContain('Read-only file system');
  expect(await cluster.kubectl('exec', 'guarded', '--', 'grep', 'CapEff', '/proc/self/status')).toMatch(/CapEff:\s+0000000000000000/);
  expect(await jsonPath('pod guarded', '{.status.qosClass}')).toBe('Burstable');
  await cluster.kubectl('delete', '-f', example('guarded-pod.yaml'), '--grace-period=1');
});

describe('a Deployment', () => {
  const image = async () =>
    (await cluster.kubectl('get', 'pods', '-l', 'app=hello', '-o', 'jsonpath={.items[*].spec.containers[0].env[0].value}')).split(' ');

  test('runs three replicas, each answering', async () => {
    await apply('deployment.yaml');
    expect(await cluster.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s')).toContain('successfully rolled out');
    const ips = (await cluster.kubectl('get', 'pods', '-l', 'app=hello', '-o', 'jsonpath={.items[*].status.podIP}')).split(' ');
    expect(ips).toHaveLength(3);
    for (const ip of ips) expect(await get(`http://${ip}:8080/`)).toMatch(/^hello from hello-/);
    const slices = await eventually(
      () =>
        cluster.kubectl(
          'get',
          'endpointslices',
          '-l',
          'kubernetes.io/service-name=hello',
          '-o',
          'jsonpath={.items[*].endpoints[*].addresses[0]}',
        ),
      (text) => text.split(' ').length === 3,
    );
    expect(slices.split(' ').sort()).toEqual([...ips].sort());
  });

  test('scales up and down', async () => {
    await cluster.kubectl('scale', 'deployment/hello', '--replicas=5');
    await cluster.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
    expect(await jsonPath('deployment hello', '{.status.readyReplicas}')).toBe('5');
    await cluster.kubectl('scale', 'deployment/hello', '--replicas=2');
    await eventually(image, (all) => all.length === 2);
  });

  test('rolls out a change, keeps its history, and undoes it', async () => {
    await cluster.kubectl('set', 'env', 'deployment/hello', 'GREETING=hola');
    await cluster.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
    await eventually(image, (all) => all.every((value) => value === 'hola'));
    expect(await cluster.kubectl('rollout', 'history', 'deployment/hello')).toMatch(/REVISION\s+CHANGE-CAUSE\n1\s+<none>\n2\s+<none>/);
    await cluster.kubectl('rollout', 'undo', 'deployment/hello');
    await cluster.kubectl('rollout', 'status', 'deployment/hello', '--timeout=60s');
    await eventually(image, (all) => all.every((value) => value === 'hello'));
    expect(await cluster.kubectl('rollout', 'history', 'deployment/hello')).toMatch(/2\s+<none>\n3\s+<none>/);
  });

  test('replaces a pod that is deleted', async () => {
    const [victim = ''] = (await cluster.kubectl('get', 'pods', '-l', 'app=hello', '-o', 'name')).split('\n');
    await cluster.kubectl('delete', victim, '--grace-period=1');
    await eventually(
      () => jsonPath('deployment hello', '{.status.readyReplicas}'),
      (count) => count === '2',
    );
  });

  test('is deleted with everything below it', async () => {
    await cluster.kubectl('delete', '-f', example('deployment.yaml'));
    await eventually(
      () => cluster.kubectl('get', 'pods,replicasets', '-l', 'app=hello', '-o', 'name'),
      (text) => text.trim() === '',
    );
  });
});

test('a container that crashes is restarted with back-off; its previous log can be read', async () => {
  await cluster.kubectl(
    'run',
    'crasher',
    '--image=minke.local/tools:latest',
    '--image-pull-policy=IfNotPresent',
    '--command',
    '--',
    'sh',
    '-c',
    'echo last words; exit 7',
  );
  await eventually(
    () => jsonPath('pod crasher', '{.status.containerStatuses[0].restartCount}'),
    (count) => Number(count) >= 1,
  );
  expect(
    await eventually(
      () => cluster.kubectl('logs', 'crasher', '--previous'),
      (text) => text !== '',
    ),
  ).toBe('last words\n');
  expect(
    await eventually(
      () => jsonPath('pod crasher', '{.status.containerStatuses[0].state.waiting.reason}'),
      (reason) => reason !== '',
    ),
  ).toBe('CrashLoopBackOff');
  expect(await jsonPath('pod crasher', '{.status.containerStatuses[0].lastState.terminated.exitCode}')).toBe('7');
  await eventually(
    () => cluster.kubectl('describe', 'pod', 'crasher'),
    (text) => text.includes('BackOff'),
  );
  await cluster.kubectl('delete', 'pod', 'crasher', '--grace-period=0', '--force');
});
