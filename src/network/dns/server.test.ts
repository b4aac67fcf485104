// The DNS server on real sockets of loopback, with a server for the rest of the world that the test plays.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { endpointslices, type KubeObject, namespaces, services, type V1EndpointSlice, type V1Service } from '../../api/mod.ts';
import { createLogger, SeededRandom } from '../../base/mod.ts';
import { systemClock } from '../../base/ports/clock.ts';
import { dialTcp } from '../../base/ports/tcp.ts';
import { askUdp, bindUdp, type UdpSocket } from '../../base/ports/udp.ts';
import type { Informer, Informers } from '../../client/mod.ts';
import { service, slice } from '../proxy/fixtures.fake.ts';
import { decode } from './decode.fake.ts';
import { runDnsServer } from './server.ts';
import { encodeAnswer, encodeFailure, encodeQuestion, parseQuery, recordTypes } from './wire.ts';

const host = '127.0.0.1';
/** Where the rest of the world is asked. */
const elsewhere = '127.0.0.2';
const log = createLogger({ clock: systemClock, level: 'error', write: () => {} });

/** A cache of what the test puts into the map, which may change at any time. */
function informer(objects: ReadonlyMap<string, KubeObject>): Informer<KubeObject> {
  const indices = new Map<string, (object: never) => readonly string[]>();
  const all = () => [...objects.values()] as never[];
  return {
    type: services as never,
    synced: Promise.resolve(),
    hasSynced: true,
    get: (key) => objects.get(key) as never,
    list: all,
    byIndex: (index, value) => all().filter((object) => indices.get(index)?.(object).includes(value)),
    addIndex: (index, valuesOf) => void indices.set(index, valuesOf),
    onChange: () => () => {},
  };
}

