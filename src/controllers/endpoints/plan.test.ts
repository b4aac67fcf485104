// The old form of a service's endpoints: subsets by ports, ready and not, within its bound.
import { describe, expect, test } from 'vitest';
import type { Persisted, V1Endpoints, V1Pod, V1Service, V1ServiceSpec } from '../../api/mod.ts';
import { podOf } from '../runtime/world.fake.ts';
import { planEndpoints } from './plan.ts';

const service = (spec: V1ServiceSpec = {}): Persisted<V1Service> => ({
  metadata: {
    name: 'web',
    namespace: 'default',
    uid: 's',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { team: 'a' },
  },
  spec: { ports: [{ port: 80, targetPort: 'p', protocol: 'TCP' }], ...spec },
});

const pod = (name: string, ip: string, { ready = true, port = 8080, leaving = false } = {}): Persisted<V1Pod> =>
  podOf(name, {
    metadata: leaving ? { deletionTimestamp: '2026-01-01T01:00:00Z' } : {},
    spec: { containers: [{ name: 'c', ports: [{ name: 'p', containerPort: port }] }], nodeName: 'n1' },
    status: { phase: 'Running', podIP: ip, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  });

const standingOf = (object: V1Endpoints): Persisted<V1Endpoints> =>
  ({ ...object, metadata: { ...object.metadata, uid: 'e', resourceVersion: '1', creationTimestamp: 'x' } }) as Persisted<V1Endpoints>;

const said = (object: V1Endpoints) =>
  (object.subsets ?? []).map(
    ({ addresses = [], notReadyAddresses = [], ports = [] }) =>
      `${addresses.map(({ ip }) => ip).join()}|${notReadyAddresses.map(({ ip }) => ip).join()}|${ports.map(({ port }) => port).join()}`,
  );

describe('planEndpoints', () => {
  test('one subset for each set of ports, addresses in order, the ready apart', () => {
    const pods = [pod('b', '10.0.0.2'), pod('a', '10.0.0.1'), pod('c', '10.0.0.3', { ready: false }), pod('d', '10.0.0.4', { port: 9 })];
    const object = planEndpoints({ service: service(), pods, standing: undefined });
    expect(said(object)).toEqual(['10.0.0.1,10.0.0.2|10.0.0.3|8080', '10.0.0.4||9']);
    expect(object.subsets?.[0]?.addresses?.[0]).toEqual({
      ip: '10.0.0.1',
      nodeName: 'n1',
      targetRef: { kind: 'Pod', namespace: 'default', name: 'a', uid: 'uid-a' },
    });
    expect(object.subsets?.[0]?.ports).toEqual([{ port: 8080, protocol: 'TCP' }]);
    expect(object.metadata?.labels).toEqual({ team: 'a', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' });
  });

  test.each([
    ['pods that are going away have none', {}, []],
    ['unless all are published', { publishNotReadyAddresses: true }, ['10.0.0.1||8080']],
  ])('%s', (_, spec, expected) => {
    expect(said(planEndpoints({ service: service(spec), pods: [pod('a', '10.0.0.1', { leaving: true })], standing: undefined }))).toEqual(
      expected,
    );
  });

  test('a headless service without ports has addresses alone; a pod without the wanted port has none', () => {
    const headless = planEndpoints({
      service: service({ ports: [], clusterIP: 'None' }),
      pods: [pod('a', '10.0.0.1')],
      standing: undefined,
    });
    expect(said(headless)).toEqual(['10.0.0.1||']);
    expect(headless.metadata?.labels).toHaveProperty(['service.kubernetes.io/headless'], '');
    const other = service({ ports: [{ port: 80, targetPort: 'nope' }] });
    expect(said(planEndpoints({ service: other, pods: [pod('a', '10.0.0.1')], standing: undefined }))).toEqual([]);
  });

  test('gives the same object when nothing changes', () => {
    const pods = [pod('a', '10.0.0.1'), pod('b', '10.0.0.2')];
    const standing = standingOf(planEndpoints({ service: service(), pods, standing: undefined }));
    expect(planEndpoints({ service: service(), pods: [...pods].reverse(), standing })).toBe(standing);
    expect(planEndpoints({ service: service(), pods: pods.slice(1), standing })).not.toBe(standing);
  });

  test('holds a thousand addresses, the ready ones first, and says when there are more', () => {
    const many = (count: number, ready: boolean, from: number) =>
      Array.from({ length: count }, (_, i) => pod(`p${from + i}`, `10.1.${(from + i) >> 8}.${(from + i) & 255}`, { ready }));
    const object = planEndpoints({ service: service(), pods: [...many(300, false, 0), ...many(900, true, 300)], standing: undefined });
    expect([object.subsets?.[0]?.addresses?.length, object.subsets?.[0]?.notReadyAddresses?.length]).toEqual([900, 100]);
    expect(object.metadata?.annotations).toHaveProperty(['endpoints.kubernetes.io/over-capacity'], 'truncated');
    const fewer = planEndpoints({ service: service(), pods: many(5, true, 0), standing: standingOf(object) });
    expect(fewer.metadata?.annotations).not.toHaveProperty(['endpoints.kubernetes.io/over-capacity']);
  });
});
