// What the conformance suite asks of services, host ports and volumes beyond what the tests of each part do, on real containers.
import { createSocket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually, freePort, run, startTestCluster, type TestCluster } from './harness.ts';

const image = 'minke.local/tools:latest';
const sleeping = ['sleep', '100000'];
const webPort = 8080;
/** Web servers of the pod's name at `ports`, and at `udpPort` what answers any datagram with it: busybox has no UDP server, perl is everywhere. */
const serving = (ports: readonly number[], udpPort?: number): readonly string[] => {
  const udp = `use IO::Socket::INET; $h=\`hostname\`; $s=IO::Socket::INET->new(LocalPort=>${udpPort},Proto=>"udp"); while(1) { $s->recv($d,99); $s->send($h) }`;
  const lines = ['mkdir -p /www', 'hostname > /www/index.html', ...ports.map((port) => `httpd -p ${port} -h /www`)];
  return ['sh', '-c', [...lines, udpPort === undefined ? 'sleep 100000' : `exec chroot /host perl -e '${udp}'`].join('\n')];
};
interface Shape {
  readonly container?: object;
  readonly spec?: object;
  readonly metadata?: object;
}
const pod = (name: string, command: readonly string[], { container, spec, metadata }: Shape = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name }, ...metadata },
  spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image, command, ...container }], ...spec },
});
/** A container that sees the machine's files below `/host`. */
const machineFiles = {
  container: { volumeMounts: [{ name: 'host', mountPath: '/host' }] },
  spec: { volumes: [{ name: 'host', hostPath: { path: '/' } }] },
};
const service = (name: string, spec: object) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec });

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(() => cluster?.destroy());

const apply = async (...items: readonly object[]) => {
  const done = await cluster.tryKubectl(['apply', '-f', '-'], { input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items }) });
  if (done.code !== 0) throw new Error(done.stderr);
};
const ready = (...names: readonly string[]) =>
  cluster.kubectl('wait', '--for=condition=Ready', ...names.map((name) => `pod/${name}`), '--timeout=60s');
const field = async (resource: string, path: string) =>
  (await cluster.kubectl('get', ...resource.split(' '), '-o', `jsonpath={${path}}`)).trim();
const patch = (resource: string, change: object) =>
  cluster.kubectl('patch', ...resource.split(' '), '--type=merge', '-p', JSON.stringify(change));
