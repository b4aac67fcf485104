import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../base/mod.ts';
import type { FaultOptions } from './faults.ts';
import { noFaults } from './faults.ts';
import { container, createTestNode, isReady, type TestNode, testPod } from './node.fake.ts';

const faulty: FaultOptions = { before: 120, after: 80, slow: 50, slowMs: 3000 };

/** What must hold at any moment: no two live runs of one container, no two ready sandboxes of one pod. */
function checkNothingDoubled({ runtime }: TestNode): void {
  const live = new Set<string>();
  for (const one of runtime.containers.values()) {
    if (one.state !== 'running') continue;
    const key = `${one.labels['io.kubernetes.pod.uid']}/${one.name}`;
    expect(live, `two live runs of ${key}`).not.toContain(key);
    live.add(key);
  }
  const ready = new Set<string>();
  for (const sandbox of runtime.sandboxes.values()) {
    if (sandbox.state !== 'ready') continue;
    expect(ready, `two sandboxes of ${sandbox.config.metadata.name}`).not.toContain(sandbox.config.metadata.uid);
    ready.add(sandbox.config.metadata.uid);
  }
}

const workload = {
  plain: testPod('plain'),
  many: testPod('many', {
    initContainers: [container('i1'), container('side', { restartPolicy: 'Always' }), container('i2')],
    containers: [container('a'), container('b', { lifecycle: { preStop: { exec: { command: ['x'] } } } })],
  }),
  job: testPod('job', { restartPolicy: 'OnFailure' }, { 'sim.minke.dev/run-ms.app': '3000' }),
  fails: testPod('fails', { restartPolicy: 'Never' }, { 'sim.minke.dev/run-ms.app': '1000', 'sim.minke.dev/exit-code.app': '2' }),
};

/** Everything has come where it must, given time. */
function arrived({ api }: TestNode): boolean {
  const phase = (name: string) => api.pod(name)?.status?.phase;
  return isReady(api.pod('plain')) && isReady(api.pod('many')) && phase('job') === 'Succeeded' && phase('fails') === 'Failed';
}

function checkOrder({ runtime }: TestNode): void {
  const runs = (name: string) => [...runtime.containers.values()].filter((one) => one.name === name && one.startedAtMs > 0);
  const firstStart = (name: string) => Math.min(...runs(name).map((one) => one.startedAtMs));
  const firstEnd = (name: string) =>
    Math.min(
      ...runs(name)
        .filter((one) => one.exitCode === 0 && one.finishedAtMs > 0)
        .map((one) => one.finishedAtMs),
    );
  if (runs('i1').length > 0 && runs('side').length > 0) expect(firstStart('side')).toBeGreaterThanOrEqual(firstEnd('i1'));
  if (runs('a').length > 0 && runs('i2').length > 0) expect(firstStart('a')).toBeGreaterThanOrEqual(firstEnd('i2'));
}

describe('faults at every call of the runtime', () => {
  test.each(Array.from({ length: 40 }, (_, i) => i + 1))('seed %i: no pod is stuck, no container is doubled or orphaned', async (seed) => {
    const node = createTestNode({ seed, faults: faulty });
    const random = new SeededRandom(seed).child('api');
    node.api.before = () => {
      if (random.below(1000) < 100) throw new Error('the API is away (simulated)');
    };
    try {
      for (const pod of Object.values(workload)) node.api.put('pods', pod);
      for (let i = 0; i < 60; i++) {
        await node.advance(500 + random.below(1500));
        checkNothingDoubled(node);
        if (random.below(12) === 0) {
          await node.stop();
          node.start();
        }
        if (random.below(15) === 0) node.runtime.dropEvents();
      }
      node.runtime.setFaults(noFaults);
      node.api.before = () => {};
      await node.until('all arrived', () => arrived(node), 1_200_000);
      checkOrder(node);
      node.runtime.setFaults(faulty);
      for (const name of Object.keys(workload)) node.api.deletePod(name, 10);
      await node.advance(20_000);
      node.runtime.setFaults(noFaults);
      await node.until('nothing left', () => node.runtime.sandboxes.size + node.runtime.containers.size === 0, 600_000);
      for (const name of Object.keys(workload)) expect(node.api.pod(name)).toBeUndefined();
    } finally {
      await node.stop();
    }
    expect(node.clock.timers).toBe(0);
  });
});

/** Runs the scenario and stops the kubelet at its `at`-th call of the runtime; gives the number of calls of the whole run. */
async function withRestartAt(at: number): Promise<number> {
  let calls = 0;
  let stopNow = () => {};
  const node = createTestNode({
    onCall: () => {
      if (++calls === at) stopNow();
    },
  });
  let restarting: Promise<void> | undefined;
  stopNow = () => {
    restarting = node.stop().then(() => node.start());
  };
  const pause = async () => {
    while (restarting) {
      const now = restarting;
      await node.advance(10);
      await now;
      if (restarting === now) restarting = undefined;
    }
  };
  try {
    node.api.put('pods', workload.many);
    node.api.put('pods', workload.job);
    for (let i = 0; i < 100 && !(isReady(node.api.pod('many')) && node.phase('job') === 'Succeeded'); i++) {
      await node.advance(100);
      await pause();
      checkNothingDoubled(node);
    }
    expect(isReady(node.api.pod('many')), `ready after a restart at call ${at}`).toBe(true);
    expect(node.phase('job')).toBe('Succeeded');
    checkOrder(node);
    const restarts = node.api.pod('many')?.status?.containerStatuses?.map((one) => one.restartCount);
    expect(restarts).toEqual([0, 0]);
    node.api.deletePod('many', 5);
    node.api.deletePod('job', 5);
    for (let i = 0; i < 200 && node.runtime.sandboxes.size > 0; i++) {
      await node.advance(500);
      await pause();
    }
    expect(node.runtime.sandboxes.size).toBe(0);
    expect(node.api.pod('many')).toBeUndefined();
  } finally {
    await node.stop();
  }
  return calls;
}

test('a restart of the kubelet at any of its calls resumes', async () => {
  const calls = await withRestartAt(-1);
  expect(calls).toBeGreaterThan(50);
  for (let at = 1; at <= calls; at++) await withRestartAt(at);
}, 120_000);
