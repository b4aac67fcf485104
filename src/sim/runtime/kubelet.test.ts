import { afterEach, describe, expect, test } from 'vitest';
import type { V1Node, V1Pod } from '../../api/mod.ts';
import { createNoStorage, type EvictionPorts, noLocalUse } from '../../kubelet/mod.ts';
import { container, createTestNode, isReady, type TestNode, testPod } from './node.fake.ts';

let node: TestNode | undefined;
afterEach(async () => {
  await node?.stop();
  expect(node?.clock.timers ?? 0).toBe(node ? [...node.runtime.containers.values()].filter((one) => one.timer).length : 0);
  node = undefined;
});
const begin = (options: Parameters<typeof createTestNode>[0] = {}): TestNode => {
  node = createTestNode(options);
  return node;
};
const reasons = (of: TestNode) => of.api.events.filter((event) => event.object !== 'n1').map((event) => event.reason);

describe('a pod on a simulated node', () => {
  test('comes up, is ready, and is reported with its address', async () => {
    const { api, until } = begin();
    api.put('pods', testPod('web'));
    await until('ready', () => isReady(api.pod('web')));
    const { status } = api.pod('web') as V1Pod;
    expect(status?.phase).toBe('Running');
    expect(status?.podIP).toBe('10.0.0.2');
    expect(status?.hostIPs).toEqual([{ ip: '192.168.1.10' }]);
    expect(status?.qosClass).toBe('BestEffort');
    expect(status?.containerStatuses?.[0]).toMatchObject({ name: 'app', ready: true, started: true, restartCount: 0 });
    expect(status?.containerStatuses?.[0]?.containerID).toMatch(/^containerd:\/\/[0-9a-f]{64}$/);
    expect(reasons(node as TestNode)).toEqual(['Pulled', 'Created', 'Started']);
    expect(api.events.at(-1)?.message).toBe('Container started');
  });

  test('takes little time over what the runtime takes, and few writes', async () => {
    const { api, until, clock } = begin();
    await clock.advance(1000);
    const beganMs = clock.monotonicMs();
    api.put('pods', testPod('web'));
    await until('ready', () => isReady(api.pod('web')));
    expect(clock.monotonicMs() - beganMs).toBeLessThanOrEqual(40);
    const writes = api.statusWrites;
    await clock.advance(9000);
    expect(api.statusWrites - writes).toBeLessThanOrEqual(1);
  });

  test('is written of twice on its way to Ready, and its volumes are set up once', async () => {
    const storage = createNoStorage();
    let setUps = 0;
    const volumes: typeof storage.volumes = (references) => ({
      ...storage.volumes(references),
      async setUp() {
        setUps++;
        return {};
      },
    });
    const { api, until, clock } = begin({ kubelet: { storage: { ...storage, volumes } } });
    await clock.advance(1000);
    const writes = api.statusWrites;
    api.put('pods', { ...testPod('web'), metadata: { ...testPod('web').metadata, labels: { app: 'web' } } });
    await until('ready', () => isReady(api.pod('web')));
    expect(api.statusWrites - writes).toBe(2);
    // What comes over the wire shares nothing with what was there before.
    api.put('pods', structuredClone(api.pod('web')) as V1Pod);
    await clock.advance(60_000);
    expect(setUps).toBe(1);
    const { metadata, ...rest } = structuredClone(api.pod('web')) as V1Pod;
    api.put('pods', { ...rest, metadata: { ...metadata, labels: { app: 'other' } } });
    await clock.advance(1000);
    expect(setUps).toBe(2);
  });

  test('runs init containers in order, then the others', async () => {
    const { api, until, runtime } = begin();
    const spec = { initContainers: [container('one'), container('two')], containers: [container('a'), container('b')] };
    api.put('pods', testPod('web', spec));
    await until('ready', () => isReady(api.pod('web')));
    const started = [...runtime.containers.values()].sort((a, b) => a.startedAtMs - b.startedAtMs).map((one) => one.name);
    expect(started).toEqual(['one', 'two', 'a', 'b']);
    const ends = [...runtime.containers.values()].filter((one) => one.state === 'exited').map((one) => one.finishedAtMs);
    const two = [...runtime.containers.values()].find((one) => one.name === 'two');
    expect(two?.createdAtMs).toBeGreaterThanOrEqual(ends[0] ?? Number.NaN);
    expect(api.pod('web')?.status?.initContainerStatuses?.map((one) => [one.ready, one.state?.terminated?.reason])).toEqual([
      [true, 'Completed'],
      [true, 'Completed'],
    ]);
  });

  test('starts a sidecar before the main container and stops it after', async () => {
    const { api, until, runtime } = begin();
    const spec = { restartPolicy: 'Never', initContainers: [container('log', { restartPolicy: 'Always' })] };
    api.put('pods', testPod('job', spec, { 'sim.minke.dev/run-ms.app': '5000' }));
    await until('running', () => isReady(api.pod('job')));
    await until('succeeded', () => node?.phase('job') === 'Succeeded');
    const [log, app] = ['log', 'app'].map((name) => [...runtime.containers.values()].find((one) => one.name === name));
    expect(log?.startedAtMs).toBeLessThan(app?.startedAtMs ?? 0);
    expect(log?.finishedAtMs).toBeGreaterThan(app?.finishedAtMs ?? 0);
    await until('sandbox stopped', () => [...runtime.sandboxes.values()].every((one) => one.state === 'notReady'));
  });

  test('crashes: back-off of 10 s doubling, CrashLoopBackOff, restart counts', async () => {
    const { api, until, clock, runtime } = begin();
    api.put('pods', testPod('bad', {}, { 'sim.minke.dev/run-ms': '100', 'sim.minke.dev/exit-code': '3' }));
    await until('first crash loop', () => api.pod('bad')?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff');
    const status = api.pod('bad')?.status?.containerStatuses?.[0];
    const uid = api.pod('bad')?.metadata.uid;
    expect(status?.state?.waiting?.message).toBe(`back-off 10s restarting failed container=app pod=bad_default(${uid})`);
    expect(status?.lastState?.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
    expect(status?.restartCount).toBe(1);
    const starts: number[] = [];
    const seen = new Set<string>();
    await clock.advanceUntil(() => {
      for (const one of runtime.containers.values()) {
        if (one.startedAtMs > 0 && !seen.has(one.id)) {
          seen.add(one.id);
          starts.push(one.startedAtMs);
        }
      }
      return seen.size >= 8;
    }, 3_600_000);
    const gaps = starts.slice(1).map((at, i) => Math.round((at - (starts[i] ?? 0)) / 1000));
    expect(gaps).toEqual([0, 10, 20, 40, 80, 160, 300]);
    expect(runtime.containers.size).toBeLessThanOrEqual(3);
    expect(reasons(node as TestNode)).toContain('BackOff');
  });

  test('is killed and restarted when its liveness probe fails', async () => {
    const { api, until } = begin();
    const livenessProbe = { exec: { command: ['check'] }, periodSeconds: 5, failureThreshold: 3 };
    api.put('pods', testPod('sick', { containers: [container('app', { livenessProbe })] }, { 'sim.minke.dev/exec-exit': '1' }));
    await until('restarted', () => (api.pod('sick')?.status?.containerStatuses?.[0]?.restartCount ?? 0) >= 1);
    const told = api.events.filter((event) => event.object === 'sick').map((event) => event.message);
    expect(told).toContain('Container app failed liveness probe, will be restarted');
    const killed = told.findIndex((message) => message.startsWith('Container app failed'));
    expect(told.slice(0, killed).filter((message) => message.startsWith('Liveness probe failed'))).toHaveLength(3);
  });

  test('is ready when its readiness probe says so', async () => {
    const { api, until, clock } = begin();
    const readinessProbe = { httpGet: { port: 80, path: '/healthz' }, periodSeconds: 10 };
    api.put('pods', testPod('slow', { containers: [container('app', { readinessProbe })] }, { 'sim.minke.dev/ready-ms': '25000' }));
    await until('running', () => node?.phase('slow') === 'Running');
    expect(isReady(api.pod('slow'))).toBe(false);
    expect(api.pod('slow')?.status?.conditions?.find((one) => one.type === 'Ready')).toMatchObject({
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [app]',
    });
    const beganMs = clock.nowMs();
    await until('ready', () => isReady(api.pod('slow')));
    expect(clock.nowMs() - beganMs).toBeGreaterThanOrEqual(24_000);
    expect(
      api.events.some((event) =>
        event.message.startsWith('Readiness probe failed: Get "http://10.0.0.2:80/healthz": dial tcp 10.0.0.2:80'),
      ),
    ).toBe(true);
  });

  test('is deleted: containers stop within the grace, the API object goes last, nothing is left', async () => {
    const { api, until, runtime } = begin();
    api.put('pods', testPod('web', { containers: [container('a'), container('b')] }, { 'sim.minke.dev/stop-ms': '2000' }));
    await until('ready', () => isReady(api.pod('web')));
    api.deletePod('web', 30);
    await until('gone', () => api.pod('web') === undefined);
    expect([...runtime.containers.values()].every((one) => one.state === 'exited' && one.exitCode === 143)).toBe(true);
    await until('no records', () => runtime.sandboxes.size + runtime.containers.size === 0);
    expect(reasons(node as TestNode).filter((reason) => reason === 'Killing')).toHaveLength(2);
  });

  test('is killed at the end of its grace, which a second delete may shorten', async () => {
    const { api, until, clock, runtime } = begin();
    api.put('pods', testPod('deaf', {}, { 'sim.minke.dev/stop-ms': '1000000' }));
    await until('ready', () => isReady(api.pod('deaf')));
    const beganMs = clock.nowMs();
    api.deletePod('deaf', 300);
    await clock.advance(5000);
    api.deletePod('deaf', 10);
    await until('gone', () => api.pod('deaf') === undefined);
    expect(clock.nowMs() - beganMs).toBeLessThan(12_000);
    expect([...runtime.containers.values()].every((one) => one.exitCode === 137)).toBe(true);
  });

  test('is taken down when it vanishes from the API', async () => {
    const { api, until, runtime } = begin();
    api.put('pods', testPod('web'));
    await until('ready', () => isReady(api.pod('web')));
    api.deletePod('web', 0);
    await until('no records', () => runtime.sandboxes.size + runtime.containers.size === 0, 60_000);
  });

  test('is refused by the node when it does not fit, and keeps that for good', async () => {
    const { api, until, stop, start, clock, runtime } = begin();
    const resources = { requests: { cpu: '3' } };
    api.put('pods', testPod('one', { containers: [container('app', { resources })] }));
    await until('ready', () => isReady(api.pod('one')));
    api.put('pods', testPod('two', { containers: [container('app', { resources })] }));
    await until('refused', () => node?.phase('two') === 'Failed');
    const message = "Node didn't have enough resource: cpu, requested: 3000, used: 3000, capacity: 4000";
    expect(api.pod('two')?.status).toMatchObject({ reason: 'OutOfcpu', message: `Pod was rejected: ${message}` });
    expect(api.pod('two')?.status?.containerStatuses).toBeUndefined();
    expect(api.events.filter((event) => event.object === 'two')).toMatchObject([{ type: 'Warning', reason: 'OutOfcpu', message }]);
    await stop();
    start();
    await clock.advance(60_000);
    expect(api.pod('two')?.status?.reason).toBe('OutOfcpu');
    expect(isReady(api.pod('one'))).toBe(true);
    expect(runtime.containers.size).toBe(1);
    api.deletePod('one', 5);
    await until('gone', () => api.pod('one') === undefined);
    api.put('pods', testPod('three', { containers: [container('app', { resources })] }));
    await until('ready', () => isReady(api.pod('three')));
  });

  test('has its latest labels in its volumes, though they change while the volumes are written', async () => {
    const written: (string | undefined)[] = [];
    const volumes = {
      setUp: async (pod: V1Pod) => {
        const label = pod.metadata?.labels?.tier;
        await new Promise<void>((resolve) => void node?.clock.after(500, resolve));
        written.push(label);
        return {};
      },
      tearDown: async () => {},
      mountImage: async () => {},
      mountsOf: async () => [],
      devicesOf: async () => [],
    };
    const { api, until, advance } = begin({ kubelet: { storage: { ...createNoStorage(), volumes: () => volumes } } });
    const relabel = (tier: string) => {
      const pod = api.pod('web') ?? testPod('web');
      api.put('pods', { ...pod, metadata: { ...pod.metadata, labels: { tier } } });
    };
    relabel('zero');
    await advance(100);
    relabel('one');
    await until('ready', () => isReady(api.pod('web')));
    await until('one', () => written.at(-1) === 'one', 5000);
    relabel('two');
    await advance(100);
    relabel('three');
    await until('three', () => written.at(-1) === 'three', 5000);
    await advance(60_000);
    expect(written).toEqual(['zero', 'one', 'two', 'three']);
  });

  test('has its resources changed in place, now or when there is room, without a restart', async () => {
    const { api, until, clock, stop, start, runtime } = begin();
    const of = (cpu: string) => [container('app', { resources: { requests: { cpu } } })];
    const resize = (cpu: string) => {
      const pod = api.pod('web');
      if (pod?.spec) api.put('pods', { ...pod, spec: { ...pod.spec, containers: of(cpu) } });
    };
    const told = () => api.pod('web')?.status;
    const condition = (type: string) => told()?.conditions?.find((one) => one.type === type);
    api.put('pods', testPod('other', { containers: of('2') }));
    api.put('pods', testPod('web', { containers: of('1') }));
    await until('ready', () => isReady(api.pod('web')) && isReady(api.pod('other')));
    expect(told()?.containerStatuses?.[0]).toMatchObject({ resources: { requests: { cpu: '1' } }, allocatedResources: { cpu: '1' } });
    resize('2');
    await until('resized', () => told()?.containerStatuses?.[0]?.resources?.requests?.cpu === '2', 10_000);
    await until('no condition', () => condition('PodResizeInProgress') === undefined, 1000);
    resize('3');
    await until('deferred', () => condition('PodResizePending')?.reason === 'Deferred', 10_000);
    expect(condition('PodResizePending')?.message).toBe(
      "Node didn't have enough resource: cpu, requested: 3000, used: 2000, capacity: 4000",
    );
    expect(told()?.containerStatuses?.[0]?.resources?.requests?.cpu).toBe('2');
    await stop();
    start();
    await clock.advance(20_000);
    expect(condition('PodResizePending')?.reason).toBe('Deferred');
    api.deletePod('other', 1);
    await until('resized', () => told()?.containerStatuses?.[0]?.resources?.requests?.cpu === '3', 30_000);
    expect(condition('PodResizePending')).toBeUndefined();
    resize('5');
    await until('infeasible', () => condition('PodResizePending')?.reason === 'Infeasible', 10_000);
    expect(told()?.containerStatuses?.[0]?.restartCount).toBe(0);
    expect([...runtime.containers.values()].filter((one) => one.name === 'app')).toHaveLength(1);
  });

  test.each(['Always', 'Never'])(
    'gets its new image at once, with restart policy %s, and is never said to have ended',
    async (restartPolicy) => {
      const { api, until, clock } = begin();
      const images: (string | undefined)[] = [];
      const phases = new Set<string | undefined>();
      let ended = false;
      const of = (image: string) => [container('app', { image })];
      api.put('pods', testPod('web', { restartPolicy, containers: of('minke.local/tools') }));
      await until('ready', () => isReady(api.pod('web')));
      const pod = api.pod('web');
      if (pod?.spec) api.put('pods', { ...pod, spec: { ...pod.spec, containers: of('minke.local/other') } });
      await until('restarted', () => {
        const { phase, containerStatuses: [app] = [] } = api.pod('web')?.status ?? {};
        phases.add(phase);
        ended ||= app?.state?.terminated !== undefined;
        if (images.at(-1) !== app?.image) images.push(app?.image);
        return app?.restartCount === 1 && app.ready;
      });
      expect([...phases]).toEqual(['Running']);
      // The API would not take another state after it.
      expect(ended).toBe(false);
      expect(images).toEqual(['minke.local/tools', 'minke.local/other']);
      expect(reasons(node as TestNode)).toEqual(['Pulled', 'Created', 'Started', 'Killing', 'Pulled', 'Created', 'Started']);
      expect(api.events.map((event) => event.message)).toContain('Container app definition changed, will be restarted');
      await clock.advance(60_000);
      expect(api.pod('web')?.status?.containerStatuses?.[0]?.restartCount).toBe(1);
    },
  );

  test('ran out of memory, though the runtime says so a moment late', async () => {
    const { api, until, clock, runtime } = begin();
    api.put('pods', testPod('big', { restartPolicy: 'Never' }));
    await until('ready', () => isReady(api.pod('big')));
    const [run] = runtime.containers.values();
    if (!run) throw new Error('no container');
    runtime.exit(run.id, 137, 'Error');
    await clock.advance(50);
    run.reason = 'OOMKilled';
    await until('failed', () => node?.phase('big') === 'Failed');
    expect(api.pod('big')?.status?.containerStatuses?.[0]?.state?.terminated).toMatchObject({ reason: 'OOMKilled', exitCode: 137 });
  });

  test('ends at its active deadline', async () => {
    const { api, until, clock } = begin();
    api.put('pods', testPod('late', { activeDeadlineSeconds: 20 }));
    await until('ready', () => isReady(api.pod('late')));
    const beganMs = clock.nowMs();
    await until('failed', () => node?.phase('late') === 'Failed');
    expect(clock.nowMs() - beganMs).toBeLessThan(21_000);
    expect(api.pod('late')?.status).toMatchObject({
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    });
  });

  test('gets a new sandbox when its own dies, with its restart counts going on', async () => {
    const { api, until, runtime } = begin();
    api.put('pods', testPod('web'));
    await until('ready', () => isReady(api.pod('web')));
    const [first] = runtime.sandboxes.keys();
    runtime.breakSandbox(first ?? '');
    await until('not ready', () => !isReady(api.pod('web')));
    await until('ready again', () => isReady(api.pod('web')));
    expect(api.pod('web')?.status?.containerStatuses?.[0]?.restartCount).toBe(1);
    expect(reasons(node as TestNode)).toContain('SandboxChanged');
  });

  test('waits for its config map with the reason, and starts when it comes', async () => {
    const { api, until } = begin();
    const env = [{ name: 'COLOR', valueFrom: { configMapKeyRef: { name: 'paint', key: 'color' } } }];
    api.put('pods', testPod('web', { containers: [container('app', { env })] }));
    const waiting = () => api.pod('web')?.status?.containerStatuses?.[0]?.state?.waiting;
    await until('waiting', () => waiting()?.reason === 'CreateContainerConfigError');
    expect(waiting()?.message).toBe('configmap "paint" not found');
    api.put('configmaps', { metadata: { name: 'paint', namespace: 'default' }, data: { color: 'blue' } });
    await until('ready', () => isReady(api.pod('web')), 1000);
  });

  test('goes on through a restart of the kubelet: nothing is restarted, readiness stays', async () => {
    const { api, until, stop, start, clock, runtime } = begin();
    const readinessProbe = { httpGet: { port: 80 }, periodSeconds: 10 };
    api.put('pods', testPod('web', { containers: [container('app', { readinessProbe })] }));
    await until('ready', () => isReady(api.pod('web')));
    const before = api.pod('web')?.status;
    await stop();
    await clock.advance(60_000);
    start();
    await clock.advance(30_000);
    expect(api.pod('web')?.status).toEqual(before);
    expect(runtime.containers.size).toBe(1);
  });

  test('is an orphan when it was deleted while the kubelet was away', async () => {
    const { api, until, stop, start, runtime } = begin();
    api.put('pods', testPod('web'));
    await until('ready', () => isReady(api.pod('web')));
    await stop();
    api.deletePod('web', 0);
    start();
    await until('no records', () => runtime.sandboxes.size + runtime.containers.size === 0, 120_000);
  });
});

describe('a node that runs short', () => {
  const usage = { atMs: 0, cpuNanos: 0, memoryBytes: 0, workingSetBytes: 200 * 1024 ** 2, rssBytes: 0, nanoCores: undefined };
  const condition = (of: TestNode, type: string) => {
    const nodes = of.api.informers.of<V1Node>({ group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false });
    return nodes.get('n1')?.status?.conditions?.find((one) => one.type === type);
  };

  test('says so, evicts one pod at a time, refuses others, and recovers', async () => {
    let available = 1024 ** 3;
    const evictionPorts: EvictionPorts = {
      signals: async () => ({ 'memory.available': { available, capacity: 8 * 1024 ** 3 } }),
      localUse: async () => noLocalUse,
      processes: async () => 0,
      stats: async () => ({ nodeName: 'n1', bootedAtMs: 0, memoryTotalBytes: 8 * 1024 ** 3, usage, pods: [] }),
    };
    const { api, until, clock } = begin({ kubelet: { evictionPorts } });
    api.put('pods', testPod('low', { priority: 1 }));
    api.put('pods', testPod('high', { priority: 9 }));
    await until('ready', () => isReady(api.pod('low')) && isReady(api.pod('high')));
    await clock.advance(60_000);
    expect(condition(node as TestNode, 'MemoryPressure')?.status).toBe('False');
    available = 50 * 1024 ** 2;
    await until('evicted', () => node?.phase('low') === 'Failed');
    available = 1024 ** 3;
    const message = 'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. ';
    expect(api.pod('low')?.status).toMatchObject({ reason: 'Evicted', message });
    expect(api.pod('low')?.status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message }),
    );
    expect(api.events).toContainEqual({ object: 'low', type: 'Warning', reason: 'Evicted', message });
    await until('condition', () => condition(node as TestNode, 'MemoryPressure')?.reason === 'KubeletHasInsufficientMemory', 60_000);
    api.put('pods', testPod('late'));
    await until('refused', () => node?.phase('late') === 'Failed');
    expect(api.pod('late')?.status?.message).toBe('Pod was rejected: The node had condition: [MemoryPressure]. ');
    expect(isReady(api.pod('high'))).toBe(true);
    await until('recovered', () => condition(node as TestNode, 'MemoryPressure')?.status === 'False');
    expect(isReady(api.pod('high'))).toBe(true);
  });

  test('ends a pod that is over its own limit, and no other', async () => {
    const evictionPorts: EvictionPorts = {
      signals: async () => ({}),
      localUse: async () => ({ ...noLocalUse, volumes: new Map([['cache', 2 * 1024 ** 2]]) }),
      processes: async () => 0,
      stats: async () => Promise.reject(new Error('not asked')),
    };
    const { api, until } = begin({ kubelet: { evictionPorts } });
    api.put('pods', testPod('full', { volumes: [{ name: 'cache', emptyDir: { sizeLimit: '1Mi' } }] }));
    api.put('pods', testPod('free', { volumes: [{ name: 'cache', emptyDir: {} }] }));
    await until('evicted', () => node?.phase('full') === 'Failed', 30_000);
    expect(api.pod('full')?.status?.message).toBe('Usage of EmptyDir volume "cache" exceeds the limit "1Mi". ');
    expect(isReady(api.pod('free'))).toBe(true);
  });
});

