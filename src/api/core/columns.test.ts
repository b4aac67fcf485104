// Cells as `kubectl get -o wide` prints them.
import { describe, expect, test } from 'vitest';
import type { V1ContainerStatus, V1Pod } from '../generated/types.gen.ts';
import type { KindDefinition } from '../kind.ts';
import { deployments, endpoints, endpointslices, events, nodes, pods, replicasets, services } from '../kinds.ts';

const nowMs = Date.UTC(2026, 0, 1, 12, 0, 0);
const before = (seconds: number): string => `${new Date(nowMs - seconds * 1000).toISOString().slice(0, 19)}Z`;

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, as short as the test allows.
function cells(kind: KindDefinition<any>, object: object): Record<string, unknown> {
  return Object.fromEntries(kind.columns.map((column) => [column.name, column.cell(object, nowMs)]));
}

type Status = Partial<V1ContainerStatus>;
const container = (name: string, status: Status): V1ContainerStatus => ({
  name,
  image: '',
  imageID: '',
  ready: false,
  restartCount: 0,
  ...status,
});

interface PodShape {
  readonly main?: readonly Status[];
  readonly init?: readonly Status[];
  readonly sidecar?: boolean;
  readonly phase?: string;
  readonly more?: Partial<V1Pod['status'] & object>;
  readonly deleted?: boolean;
}
function pod({ main = [], init = [], sidecar = false, phase = 'Running', more = {}, deleted = false }: PodShape): V1Pod {
  return {
    metadata: { name: 'p', creationTimestamp: before(90), ...(deleted ? { deletionTimestamp: before(1) } : {}) },
    spec: {
      containers: (main.length === 0 ? [{}] : main).map((_, i) => ({ name: `c${i}` })),
      initContainers: init.map((_, i) => ({ name: `i${i}`, ...(sidecar ? { restartPolicy: 'Always' } : {}) })),
    },
    status: {
      phase,
      containerStatuses: main.map((status, i) => container(`c${i}`, status)),
      initContainerStatuses: init.map((status, i) => container(`i${i}`, status)),
      ...more,
    },
  };
}

const running = { state: { running: {} }, ready: true };
const done = { state: { terminated: { exitCode: 0, reason: 'Completed' } } };
const waiting = (reason: string) => ({ state: { waiting: { reason } } });
const failed = (terminated: object) => ({ state: { terminated: { exitCode: 1, ...terminated } } });
const crashed = { restartCount: 3, lastState: { terminated: { exitCode: 1, finishedAt: before(300) } } };

describe('pods', () => {
  test.each<[string, PodShape, [string, string, string]]>([
    ['new', { phase: 'Pending' }, ['0/1', 'Pending', '0']],
    ['being created', { phase: 'Pending', main: [waiting('ContainerCreating')] }, ['0/1', 'ContainerCreating', '0']],
    ['running', { main: [running, running] }, ['2/2', 'Running', '0']],
    ['running after a crash', { main: [{ ...running, ...crashed }] }, ['1/1', 'Running', '3 (5m ago)']],
    ['crashing', { main: [{ ...waiting('CrashLoopBackOff'), ...crashed }] }, ['0/1', 'CrashLoopBackOff', '3 (5m ago)']],
    ['done', { phase: 'Succeeded', main: [done] }, ['0/1', 'Completed', '0']],
    ['half done', { main: [done, running] }, ['1/2', 'NotReady', '0']],
    ['half done and ready', { main: [done, running], more: { conditions: [{ type: 'Ready', status: 'True' }] } }, ['1/2', 'Running', '0']],
    ['failed', { phase: 'Failed', main: [failed({ reason: 'Error' })] }, ['0/1', 'Error', '0']],
    ['failed without a reason', { phase: 'Failed', main: [failed({ exitCode: 7 })] }, ['0/1', 'ExitCode:7', '0']],
    ['killed without a reason', { phase: 'Failed', main: [failed({ signal: 9 })] }, ['0/1', 'Signal:9', '0']],
    ['evicted', { phase: 'Failed', more: { reason: 'Evicted' } }, ['0/1', 'Evicted', '0']],
    ['initializing', { phase: 'Pending', init: [done, { state: { running: {} } }] }, ['0/1', 'Init:1/2', '0']],
    ['failing to initialize', { phase: 'Pending', init: [failed({ reason: 'Error' })] }, ['0/1', 'Init:Error', '0']],
    [
      'crashing at first',
      { phase: 'Pending', init: [{ ...waiting('CrashLoopBackOff'), ...crashed }] },
      ['0/1', 'Init:CrashLoopBackOff', '3 (5m ago)'],
    ],
    ['killed at first', { phase: 'Pending', init: [failed({ signal: 9 })] }, ['0/1', 'Init:Signal:9', '0']],
    ['initialized', { phase: 'Pending', init: [done], main: [waiting('PodInitializing')] }, ['0/1', 'PodInitializing', '0']],
    ['with a sidecar', { init: [{ ...running, started: true }], sidecar: true, main: [running] }, ['2/2', 'Running', '0']],
    ['ending', { main: [running], deleted: true }, ['1/1', 'Terminating', '0']],
    ['ended, and to go', { phase: 'Succeeded', main: [done], deleted: true }, ['0/1', 'Completed', '0']],
    ['on a lost node', { main: [running], deleted: true, more: { reason: 'NodeLost' } }, ['1/1', 'Unknown', '0']],
    [
      'gated',
      { phase: 'Pending', more: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] } },
      ['0/1', 'SchedulingGated', '0'],
    ],
  ])('%s', (_, shape, want) => {
    const { Ready, Status, Restarts, Age } = cells(pods, pod(shape));
    expect([Ready, Status, Restarts]).toEqual(want);
    expect(Age).toBe('90s');
  });

  test('the wide columns', () => {
    const bare = cells(pods, pod({}));
    expect([bare.IP, bare.Node, bare['Nominated Node'], bare['Readiness Gates']]).toEqual(['<none>', '<none>', '<none>', '<none>']);
    const full = pod({ more: { podIP: '10.0.0.1', conditions: [{ type: 'a', status: 'True' }] } });
    const gates = [{ conditionType: 'a' }, { conditionType: 'b' }];
    const wide = cells(pods, { ...full, spec: { ...full.spec, nodeName: 'n1', readinessGates: gates } });
    expect([wide.IP, wide.Node, wide['Readiness Gates']]).toEqual(['10.0.0.1', 'n1', '1/2']);
  });
});

