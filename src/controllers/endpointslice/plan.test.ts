// Which endpoints a service has, and how few writes bring them into slices.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Persisted, V1EndpointSlice, V1Pod, V1Service, V1ServiceSpec } from '../../api/mod.ts';
import { nodeOf, podOf } from '../runtime/world.fake.ts';
import { endpointsPerSliceMax, planSlices } from './plan.ts';
import type { SlicePlan } from './spread.ts';

const service = (spec: V1ServiceSpec = {}, labels: Record<string, string> = {}): Persisted<V1Service> => ({
  metadata: { name: 'web', namespace: 'default', uid: 's', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z', labels },
  spec: { ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }], ...spec },
});

interface Traits {
  readonly ip?: string;
  readonly ready?: boolean;
  readonly leaving?: boolean;
  readonly phase?: string;
  readonly port?: number;
  readonly more?: Partial<V1Pod['spec']>;
}

function pod(name: string, traits: Traits = {}): Persisted<V1Pod> {
  const { ip = '10.0.0.1', ready = true, leaving = false, phase = 'Running', port = 9000, more = {} } = traits;
  return podOf(name, {
    metadata: leaving ? { deletionTimestamp: '2026-01-01T01:00:00Z' } : {},
    spec: { containers: [{ name: 'c', ports: [{ name: 'named', containerPort: port }] }], nodeName: 'n1', ...more },
    status: {
      phase,
      ...(ip === '' ? {} : { podIP: ip.split(',')[0], podIPs: ip.split(',').map((one) => ({ ip: one })) }),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: '2026-01-01T00:30:00Z' }],
    },
  });
}

const plan = (of: Persisted<V1Service>, pods: Persisted<V1Pod>[], slices: Persisted<V1EndpointSlice>[] = []) =>
  planSlices({ service: of, pods, slices, nodeOf: () => nodeOf('n1', { metadata: { labels: { 'topology.kubernetes.io/zone': 'z1' } } }) });

let made = 0;
/** The slices after the plan has been carried out. */
function carriedOut(slices: Persisted<V1EndpointSlice>[], { create, update, delete: gone }: SlicePlan): Persisted<V1EndpointSlice>[] {
  const stay = slices
    .filter((slice) => !gone.includes(slice))
    .map((slice) => update.find((one) => one.metadata.uid === slice.metadata.uid) ?? slice);
  const fresh = create.map(
    (slice) =>
      ({
        ...slice,
        metadata: { ...slice.metadata, name: `web-${++made}`, uid: `u${made}`, resourceVersion: '1' },
      }) as Persisted<V1EndpointSlice>,
  );
  return [...stay, ...fresh];
}

