// The cluster's names as a client sees them: bytes in, bytes out.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { V1EndpointSlice, V1Service } from '../../api/mod.ts';
import { SeededRandom } from '../../base/mod.ts';
import { service, slice } from '../proxy/fixtures.fake.ts';
import { type Responder, respond } from './answer.ts';
import { type Decoded, decode } from './decode.fake.ts';
import type { Forwarder } from './forwarder.ts';
import { encodeAnswer, encodeQuestion, parseQuery, type RecordData, readAnswer, recordTypes } from './wire.ts';
import type { Zone, ZoneData } from './zone.ts';

function zoneOf(services: readonly V1Service[], slices: readonly V1EndpointSlice[] = []): Zone {
  const data: ZoneData = {
    service: (key) => services.find(({ metadata }) => `${metadata?.namespace}/${metadata?.name}` === key),
    slices: (key) => slices.filter(({ metadata }) => `${metadata?.namespace}/${metadata?.labels?.['kubernetes.io/service-name']}` === key),
    hasNamespace: (name) => name === 'default' || name === 'kube-system',
    servicesWithIp: (ip) => services.filter(({ spec }) => spec?.clusterIPs?.includes(ip)),
    slicesWithAddress: (ip) => slices.filter(({ endpoints }) => endpoints?.some(({ addresses }) => addresses.includes(ip))),
  };
  return {
    domain: 'cluster.local',
    dnsIps: ['10.96.0.10', 'fd00:96::a'],
    ownRanges: ['10.42.0.0/24', '10.96.0.0/20', 'fd00:42::/56'],
    data,
  };
}

/** Another server that knows every name of `example.com`. */
const elsewhere: Forwarder = {
  setUpstreams: async () => {},
  isOwnQuestion: (name) => name === '12.34',
  async forward(asked, query) {
    if (!query.name.endsWith('example.com')) return undefined;
    const data: RecordData = { type: 'A', address: '203.0.113.80' };
    const content = { code: 0, authoritative: false, recursionAvailable: true, authority: [], additional: [] };
    return encodeAnswer(asked, query, { ...content, answers: [{ name: query.name, ttlSeconds: 60, data }] }, 512);
  },
};