const inPod = async (name: string, script: string) => {
  const { stdout, stderr } = await cluster.tryKubectl(['exec', name, '--', 'sh', '-c', script]);
  return `${stdout}${stderr}`.trim();
};
const curl = async (url: string) => {
  const { code, stdout } = await run('curl', ['-s', '-m', '3', url]);
  return code === 0 ? stdout.trim() : `failed with ${code}`;
};
/** The answer to one datagram; undefined where none comes within a second. */
const askUdp = (address: string, port: number) =>
  new Promise<string | undefined>((resolve) => {
    const socket = createSocket('udp4');
    const end = (answer?: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(end, 1000);
    socket.on('error', () => end());
    socket.on('message', (message) => end(message.toString().trim()));
    socket.connect(port, address, () => socket.send('?'));
  });

describe('services that change', () => {
  beforeAll(async () => {
    const web = ['web-a', 'web-b', 'web-c'].map((name) =>
      pod(name, serving([webPort, webPort + 1]), { metadata: { labels: { app: 'web' } } }),
    );
    await apply(...web, pod('client', sleeping), pod('both', serving([80], 80), machineFiles));
    await ready('web-a', 'web-b', 'web-c', 'client', 'both');
  });

  test('session affinity comes and goes, at the cluster IP and at the node port', async () => {
    const affinity = (sessionAffinity: string) => ({ sessionAffinity });
    const ports = [{ name: 'http', port: 80, targetPort: webPort }];
    await apply(service('sticky', { type: 'NodePort', selector: { app: 'web' }, ports, ...affinity('ClientIP') }));
    const nodeAddress = (await field('nodes', '.items[0].status.addresses[?(@.type=="InternalIP")].address')).split(' ')[0];
    const nodePort = await field('service sticky', '.spec.ports[0].nodePort');
    const places = [`http://${await field('service sticky', '.spec.clusterIP')}`, `http://${nodeAddress}:${nodePort}`];
    const answers = async (place: string) =>
      (await inPod('client', `for i in $(seq 30); do wget -qO- ${place}/ || exit; done | sort -u`)).split('\n');
    for (const [mode, backends] of [['ClientIP', 1] as const, ['None', 3] as const, ['ClientIP', 1] as const]) {
      await patch('service sticky', { spec: affinity(mode) });
      for (const place of places) {
        await eventually(
          () => answers(place),
          (names) => names.length === backends && names.every((name) => name.startsWith('web-')),
        );
      }
    }
  });

  test('one port number by TCP and UDP: what is taken away no longer answers, the other does', async () => {
    const tcp = { name: 'tcp', port: 80, targetPort: 80, protocol: 'TCP' };
    const udp = { name: 'udp', port: 80, targetPort: 80, protocol: 'UDP' };
    await apply(service('both', { selector: { app: 'both' }, ports: [tcp, udp] }));
    const ip = await field('service both', '.spec.clusterIP');
    const becomes = async (ports: readonly object[], wanted: readonly unknown[]) => {
      await patch('service both', { spec: { ports } });
      await eventually(
        async () => [await curl(`http://${ip}/`), await askUdp(ip, 80)],
        (found) => JSON.stringify(found) === JSON.stringify(wanted),
      );
    };
    await becomes([tcp, udp], ['both', 'both']);
    await becomes([tcp], ['both', undefined]);
    await becomes([udp], ['failed with 7', 'both']);
  });

  test('slices made by hand, one for each port: of two addresses, then of one', async () => {
    const ips = [await field('pod web-a', '.status.podIP'), await field('pod web-b', '.status.podIP')];
    const slice = (at: number, ip: string | undefined) => ({
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `by-hand-${at}`, labels: { 'kubernetes.io/service-name': 'by-hand' } },
      addressType: 'IPv4',
      ports: [{ name: `p${at}`, port: webPort + at, protocol: 'TCP' }],
      endpoints: [{ addresses: [ip] }],
    });
    await apply(service('by-hand', { ports: [0, 1].map((at) => ({ name: `p${at}`, port: 80 + at })) }), slice(0, ips[0]), slice(1, ips[1]));
    const ip = await field('service by-hand', '.spec.clusterIP');
    const answers = async () => [await curl(`http://${ip}:80/`), await curl(`http://${ip}:81/`)].join(' ');
    await eventually(answers, (found) => found === 'web-a web-b');
    await cluster.kubectl('delete', 'endpointslice', 'by-hand-1');
    await apply(slice(1, ips[0]));
    await eventually(answers, (found) => found === 'web-a web-a');
  });

  test('a name elsewhere becomes a service with addresses, and again a name', async () => {
    const name = 'moving.default.svc.cluster.local';
    const lookUp = (type: 'A' | 'CNAME', wanted: RegExp) =>
      eventually(
        () => inPod('client', `nslookup -type=${type} ${name}`),
        (output) => wanted.test(output),
      );
    await apply(service('moving', { type: 'ExternalName', externalName: 'foo.example.com' }));
    await lookUp('CNAME', /canonical name = foo\.example\.com/);
    await patch('service moving', { spec: { externalName: 'bar.example.com' } });
    await lookUp('CNAME', /canonical name = bar\.example\.com/);
    const ports = [{ name: 'http', port: 80, targetPort: webPort, protocol: 'TCP' }];
    await patch('service moving', { spec: { type: 'NodePort', externalName: null, selector: { app: 'web' }, ports } });
    const ip = await field('service moving', '.spec.clusterIP');
    await lookUp('A', new RegExp(`Address: ${ip}`));
    const nodePort = await field('service moving', '.spec.ports[0].nodePort');
    expect(await curl(`http://127.0.0.1:${nodePort}/`)).toMatch(/^web-/);
    await patch('service moving', { spec: { type: 'ExternalName', externalName: 'foo.example.com' } });
    expect(await field('service moving', '.spec.clusterIP')).toBe('');
    await lookUp('CNAME', /canonical name = foo\.example\.com/);
    await eventually(
      () => curl(`http://127.0.0.1:${nodePort}/`),
      (answer) => answer === 'failed with 7',
    );
  });
});

test('one host port for three pods: by address, and by protocol', async () => {
  const hostPort = await freePort();
  const [address = ''] = (await field('nodes', '.items[0].status.addresses[?(@.type=="InternalIP")].address')).split(' ');
  const on = (hostIP: string, protocol: string) => ({ ports: [{ containerPort: webPort, hostPort, hostIP, protocol }] });
  await apply(
    pod('port-a', serving([webPort]), { container: on('127.0.0.1', 'TCP') }),
    pod('port-b', serving([webPort]), { container: on(address, 'TCP') }),
    pod('port-c', serving([], webPort), { ...machineFiles, container: { ...machineFiles.container, ...on(address, 'UDP') } }),
  );
  await ready('port-a', 'port-b', 'port-c');
  await eventually(
    async () => [
      await curl(`http://127.0.0.1:${hostPort}/`),
      await curl(`http://${address}:${hostPort}/`),
      await askUdp(address, hostPort),
    ],
    (found) => found.join(' ') === 'port-a port-b port-c',
  );
});

