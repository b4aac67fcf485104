// The proxy's loop, over a packet filter of the test's own in place of the nft program.
import { describe, expect, test } from 'vitest';
import type { KubeObject, V1EndpointSlice, V1Service } from '../../api/mod.ts';
import { createLogger, SeededRandom, VirtualClock } from '../../base/mod.ts';
import { turn } from '../../base/ports/clock.ts';
import { ProcessError, type Processes, type RunResult } from '../../base/ports/process.ts';
import type { Informer, Informers } from '../../client/mod.ts';
import { around, base, here, service, slice } from './fixtures.fake.ts';
import { flowArguments } from './flows.ts';
import { fakeInformer, listing } from './keep.fake.ts';
import { runServiceProxy } from './proxy.ts';
import { PacketFilter } from './trace.fake.ts';

async function world() {
  const services = fakeInformer<V1Service>();
  const slices = fakeInformer<V1EndpointSlice>();
  const caches: Record<string, unknown> = { services, endpointslices: slices, nodes: fakeInformer() };
  const informers: Informers = {
    of: <T extends KubeObject>(type: { readonly resource: string }) => caches[type.resource] as Informer<T>,
    synced: async () => {},
    release: () => {},
  };
  const filter = new PacketFilter(around);
  const ran: string[] = [];
  const texts: string[] = [];
  let fail = 0;
  const ok = (stdout = ''): RunResult => ({ code: 0, stdout, stderr: '', truncated: false });
  const unused = () => {
    throw new Error('not for this test');
  };
  const processes: Processes = {
    async run(command, args, { input }) {
      ran.push([command, ...args].join(' '));
      if (command === 'conntrack') throw new ProcessError('notFound', 'no conntrack');
      if (command !== 'nft') return ok();
      if (args[0] === '-j') return ok(listing(filter));
      if (fail > 0) {
        fail--;
        return { ...ok(), code: 1, stderr: 'Error: Could not process rule' };
      }
      texts.push(String(input));
      filter.apply(String(input));
      return ok();
    },
    startDetached: unused,
    find: unused,
    isRunning: unused,
    kill: unused,
    list: unused,
  };
  const clock = new VirtualClock({ settle: turn });
  const stop = new AbortController();
  const log = createLogger({ clock, level: 'error', write: () => {} });
  const random = new SeededRandom(1);
  const options = { ...base, ...here, clusterId: 'abc123', redirects: [], informers, processes, programs: { ip: 'ip', nft: 'nft' } };
  const done = runServiceProxy({ ...options, clock, random, log, signal: stop.signal });
  await clock.advance(0);
  return {
    services,
    slices,
    filter,
    texts,
    ran,
    clock,
    failNext: (times: number) => {
      fail = times;
    },
    reached: (ip: string, protocol: 'tcp' | 'udp' = 'tcp') =>
      filter
        .outcomes({ from: '10.42.0.200', to: ip, port: 80, protocol, by: base.bridge })
        .map((fate) => (fate.is === 'delivered' ? fate.to : fate.is)),
    async end() {
      stop.abort();
      await done;
    },
  };
}

const ip = '10.96.0.20';

describe('the loop', () => {
  test('changes that come together are one transaction, soon after', async () => {
    const { services, slices, texts, reached, clock, end } = await world();
    expect(texts).toHaveLength(1);
    services.set(service('web', { clusterIP: ip }));
    slices.set(slice('web', [{ ip: '10.42.0.5' }]));
    await clock.advance(5);
    expect([texts.length, reached(ip)]).toEqual([2, ['10.42.0.5:8080']]);
    for (let i = 1; i <= 50; i++) services.set(service(`s${i}`, { clusterIP: `10.96.1.${i}` }));
    slices.set(slice('web', []));
    await clock.advance(5);
    expect([texts.length, reached(ip), reached('10.96.1.50')]).toEqual([3, ['refused'], ['refused']]);
    services.remove('default/web');
    await clock.advance(5);
    expect(texts.at(-1)).not.toContain('table ip minke-abc123-services\ndelete');
    await end();
  });

  test('after a transaction that failed everything is written anew, and nothing is lost', async () => {
    const { services, slices, texts, reached, clock, failNext, end } = await world();
    failNext(2);
    services.set(service('web', { clusterIP: ip }));
    slices.set(slice('web', [{ ip: '10.42.0.5' }]));
    await clock.advance(1_000);
    expect(reached(ip)).toEqual(['10.42.0.5:8080']);
    expect(texts.at(-1)).toContain('delete table');
    await end();
  });

  test('what someone else took away or added is put right at the next look', async () => {
    const { services, slices, filter, texts, reached, clock, end } = await world();
    services.set(service('web', { clusterIP: ip }));
    slices.set(slice('web', [{ ip: '10.42.0.5' }]));
    await clock.advance(20_000);
    const before = texts.length;
    filter.sets.get('addresses')?.clear();
    filter.chains.get('output')?.pop();
    expect(reached(ip)).toEqual(['refused']);
    await clock.advance(16_000);
    expect([reached(ip), filter.chains.get('output')?.length, texts.length]).toEqual([['10.42.0.5:8080'], 1, before + 1]);
    await clock.advance(120_000);
    expect(texts.length).toBe(before + 1);
    await end();
  });

  test('UDP flows to an endpoint that goes are forgotten; without the program it is asked for once only', async () => {
    const { services, slices, ran, clock, end } = await world();
    const ports = [{ name: 'http', port: 80, protocol: 'UDP', nodePort: 30_080 }];
    services.set(service('web', { clusterIP: ip, ports }));
    for (const count of [3, 2, 1]) {
      slices.set(
        slice(
          'web',
          Array.from({ length: count }, (_, i) => ({ ip: `10.42.0.${i + 5}` })),
          8080,
          'UDP',
        ),
      );
      await clock.advance(5);
    }
    expect(ran.filter((line) => line.startsWith('conntrack'))).toEqual([
      'conntrack -D -f ipv4 -p udp --orig-dst 10.96.0.20 --orig-port-dst 80 --dst-nat 10.42.0.7 --reply-port-src 8080',
    ]);
    const backend = { address: '10.42.0.7', port: 8080 };
    expect(flowArguments({ frontend: { table: 'nodeports', key: 'udp . 30080' }, backend }).join(' ')).toBe(
      '-D -f ipv4 -p udp --orig-port-dst 30080 --dst-nat 10.42.0.7 --reply-port-src 8080',
    );
    await end();
  });
});
