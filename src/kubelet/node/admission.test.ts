import { describe, expect, test } from 'vitest';
import type { V1Container, V1Pod, V1PodSpec } from '../../api/mod.ts';
import { aContainer, aPod } from '../pod/plan.fake.ts';
import { type AdmissionInput, admit } from './admission.ts';
import { podAmounts, podLimit } from './pod-amounts.ts';

const asking = (cpu: string, memory: string, more: Partial<V1Container> = {}) =>
  aContainer('app', { resources: { requests: { cpu, memory } }, ...more });
const input = (pod: V1Pod, more: Partial<AdmissionInput> = {}): AdmissionInput => ({
  pod,
  others: [],
  nodeName: 'n1',
  labels: { zone: 'a', size: '4' },
  allocatable: { cpu: '2', memory: '1Gi', pods: '3' },
  pressures: [],
  security: { appArmor: false, supplementalGroupsPolicy: false, allowedUnsafeSysctls: [] },
  ...more,
});
const port = (hostPort: number, more: object = {}) =>
  aPod({ containers: [aContainer('app', { ports: [{ containerPort: 80, hostPort, ...more }] })] });
const affinity = (key: string, operator: string, values?: string[]): Partial<V1PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key, operator, ...(values ? { values } : {}) }] }],
      },
    },
  },
});
const noFit = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";

describe('admission on the node', () => {
  test.each([
    ['a pod that fits', input(aPod({ containers: [asking('2', '1Gi')] })), undefined],
    [
      'too much cpu',
      input(aPod({ containers: [asking('2500m', '1')] })),
      ['OutOfcpu', "Node didn't have enough resource: cpu, requested: 2500, used: 0, capacity: 2000"],
    ],
    [
      'too much memory with the others',
      input(aPod({ containers: [asking('1', '600Mi')] }), { others: [aPod({ containers: [asking('0', '600Mi')] })] }),
      ['OutOfmemory', "Node didn't have enough resource: memory, requested: 629145600, used: 629145600, capacity: 1073741824"],
    ],
    [
      'one too many',
      input(aPod(), { others: [aPod(), aPod(), aPod()] }),
      ['OutOfpods', "Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3"],
    ],
    [
      'a resource that the node has never heard of',
      input(aPod({ containers: [aContainer('app', { resources: { requests: { 'example.com/gpu': '1' } } })] })),
      undefined,
    ],
    [
      'a resource of its own that is taken',
      input(aPod({ containers: [aContainer('app', { resources: { requests: { 'example.com/gpu': '1' } } })] }), {
        allocatable: { cpu: '2', memory: '1Gi', pods: '3', 'example.com/gpu': '0' },
      }),
      ['OutOfexample.com/gpu', "Node didn't have enough resource: example.com/gpu, requested: 1, used: 0, capacity: 0"],
    ],
    ['a node selector that fits', input(aPod({ nodeSelector: { zone: 'a' } })), undefined],
    ['a node selector that does not', input(aPod({ nodeSelector: { zone: 'b' } })), ['NodeAffinity', noFit]],
    ['affinity: In', input(aPod(affinity('zone', 'In', ['a', 'b']))), undefined],
    ['affinity: NotIn', input(aPod(affinity('zone', 'NotIn', ['a']))), ['NodeAffinity', noFit]],
    ['affinity: Exists', input(aPod(affinity('disk', 'Exists'))), ['NodeAffinity', noFit]],
    ['affinity: DoesNotExist', input(aPod(affinity('disk', 'DoesNotExist'))), undefined],
    ['affinity: Gt', input(aPod(affinity('size', 'Gt', ['3']))), undefined],
    ['affinity: Lt', input(aPod(affinity('size', 'Lt', ['3']))), ['NodeAffinity', noFit]],
    ['a free port', input(port(80), { others: [port(81), port(80, { protocol: 'UDP' })] }), undefined],
    [
      'a port that is taken',
      input(port(80), { others: [port(80, { hostIP: '10.0.0.1' })] }),
      ['NodePorts', "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"],
    ],
    ['a port of another address', input(port(80, { hostIP: '10.0.0.2' }), { others: [port(80, { hostIP: '10.0.0.1' })] }), undefined],
    [
      'memory pressure, nothing asked for',
      input(aPod(), { pressures: ['MemoryPressure'] }),
      ['Evicted', 'The node had condition: [MemoryPressure]. '],
    ],
    ['memory pressure, memory asked for', input(aPod({ containers: [asking('1', '1Mi')] }), { pressures: ['MemoryPressure'] }), undefined],
    [
      'disk pressure',
      input(aPod({ containers: [asking('1', '1Mi')] }), { pressures: ['DiskPressure'] }),
      ['Evicted', 'The node had condition: [DiskPressure]. '],
    ],
    ['disk pressure, a critical pod', input(aPod({ priority: 2_000_001_000 }), { pressures: ['DiskPressure'] }), undefined],
  ])('%s', (_name, of, expected) => {
    const refused = admit(of);
    expect(refused && [refused.reason, refused.message]).toEqual(expected);
  });
});

describe('what a pod asks for', () => {
  test('init containers run one by one beside the sidecars before them', () => {
    const pod = aPod({
      initContainers: [asking('1', '10Mi', { name: 'side', restartPolicy: 'Always' }), asking('3', '1Mi', { name: 'init' })],
      containers: [asking('1', '5Mi'), asking('1', '5Mi', { name: 'b' })],
    });
    expect(Object.fromEntries(podAmounts(pod, 'requests'))).toEqual({ cpu: 4000, memory: 20 * 1024 ** 2 });
  });

  test("pod-level amounts replace the containers', and overhead comes on top", () => {
    const pod = aPod({ containers: [asking('1', '5Mi')], resources: { requests: { cpu: '2' } }, overhead: { cpu: '250m' } });
    expect(podAmounts(pod, 'requests').get('cpu')).toBe(2250);
  });

  test('a pod is limited when all its containers are, or the pod itself', () => {
    const limited = aContainer('app', { resources: { limits: { memory: '1Mi' } } });
    expect(podLimit(aPod({ containers: [limited] }), 'memory')).toBe(1024 ** 2);
    expect(podLimit(aPod({ containers: [limited, aContainer('b')] }), 'memory')).toBeUndefined();
    expect(podLimit(aPod({ containers: [aContainer('b')], resources: { limits: { cpu: '1' } } }), 'cpu')).toBe(1000);
  });
});