test('nodes', () => {
  const node = {
    metadata: { name: 'n', labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' } },
    spec: { unschedulable: true },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: '10.0.0.9' }],
      nodeInfo: { kubeletVersion: 'v1.36.0', osImage: 'Debian' },
    },
  };
  expect(cells(nodes, node)).toMatchObject({
    Status: 'Ready,SchedulingDisabled',
    Roles: 'control-plane,worker',
    Version: 'v1.36.0',
    'Internal-IP': '10.0.0.9',
    'External-IP': '<none>',
    'OS-Image': 'Debian',
    'Kernel-Version': '<unknown>',
    Age: '<unknown>',
  });
  expect(cells(nodes, { metadata: {} })).toMatchObject({ Status: 'Unknown', Roles: '<none>' });
  expect(cells(nodes, { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } })).toMatchObject({ Status: 'NotReady' });
});

test('workloads', () => {
  const spec = {
    replicas: 3,
    selector: { matchLabels: { a: 'b' } },
    template: {
      spec: {
        containers: [
          { name: 'c', image: 'i' },
          { name: 'd', image: 'j' },
        ],
      },
    },
  };
  const status = { replicas: 2, readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 };
  const wide = { Containers: 'c,d', Images: 'i,j', Selector: 'a=b' };
  expect(cells(deployments, { spec, status })).toMatchObject({ Ready: '1/3', 'Up-to-date': 2, Available: 1, ...wide });
  expect(cells(replicasets, { spec, status })).toMatchObject({ Desired: 3, Current: 2, Ready: 1, ...wide });
});

test.each([
  [
    { type: 'ClusterIP', clusterIP: '10.96.0.1', ports: [{ port: 80, protocol: 'TCP' }], selector: { a: 'b' } },
    ['10.96.0.1', '<none>', '80/TCP', 'a=b'],
  ],
  [
    { type: 'NodePort', clusterIP: '1', ports: [{ port: 80, nodePort: 30000, protocol: 'UDP' }] },
    ['1', '<none>', '80:30000/UDP', '<none>'],
  ],
  [{ type: 'LoadBalancer', clusterIP: '1', ports: [] }, ['1', '<pending>', '<none>', '<none>']],
  [{ type: 'ExternalName', externalName: 'x.y' }, ['<none>', 'x.y', '<none>', '<none>']],
])('service %#', (spec, want) => {
  const { 'Cluster-IP': ip, 'External-IP': external, 'Port(s)': ports, Selector } = cells(services, { spec });
  expect([ip, external, ports, Selector]).toEqual(want);
});

test('addresses of services are cut off after three', () => {
  const ips = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'];
  const slice = { addressType: 'IPv4', endpoints: ips.map((ip) => ({ addresses: [ip] })), ports: [{ port: 80 }] };
  expect(cells(endpointslices, slice)).toMatchObject({ Ports: '80', Endpoints: '10.0.0.1,10.0.0.2,10.0.0.3 + 2 more...' });
  expect(cells(endpointslices, { addressType: 'IPv4', endpoints: [] })).toMatchObject({ Ports: '<unset>', Endpoints: '<unset>' });
  const subsets = [{ addresses: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }], ports: [{ port: 80 }] }];
  expect(cells(endpoints, { subsets })).toMatchObject({ Endpoints: '10.0.0.1:80,[fd00::1]:80' });
  expect(cells(endpoints, {})).toMatchObject({ Endpoints: '<none>' });
});

test('events, old and new', () => {
  const involvedObject = { kind: 'Pod', name: 'p', fieldPath: 'spec.containers{c}' };
  const old = {
    involvedObject,
    type: 'Normal',
    reason: 'Pulled',
    message: ' m\n',
    count: 4,
    firstTimestamp: before(600),
    lastTimestamp: before(5),
  };
  expect(cells(events, { ...old, source: { component: 'kubelet', host: 'n1' } })).toMatchObject({
    'Last Seen': '5s',
    'First Seen': '10m',
    Object: 'pod/p',
    Subobject: 'spec.containers{c}',
    Source: 'kubelet, n1',
    Message: 'm',
    Count: 4,
  });
  const next = {
    involvedObject: { kind: 'Node' },
    eventTime: before(60),
    firstTimestamp: null,
    lastTimestamp: null,
    reportingComponent: 's',
  };
  expect(cells(events, next)).toMatchObject({ 'Last Seen': '60s', 'First Seen': '60s', Object: 'node', Source: 's', Count: 1 });
});
