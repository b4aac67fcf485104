// The loop of network policies and the gate that pods wait at, over a packet filter of the test's own in place of the nft program.
import { describe, expect, test } from 'vitest';
import type { KubeObject, V1Namespace, V1NetworkPolicy, V1Pod } from '../../api/mod.ts';
import { createLogger, SeededRandom, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes, RunResult } from '../../base/ports/process.ts';
import type { Informer, Informers } from '../../client/mod.ts';
import { around, base, here } from '../proxy/fixtures.fake.ts';
import { fakeInformer, listing } from '../proxy/keep.fake.ts';
import { PacketFilter } from '../proxy/trace.fake.ts';
import { PodGate } from './gate.ts';
import { runNetworkPolicies } from './policies.ts';

const table = 'minke-abc123-policies';
const deny = (name: string): V1NetworkPolicy => ({
  metadata: { namespace: 'x', name },
  spec: { podSelector: { matchLabels: { app: 'a' } }, policyTypes: ['Ingress'] },
});
const pod = (name: string, podIP?: string): V1Pod => ({
  metadata: { namespace: 'x', name, labels: { app: 'a' } },
  spec: { nodeName: here.nodeName, containers: [] },
  status: podIP === undefined ? {} : { podIP },
});
const claim = (name: string, ip: string) => ({ id: `sandbox-${name}`, ips: [ip], namespace: 'x', name, labels: { app: 'a' } });

function machine() {
  const filter = new PacketFilter(around);
  const texts: string[] = [];
  const wrote: string[] = [];
  const state = { fail: 0, stands: false };
  const ok = (stdout = ''): RunResult => ({ code: 0, stdout, stderr: '', truncated: false });
  const unused = () => {
    throw new Error('not for this test');
  };
  const processes: Processes = {
    async run(_, args, { input }) {
      if (args[0] === '-j') return ok(state.stands ? listing(filter) : '{}');
      if (state.fail > 0) {
        state.fail--;
        return { ...ok(), code: 1, stderr: 'Error: Could not process rule' };
      }
      texts.push(String(input));
      filter.apply(String(input));
      state.stands = filter.chains.size > 0;
      return ok();
    },
    startDetached: unused,
    find: unused,
    isRunning: unused,
    kill: unused,
    list: unused,
  };
  const fs = {
    exists: async () => true,
    // Only packets of IPv4 are shown by all bridges.
    readText: async (path: string) => (path.endsWith('bridge-nf-call-iptables') ? '1\n' : '0\n'),
    writeInto: async (path: string) => void wrote.push(path),
  } as unknown as FileSystem;
  const isOpen = (to: string) =>
    filter.chains.size === 0 ||
    filter.passes('forward', { from: '10.42.0.200', to, port: 80, protocol: 'tcp', by: base.bridge }, base.bridge);
  return { filter, texts, wrote, state, processes, fs, isOpen };
}

async function world(standing: readonly V1NetworkPolicy[] = []) {
  const on = machine();
  const [policies, pods, namespaces] = [fakeInformer<V1NetworkPolicy>(), fakeInformer<V1Pod>(), fakeInformer<V1Namespace>()];
  for (const one of standing) policies.set(one);
  const caches: Record<string, unknown> = { networkpolicies: policies, pods, namespaces };
  const asked = new Set<string>();
  const informers: Informers = {
    of: <T extends KubeObject>(type: { readonly resource: string }) => {
      asked.add(type.resource);
      return caches[type.resource] as Informer<T>;
    },
    synced: async () => {},
    release: () => {},
  };
  const clock = new VirtualClock({ settle: turn });
  const stop = new AbortController();
  const log = createLogger({ clock, level: 'error', write: () => {} });
  const gate = new PodGate(clock);
  const start = () =>
    runNetworkPolicies({
      clusterId: 'abc123',
      nodeName: here.nodeName,
      bridge: base.bridge,
      podCidrs: [base.podCidr],
      gate,
      informers,
      fs: on.fs,
      processes: on.processes,
      programs: { ip: 'ip', nft: 'nft' },
      clock,
      random: new SeededRandom(1),
      log,
      signal: stop.signal,
    });
  let done: Promise<void> | undefined;
  return {
    ...on,
    policies,
    pods,
    asked,
    clock,
    gate,
    async start() {
      done = start();
      await clock.advance(0);
    },
    /** What becomes of a pod at the gate. */
    held(one: ReturnType<typeof claim>) {
      const fate = { is: 'waiting' };
      gate.add(one).then(
        () => Object.assign(fate, { is: 'let in' }),
        (error: Error) => Object.assign(fate, { is: error.message }),
      );
      return fate;
    },
    async end() {
      stop.abort();
      await done;
    },
  };
}