describe('endpoints', () => {
  test('say all that is known of the pod', () => {
    const [slice] = plan(service({}, { team: 'a' }), [pod('p')]).create;
    expect(slice).toMatchObject({
      metadata: {
        generateName: 'web-',
        labels: {
          team: 'a',
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T00:30:00Z' },
        ownerReferences: [{ kind: 'Service', name: 'web', controller: true }],
      },
      addressType: 'IPv4',
      ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
      endpoints: [
        {
          addresses: ['10.0.0.1'],
          conditions: { ready: true, serving: true, terminating: false },
          nodeName: 'n1',
          zone: 'z1',
          targetRef: { kind: 'Pod', namespace: 'default', name: 'p', uid: 'uid-p' },
        },
      ],
    });
  });

  test.each<[string, Traits, V1ServiceSpec, object]>([
    ['ready', {}, {}, { ready: true, serving: true, terminating: false }],
    ['not ready', { ready: false }, {}, { ready: false, serving: false, terminating: false }],
    ['going away but still serving', { leaving: true }, {}, { ready: false, serving: true, terminating: true }],
    [
      'published though not ready',
      { ready: false },
      { publishNotReadyAddresses: true },
      { ready: true, serving: false, terminating: false },
    ],
  ])('conditions: %s', (_, traits, spec, conditions) => {
    expect(plan(service(spec), [pod('p', traits)]).create[0]?.endpoints?.[0]?.conditions).toEqual(conditions);
  });

  test.each<[string, Traits]>([
    ['has no address', { ip: '' }],
    ['failed', { phase: 'Failed' }],
    ['is done', { phase: 'Succeeded' }],
  ])('a pod that %s has none: one empty slice stands for them', (_, traits) => {
    expect(plan(service(), [pod('p', traits)]).create).toMatchObject([{ endpoints: [], ports: [] }]);
  });

  test.each<[string | undefined, object | undefined]>([
    [undefined, undefined],
    ['PreferClose', { forZones: [{ name: 'z1' }] }],
    ['PreferSameZone', { forZones: [{ name: 'z1' }] }],
    ['PreferSameNode', { forNodes: [{ name: 'n1' }], forZones: [{ name: 'z1' }] }],
  ])('hints of the traffic distribution %s, for what is ready', (trafficDistribution, hints) => {
    const of = service(trafficDistribution === undefined ? {} : { trafficDistribution });
    const { create } = plan(of, [pod('a'), pod('b', { ip: '10.0.0.2', ready: false })]);
    expect(create[0]?.endpoints?.map((endpoint) => endpoint.hints)).toEqual([hints, undefined]);
    const plain = carriedOut([], plan(service(), [pod('a')]));
    expect(plan(of, [pod('a')], plain).update.map((slice) => slice.endpoints?.[0]?.hints)).toEqual(hints ? [hints] : []);
  });

  test('a named port is looked up in each pod; pods with other numbers have slices of their own', () => {
    const of = service({ ports: [{ name: 'http', port: 80, targetPort: 'named' }] });
    const { create } = plan(of, [pod('a', { port: 9000 }), pod('b', { port: 9001, ip: '10.0.0.2' })]);
    expect(create.map((slice) => slice.ports?.[0]?.port)).toEqual([9000, 9001]);
  });

  test('a port of a sidecar counts, one that no container has is left out', () => {
    const of = service({
      ports: [
        { port: 80, targetPort: 'side' },
        { name: 'x', port: 81, targetPort: 'nope' },
      ],
    });
    const initContainers = [{ name: 's', restartPolicy: 'Always', ports: [{ name: 'side', containerPort: 7 }] }];
    const { create } = plan(of, [pod('a', { more: { initContainers } })]);
    expect(create[0]?.ports).toEqual([{ name: '', port: 7, protocol: 'TCP' }]);
  });

  test('both families of a dual-stack service, a hostname, and the mark of a headless one', () => {
    const of = service({ ipFamilies: ['IPv4', 'IPv6'], clusterIP: 'None' });
    const { create } = plan(of, [pod('a', { ip: '10.0.0.1,fd00::1', more: { hostname: 'h', subdomain: 'web' } })]);
    expect(create.map((slice) => [slice.addressType, slice.endpoints?.[0]?.addresses[0], slice.endpoints?.[0]?.hostname])).toEqual([
      ['IPv4', '10.0.0.1', 'h'],
      ['IPv6', 'fd00::1', 'h'],
    ]);
    expect(create[0]?.metadata?.labels).toHaveProperty(['service.kubernetes.io/headless'], '');
  });
});

describe('spreading', () => {
  const many = (count: number, from = 0) =>
    Array.from({ length: count }, (_, i) => pod(`p${from + i}`, { ip: `10.0.${(from + i) >> 8}.${(from + i) & 255}` }));
  const sizes = (slices: readonly V1EndpointSlice[]) => slices.map((slice) => slice.endpoints?.length ?? 0);

  test('fills slices of a hundred, and adds to the one that has room', () => {
    const first = carriedOut([], plan(service(), many(250)));
    expect(sizes(first)).toEqual([100, 100, 50]);
    const next = plan(service(), many(260), first);
    expect([next.create.length, sizes(next.update), next.delete.length]).toEqual([0, [60], 0]);
  });

  test('a pod that goes and one that comes cost one write', () => {
    const first = carriedOut([], plan(service(), many(200)));
    const next = plan(service(), [...many(199), ...many(1, 300)], first);
    expect([next.create.length, next.update.length, next.delete.length]).toEqual([0, 1, 0]);
  });

  test('nothing is written when nothing changes', () => {
    const slices = carriedOut([], plan(service(), many(5)));
    expect(plan(service(), many(5).reverse(), slices)).toEqual({ create: [], update: [], delete: [] });
    const none = carriedOut([], plan(service(), []));
    expect(plan(service(), [], none)).toEqual({ create: [], update: [], delete: [] });
  });

  test('the placeholder goes when endpoints come, and comes when they go', () => {
    const none = carriedOut([], plan(service(), []));
    const some = plan(service(), many(1), none);
    expect([sizes(some.create), some.delete.length]).toEqual([[1], 1]);
    const back = plan(service(), [], carriedOut(none, some));
    expect([sizes(back.create), back.delete.length]).toEqual([[0], 1]);
  });

  test('a label of the service reaches its slices', () => {
    const slices = carriedOut([], plan(service(), many(1)));
    expect(plan(service({}, { a: 'b' }), many(1), slices).update[0]?.metadata.labels).toHaveProperty('a', 'b');
  });

  test('every pod is in exactly one slice after any history', () => {
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(fc.nat(400), { maxLength: 260 }), { minLength: 1, maxLength: 6 }), (history) => {
        let slices: Persisted<V1EndpointSlice>[] = [];
        for (const ids of history) {
          slices = carriedOut(
            slices,
            plan(
              service(),
              ids.map((id) => many(1, id)[0] as Persisted<V1Pod>),
              slices,
            ),
          );
          const found = slices.flatMap((slice) => (slice.endpoints ?? []).map((endpoint) => endpoint.targetRef?.name));
          if (found.length !== ids.length || new Set(found).size !== ids.length) return false;
          if (slices.length === 0 || slices.some((slice) => (slice.endpoints?.length ?? 0) > endpointsPerSliceMax)) return false;
        }
        return true;
      }),
      { numRuns: 30 },
    );
  });
});