describe('volumes', () => {
  test('a subPathExpr that fails holds its pod back until the annotation it names is there', async () => {
    const env = [{ name: 'PART', valueFrom: { fieldRef: { fieldPath: "metadata.annotations['part']" } } }];
    const mounting = (subPathExpr: string, more: object = {}) => ({
      container: { env, volumeMounts: [{ name: 'v', mountPath: '/part', subPathExpr }], ...more },
      spec: { volumes: [{ name: 'v', emptyDir: {} }] },
    });
    await apply(
      pod('later', sleeping, mounting('$(PART)/$(PART)')),
      pod('absolute', sleeping, mounting('$(PART)', { env: [{ name: 'PART', value: '/tmp' }] })),
      pod('outwards', sleeping, mounting('$(PART)', { env: [{ name: 'PART', value: '..' }] })),
    );
    for (const name of ['later', 'absolute', 'outwards'])
      await eventually(
        () => field(`pod ${name}`, '.status.containerStatuses[0].state.waiting.reason'),
        (reason) => reason === 'CreateContainerConfigError',
      );
    await patch('pod later', { metadata: { annotations: { part: 'mine' } } });
    await ready('later');
  });

  test('files of each source have the modes asked for, for somebody who is not root', async () => {
    const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'modes' }, data: { one: '1', two: '2' } };
    const volumes = [
      { name: 'disk', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory' } },
      { name: 'plain', configMap: { name: 'modes' } },
      { name: 'mapped', configMap: { name: 'modes', items: [{ key: 'two', path: 'a/b', mode: 0o400 }] } },
      {
        name: 'all',
        projected: {
          defaultMode: 0o440,
          sources: [
            { configMap: { name: 'modes' } },
            { downwardAPI: { items: [{ path: 'name', fieldRef: { fieldPath: 'metadata.name' } }] } },
          ],
        },
      },
    ];
    const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/${name}` }));
    const securityContext = { runAsUser: 1000, fsGroup: 1001 };
    await apply(configMap, pod('modes', sleeping, { container: { volumeMounts }, spec: { volumes, securityContext } }));
    await ready('modes');
    const script = 'cd /; touch disk/f memory/f; stat -Lc "%n %a %g" disk memory disk/f plain/one mapped/a/b all/one all/name; cat all/one';
    expect((await inPod('modes', script)).split('\n')).toEqual([
      'disk 2777 1001',
      'memory 2777 1001',
      'disk/f 644 1001',
      'plain/one 644 1001',
      'mapped/a/b 440 1001',
      'all/one 440 1001',
      'all/name 440 1001',
      '1',
    ]);
  });

  test('optional sources come and go under a running pod', async () => {
    const map = (name: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { key: name } });
    const volumes = ['going', 'coming'].map((name) => ({ name, configMap: { name, optional: true } }));
    const volumeMounts = volumes.map(({ name }) => ({ name, mountPath: `/v/${name}` }));
    await apply(map('going'), pod('optional', sleeping, { container: { volumeMounts }, spec: { volumes } }));
    await ready('optional');
    expect(await inPod('optional', 'cd /v; ls */*')).toBe('going/key');
    await cluster.kubectl('delete', 'configmap', 'going');
    await apply(map('coming'));
    await eventually(
      () => inPod('optional', 'cd /v; ls */*; cat coming/key'),
      (output) => output === 'coming/key\ncoming',
    );
  });

  test('many config maps in several pods at once', async () => {
    const names = Array.from({ length: 50 }, (_, at) => `many-${at}`);
    const maps = names.map((name) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { key: name } }));
    const volumes = names.map((name) => ({ name, configMap: { name } }));
    const volumeMounts = names.map((name) => ({ name, mountPath: `/v/${name}` }));
    const pods = ['crowd-a', 'crowd-b', 'crowd-c'];
    await apply(...maps, ...pods.map((name) => pod(name, sleeping, { container: { volumeMounts }, spec: { volumes } })));
    await ready(...pods);
    for (const name of pods) expect((await inPod(name, 'cat /v/*/key')).length).toBe(names.join('').length);
  });
});