describe('the server', () => {
  const serviceObjects = new Map<string, V1Service>();
  const sliceObjects = new Map<string, V1EndpointSlice>();
  let upstream: UdpSocket;
  let asked: string[];
  let behaviour: 'answers' | 'lies first' | 'fails' | 'asks back';
  let port = 0;
  let stop: AbortController;
  let done: Promise<void>;

  beforeEach(async () => {
    asked = [];
    behaviour = 'answers';
    serviceObjects.clear();
    sliceObjects.clear();
    upstream = await bindUdp({
      host: elsewhere,
      port: 0,
      onError: () => {},
      onMessage: (bytes, from) => {
        const parsed = parseQuery(bytes);
        if (parsed.is !== 'query') return;
        const { query } = parsed;
        if (query.type === recordTypes.HINFO) {
          if (behaviour === 'asks back') upstream.send(bytes, { address: host, port });
          else upstream.send(encodeFailure(bytes, 3, query.questionEnd), from);
          return;
        }
        asked.push(query.name);
        if (behaviour === 'fails') {
          upstream.send(encodeFailure(bytes, 2, query.questionEnd), from);
          return;
        }
        const answers = [{ name: query.name, ttlSeconds: 60, data: { type: 'A' as const, address: '203.0.113.7' } }];
        const answer = encodeAnswer(
          bytes,
          query,
          { code: 0, authoritative: false, recursionAvailable: true, answers, authority: [], additional: [] },
          512,
        );
        if (behaviour === 'lies first') {
          const lie = Buffer.from(answer);
          lie.writeUInt16BE(query.id ^ 1, 0);
          lie.writeUInt8(66, lie.length - 1);
          upstream.send(lie, from);
        }
        upstream.send(answer, from);
      },
    });
  });
  afterEach(async () => {
    stop.abort();
    await done;
    await upstream.close();
  });

  const start = async () => {
    stop = new AbortController();
    const caches = new Map<string, Informer<KubeObject>>([
      [services.resource, informer(serviceObjects)],
      [endpointslices.resource, informer(sliceObjects)],
      [namespaces.resource, informer(new Map([['default', {}]]))],
    ]);
    const informers = { of: (type: { resource: string }) => caches.get(type.resource), synced: async () => {} } as unknown as Informers;
    await new Promise<void>((resolve) => {
      done = runDnsServer({
        domain: 'cluster.local',
        dnsIps: ['10.96.0.10'],
        ownRanges: ['10.96.0.0/20'],
        hosts: [host],
        // Itself is left out.
        readUpstreams: async () => ['10.96.0.10', host, elsewhere],
        upstreamPort: upstream.port,
        informers,
        clock: systemClock,
        random: new SeededRandom(1),
        log,
        signal: stop.signal,
        onListening: async ([number = 0]) => {
          port = number;
          resolve();
        },
      });
    });
  };
  const ask = async (name: string, id = 7) =>
    decode(
      await askUdp({
        to: { address: host, port },
        data: encodeQuestion(id, name, recordTypes.A),
        accept: () => true,
        clock: systemClock,
        timeoutMs: 10_000,
      }),
    );

  test('answers from the caches as they are at this moment, over UDP', async () => {
    await start();
    const name = 'db.default.svc.cluster.local';
    serviceObjects.set('default/db', service('db', { clusterIP: 'None', clusterIPs: ['None'] }));
    sliceObjects.set('default/db-x', slice('db', [{ ip: '10.42.0.5' }]));
    const first = await ask(name);
    sliceObjects.set('default/db-x', slice('db', [{ ip: '10.42.0.6' }]));
    expect([first, await ask(name)].map(({ answers }) => answers[0]?.data)).toEqual(['10.42.0.5', '10.42.0.6']);
  });

  test('several questions on one TCP connection, however they are cut', async () => {
    serviceObjects.set('default/web', service('web', { clusterIP: '10.96.0.20', clusterIPs: ['10.96.0.20'] }));
    await start();
    const socket = await dialTcp({ host, port, clock: systemClock, timeoutMs: 2_000 });
    const question = encodeQuestion(1, 'web.default.svc.cluster.local', recordTypes.A);
    const framed = Buffer.concat([Buffer.from([0, question.length]), question]);
    const both = Buffer.concat([framed, framed]);
    socket.write(both.subarray(0, 5));
    socket.write(both.subarray(5, 40));
    socket.write(both.subarray(40));
    let read = Buffer.alloc(0);
    for await (const chunk of socket) {
      read = Buffer.concat([read, chunk as Buffer]);
      const length = read.readUInt16BE(0);
      if (read.length < 2 * (length + 2)) continue;
      const answers = [read.subarray(2, length + 2), read.subarray(length + 4)].map((one) => decode(one).answers[0]?.data);
      expect(answers).toEqual(['10.96.0.20', '10.96.0.20']);
      break;
    }
    socket.destroy();
  });

  test('foreign names are asked for once, however many want them, and remembered', async () => {
    await start();
    const together = await Promise.all([1, 2, 3].map((id) => ask('www.example.com', id)));
    expect(together.map(({ id, answers }) => [id, answers[0]?.data])).toEqual([1, 2, 3].map((id) => [id, '203.0.113.7']));
    expect((await ask('www.example.com', 9)).id).toBe(9);
    expect(asked).toEqual(['www.example.com']);
  });

  test('an answer under another id is none', async () => {
    behaviour = 'lies first';
    await start();
    expect((await ask('www.example.com')).answers[0]?.data).toBe('203.0.113.7');
  });

  test('a server that fails leaves the client with a failure, at once, and nothing is remembered of it', async () => {
    behaviour = 'fails';
    await start();
    expect((await ask('www.example.com')).code).toBe(2);
    behaviour = 'answers';
    expect((await ask('www.example.com')).code).toBe(0);
  });

  test('a server that asks this one back is left out', async () => {
    behaviour = 'asks back';
    await start();
    // Names of their own each: an answer that came before is remembered.
    let i = 0;
    await expect.poll(() => ask(`${i++}.example.com`).then(({ code }) => code), { timeout: 5_000 }).toBe(2);
    asked.length = 0;
    expect((await ask('other.example.com')).code).toBe(2);
    expect(asked).toEqual([]);
  });
});