describe('the loop', () => {
  test('without policies there is no table, no look at it, and nobody asks for pods', async () => {
    const { start, texts, asked, clock, gate, end } = await world();
    await start();
    await clock.advance(120_000);
    expect([texts, [...asked], gate.isClosed]).toEqual([
      [`add table inet ${table}\ndelete table inet ${table}\n`],
      ['networkpolicies'],
      false,
    ]);
    await end();
  });

  test('the table comes with the first policy and goes with the last; the bridge shows its packets', async () => {
    const { start, policies, pods, isOpen, clock, filter, wrote, end } = await world();
    await start();
    pods.set(pod('a', '10.42.0.5'));
    policies.set(deny('p'));
    await clock.advance(10);
    expect([isOpen('10.42.0.5'), isOpen('10.42.0.6')]).toEqual([false, true]);
    // What all bridges show needs no setting of this one's.
    expect(wrote).toEqual([`/sys/class/net/${base.bridge}/bridge/nf_call_ip6tables`]);
    policies.remove('x/p');
    await clock.advance(10);
    expect([isOpen('10.42.0.5'), filter.chains.size]).toEqual([true, 0]);
    await end();
  });

  test('what someone else takes away is put right at the next look', async () => {
    const { start, pods, isOpen, clock, filter, end } = await world([deny('p')]);
    pods.set(pod('a', '10.42.0.5'));
    await start();
    expect(isOpen('10.42.0.5')).toBe(false);
    filter.sets.get('ingress-asking')?.clear();
    expect(isOpen('10.42.0.5')).toBe(true);
    await clock.advance(16_000);
    expect(isOpen('10.42.0.5')).toBe(false);
    await end();
  });
});

describe('the gate', () => {
  test('nobody waits while there are no policies; with one, a pod waits until its rules are in the kernel', async () => {
    const { start, policies, pods, held, isOpen, clock, end } = await world();
    await start();
    const free = held(claim('a', '10.42.0.5'));
    await clock.advance(0);
    expect(free.is).toBe('let in');
    policies.set(deny('p'));
    await clock.advance(10);
    pods.set(pod('b'));
    const b = held(claim('b', '10.42.0.6'));
    expect([b.is, isOpen('10.42.0.6')]).toEqual(['waiting', true]);
    await clock.advance(10);
    expect([b.is, isOpen('10.42.0.6')]).toEqual(['let in', false]);
    // A static pod: nothing of it is in the cache.
    const c = held(claim('c', '10.42.0.7'));
    await clock.advance(10);
    expect([c.is, isOpen('10.42.0.7')]).toEqual(['let in', false]);
    await end();
  });

  test('pods that come before the loop has begun wait for it; when it cannot write, they fail after a while', async () => {
    const { start, held, isOpen, state, clock, end } = await world([deny('p')]);
    const early = held(claim('a', '10.42.0.5'));
    await clock.advance(1_000);
    expect(early.is).toBe('waiting');
    await start();
    await clock.advance(10);
    expect([early.is, isOpen('10.42.0.5')]).toEqual(['let in', false]);
    state.fail = 1_000;
    const late = held(claim('b', '10.42.0.6'));
    await clock.advance(19_000);
    expect(late.is).toBe('waiting');
    await clock.advance(2_000);
    expect(late.is).toBe('Bringing the network policies of pod "x/b" into the kernel did not finish within 20000 ms');
    state.fail = 0;
    await clock.advance(20_000);
    expect(isOpen('10.42.0.6')).toBe(false);
    await end();
  });

  test('an address goes to the next pod with its sandbox', async () => {
    const { start, pods, held, gate, isOpen, clock, end } = await world([deny('p')]);
    await start();
    pods.set(pod('a'));
    held(claim('a', '10.42.0.5'));
    await clock.advance(10);
    pods.set({ ...pod('a', '10.42.0.5'), metadata: { namespace: 'x', name: 'a', labels: { app: 'free' } } });
    await clock.advance(10);
    expect(isOpen('10.42.0.5')).toBe(true);
    pods.set(pod('b'));
    held(claim('b', '10.42.0.5'));
    await clock.advance(10);
    expect(isOpen('10.42.0.5')).toBe(false);
    gate.remove('sandbox-b');
    pods.remove('x/b');
    await clock.advance(10);
    expect(isOpen('10.42.0.5')).toBe(true);
    await end();
  });
});