const ports = [
  { name: 'http', port: 80, protocol: 'TCP' },
  { name: 'dns', port: 53, protocol: 'UDP' },
];
const responder: Responder = {
  zone: zoneOf(
    [
      service('web', { clusterIP: '10.96.0.20', clusterIPs: ['10.96.0.20'], ports }),
      service('db', { clusterIP: 'None', clusterIPs: ['None'] }),
      service('both', { clusterIP: '10.96.0.30', clusterIPs: ['10.96.0.30', 'fd00:96::30'], ports }),
      service('six', { clusterIP: 'None', clusterIPs: ['None'] }),
      service('far', { type: 'ExternalName', externalName: 'www.example.com' }),
      service('near', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local.' }),
      service('round', { type: 'ExternalName', externalName: 'round.default.svc.cluster.local' }),
      service('wrong', { type: 'ExternalName', externalName: `${'x'.repeat(70)}.example.com` }),
    ],
    [
      slice('web', [{ ip: '10.42.0.5' }]),
      slice('six', [{ ip: 'fd00:42::9' }, { ip: 'fd00:42::6', hostname: 'six-0' }]),
      slice('db', [
        { ip: '10.42.0.6', hostname: 'db-0' },
        { ip: '10.42.0.7', hostname: 'db-1' },
        { ip: '10.42.0.8', conditions: { ready: false } },
        { ip: '10.42.0.9' },
      ]),
    ],
  ),
  forwarder: elsewhere,
  random: new SeededRandom(1),
  signal: new AbortController().signal,
};

async function ask(name: string, type: keyof typeof recordTypes = 'A', transport: 'udp' | 'tcp' = 'udp', of = responder): Promise<Decoded> {
  const answer = await respond(of, encodeQuestion(4711, name, recordTypes[type]), transport);
  if (!answer) throw new Error('no answer');
  return decode(answer);
}
const dataOf = (decoded: Decoded) => decoded.answers.map(({ data }) => data).sort();

/** Of `fd00:42::LAST`. */
const reverse6 = (last: string, second = '0042') => `${[...`fd00${second}${'0'.repeat(20)}${last}`].reverse().join('.')}.ip6.arpa`;
const local = (name: string) => `${name}.cluster.local`;
test.each<readonly [string, keyof typeof recordTypes, readonly string[]]>([
  [local('web.default.svc'), 'A', ['10.96.0.20']],
  [local('WEB.Default.SVC'), 'A', ['10.96.0.20']],
  [local('web.default.svc'), 'AAAA', []],
  [local('web.default.svc'), 'ANY', ['10.96.0.20']],
  [local('_http._tcp.web.default.svc'), 'SRV', ['0 100 80 web.default.svc.cluster.local']],
  [local('_dns._udp.web.default.svc'), 'SRV', ['0 100 53 web.default.svc.cluster.local']],
  [local('web.default.svc'), 'SRV', ['0 100 53 web.default.svc.cluster.local', '0 100 80 web.default.svc.cluster.local']],
  [local('_tcp.web.default.svc'), 'A', []],
  [local('db.default.svc'), 'A', ['10.42.0.6', '10.42.0.7', '10.42.0.9']],
  [local('db-1.db.default.svc'), 'A', ['10.42.0.7']],
  [local('10-42-0-9.db.default.svc'), 'A', ['10.42.0.9']],
  [
    local('_http._tcp.db.default.svc'),
    'SRV',
    ['10-42-0-9', 'db-0', 'db-1'].map((host) => `0 100 8080 ${host}.db.default.svc.cluster.local`),
  ],
  [local('near.default.svc'), 'A', ['10.96.0.20', 'web.default.svc.cluster.local']],
  [local('far.default.svc'), 'A', ['203.0.113.80', 'www.example.com']],
  [local('far.default.svc'), 'CNAME', ['www.example.com']],
  [local('10-42-0-77.default.pod'), 'A', ['10.42.0.77']],
  ['20.0.96.10.in-addr.arpa', 'PTR', ['web.default.svc.cluster.local']],
  ['6.0.42.10.in-addr.arpa', 'PTR', ['db-0.db.default.svc.cluster.local']],
  [local('dns-version'), 'TXT', ['1.1.0']],
  [local('ns.dns'), 'A', ['10.96.0.10']],
  ['cluster.local', 'NS', ['ns.dns.cluster.local']],
  [local('svc'), 'A', []],
  [local('default.svc'), 'A', []],
  ['example.com', 'A', ['203.0.113.80']],
  [local('both.default.svc'), 'A', ['10.96.0.30']],
  [local('both.default.svc'), 'AAAA', ['fd00:96:0:0:0:0:0:30']],
  [local('six.default.svc'), 'A', []],
  [local('six.default.svc'), 'AAAA', ['fd00:42:0:0:0:0:0:6', 'fd00:42:0:0:0:0:0:9']],
  [local('six-0.six.default.svc'), 'AAAA', ['fd00:42:0:0:0:0:0:6']],
  [local('fd00-42--9.six.default.svc'), 'AAAA', ['fd00:42:0:0:0:0:0:9']],
  [local('fd00-42--77.default.pod'), 'AAAA', ['fd00:42:0:0:0:0:0:77']],
  [local('fd00-42--77.default.pod'), 'A', []],
  [local('ns.dns'), 'AAAA', ['fd00:96:0:0:0:0:0:a']],
  [reverse6('0030', '0096'), 'PTR', ['both.default.svc.cluster.local']],
  [reverse6('0006'), 'PTR', ['six-0.six.default.svc.cluster.local']],
])('%s %s', async (name, type, expected) => {
  const answer = await ask(name, type);
  expect(answer).toMatchObject({ id: 4711, code: 0, isAnswer: true, truncated: false });
  expect(dataOf(answer)).toEqual([...expected].sort());
  if (expected.length === 0) expect(answer.authority.map(({ type: given }) => given)).toEqual([recordTypes.SOA]);
});

test.each([
  local('nobody.default.svc'),
  local('web.nowhere.svc'),
  local('nowhere.svc'),
  local('a.b.c.web.default.svc'),
  local('x.web.default.svc'),
  local('_nope._tcp.web.default.svc'),
  local('10-42-0-8.db.default.svc'),
  local('x.far.default.svc'),
  local('10-42-0-300.default.pod'),
  local('10-42-0-3.nowhere.pod'),
  local('example.com.default.svc'),
  local('other'),
  '99.0.96.10.in-addr.arpa',
])('%s does not exist', async (name) => {
  const answer = await ask(name);
  expect(answer).toMatchObject({ code: 3, authoritative: true, answers: [] });
  expect(answer.authority).toHaveLength(1);
});

test.each([
  [local('round.default.svc'), 'an alias of itself'],
  [local('wrong.default.svc'), 'an alias that is no name'],
  ['example.org', 'a name that no other server answers'],
  ['12.34', 'its own question, which came back'],
])('%s fails: %s', async (name) => {
  expect(await ask(name)).toMatchObject({ code: 2, answers: [] });
});

test('the addresses of SRV targets come with them', async () => {
  const { additional } = await ask(local('_http._tcp.db.default.svc'), 'SRV');
  expect(additional.map(({ name, data }) => `${name} ${data}`)).toContain('db-0.db.default.svc.cluster.local 10.42.0.6');
});

test('each of several addresses is the first now and then', async () => {
  const firsts = new Set<string | undefined>();
  for (let i = 0; i < 50; i++) firsts.add((await ask(local('db.default.svc'))).answers[0]?.data);
  expect(firsts.size).toBe(3);
});

test('what does not fit is cut over UDP and whole over TCP; EDNS allows more', async () => {
  const many = slice(
    'many',
    Array.from({ length: 60 }, (_, i) => ({ ip: `10.42.0.${i + 2}` })),
  );
  const of = { ...responder, zone: zoneOf([service('many', { clusterIP: 'None', clusterIPs: ['None'] })], [many]) };
  expect(await ask(local('many.default.svc'), 'A', 'udp', of)).toMatchObject({ truncated: true, answers: [] });
  expect((await ask(local('many.default.svc'), 'A', 'tcp', of)).answers).toHaveLength(60);
  const plain = encodeQuestion(1, local('many.default.svc'), recordTypes.A);
  const withEdns = Buffer.concat([plain, Buffer.from('0000291000000000000000', 'hex')]);
  withEdns.writeUInt16BE(1, 10);
  const answer = await respond(of, withEdns, 'udp');
  expect(decode(answer ?? Buffer.alloc(0))).toMatchObject({ truncated: false, additional: [{ type: recordTypes.OPT }] });
  expect(answer?.length).toBeLessThanOrEqual(1232);
});

describe('hostile bytes', () => {
  const good = encodeQuestion(7, 'web.default.svc.cluster.local', recordTypes.A);
  const mutated = fc
    .tuple(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }),
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(good.length),
    )
    .map(([changes, tail, cut]) => {
      const bytes = Buffer.concat([good.subarray(0, cut < 8 ? cut : good.length), tail]);
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      return bytes;
    });

  test('never break it, and what it answers is well formed and under the same id', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
          mutated,
        ),
        async (bytes) => {
          const answer = await respond(responder, bytes, 'udp');
          readAnswer(bytes);
          if (!answer) return;
          const decoded = decode(answer);
          expect(decoded.isAnswer).toBe(true);
          expect(decoded.id).toBe(bytes.readUInt16BE(0));
          expect(answer.length).toBeLessThanOrEqual(1232);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  test('answers are never answered: two servers cannot keep each other busy', async () => {
    const answer = await respond(responder, good, 'udp');
    expect(await respond(responder, answer ?? Buffer.alloc(0), 'udp')).toBeUndefined();
  });

  test('a name that points at itself is no name', () => {
    const bytes = Buffer.from('000701000001000000000000c00c00010001', 'hex');
    expect(parseQuery(bytes)).toEqual({ is: 'bad', code: 1, questionEnd: 12 });
  });
});

test('any name comes back as it was asked, in lower case for us', () => {
  const label = fc.stringMatching(/^[A-Za-z0-9_-]{1,63}$/);
  fc.assert(
    fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), (labels) => {
      const parsed = parseQuery(encodeQuestion(1, labels.join('.'), 1));
      expect(parsed).toMatchObject({ is: 'query', query: { name: labels.join('.').toLowerCase(), type: 1, class: 1 } });
    }),
  );
});