describe('the node object', () => {
  test('is registered with what the machine has, is ready, and has a lease', async () => {
    const { api, until, clock } = begin({ kubelet: { podCidr: '10.0.0.0/24', listenPort: 10250 } });
    const nodes = () =>
      api.informers.of({ group: '', version: 'v1', kind: 'Node', resource: 'nodes', namespaced: false }).get('n1') as
        | Record<string, never>
        | undefined;
    await until('node', () => nodes() !== undefined);
    await clock.advance(30_000);
    expect(nodes()).toMatchObject({
      metadata: { labels: { 'kubernetes.io/hostname': 'n1', 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' } },
      spec: { podCIDR: '10.0.0.0/24' },
      status: { capacity: { cpu: '4', pods: '110', memory: '8Gi' }, daemonEndpoints: { kubeletEndpoint: { Port: 10250 } } },
    });
    const ready = (
      nodes() as unknown as { status: { conditions: { type: string; reason: string; message: string }[] } }
    ).status.conditions.find((one) => one.type === 'Ready');
    expect(ready).toMatchObject({ status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' });
    const lease = api.informers
      .of({ group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', resource: 'leases', namespaced: true })
      .get('kube-node-lease/n1');
    expect(lease).toMatchObject({ spec: { holderIdentity: 'n1', leaseDurationSeconds: 40 } });
  });
});
