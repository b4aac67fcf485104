// The jobs of the network's measurements, each a process in a network namespace: `serve`, `send`, `connect`, `dns`, `ask`.
import dgram from 'node:dgram';
import { readdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { endpointslices, type KubeObject, namespaces, type Persisted, type ResourceType, services } from '../../src/api/mod.ts';
import { createLogger, SeededRandom } from '../../src/base/mod.ts';
import { systemClock } from '../../src/base/ports/clock.ts';
import { createCache } from '../../src/client/cache.ts';
import type { Informer, Informers } from '../../src/client/mod.ts';
import { runDnsServer } from '../../src/network/dns/server.ts';
import { service, slice } from '../../src/network/proxy/fixtures.fake.ts';
import { median, percentile } from '../statistics.ts';

const [job = '', ...words] = process.argv.slice(2);
const print = (value: unknown) => process.stdout.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`);

/** Takes whatever comes, on two ports: what is sent to the first is dropped, the second answers a byte and hangs up. */
function serve(host: string, port: number): void {
  net.createServer((socket) => void socket.on('error', () => {}).resume()).listen(port, host);
  net.createServer((socket) => void socket.on('error', () => {}).end('.')).listen(port + 1, host, () => print(String(process.pid)));
}

/** Time on a processor, of all threads; the kernel's work for the packets that they send is in it. */
function cpuMsOf(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`).map((id) => readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8'));
  return threads.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0) / 1e6;
}

/** MB/s over one connection, and the CPU time of both ends for each MB. */
async function send(host: string, port: number, seconds: number, serverPid: number): Promise<unknown> {
  const socket = net.connect(port, host);
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  const block = Buffer.alloc(256 * 1024);
  const cpuMs = () => cpuMsOf(process.pid) + cpuMsOf(serverPid);
  const [begun, beforeMs] = [performance.now(), cpuMs()];
  while (performance.now() - begun < seconds * 1000) {
    if (!socket.write(block)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  const mb = socket.bytesWritten / 1e6;
  const sent = { mbs: mb / ((performance.now() - begun) / 1000), cpuMsEach: (cpuMs() - beforeMs) / mb };
  socket.destroy();
  return sent;
}

function connectOnce(host: string, port: number): Promise<number> {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, host, () => {
      resolve(performance.now() - begun);
      socket.destroy();
    });
    socket.once('error', reject);
  });
}

/** Medians of the time until a connection stands, in turns. */
async function connect(direct: readonly [string, number], through: readonly [string, number], count: number): Promise<unknown> {
  const [a, b]: [number[], number[]] = [[], []];
  for (let i = 0; i < count; i++) {
    a.push(await connectOnce(...direct));
    b.push(await connectOnce(...through));
  }
  return { directMs: median(a), throughMs: median(b) };
}

const indexed = 1_000;

/** Minke's own DNS server over a thousand services. */
async function dns(host: string): Promise<void> {
  const caches = new Map<string, Informer<KubeObject>>();
  const cacheOf = (type: ResourceType, objects: readonly object[]) => {
    const { reader, writer } = createCache<KubeObject>({ onHandlerError: (error) => print(String(error)) });
    writer.replaceAll(objects as readonly Persisted<KubeObject>[]);
    caches.set(type.resource, { ...reader, type, synced: Promise.resolve(), hasSynced: true } as Informer<KubeObject>);
  };
  const ipOf = (i: number) => `10.96.${i >> 8}.${i & 255}`;
  const all = Array.from({ length: indexed }, (_, i) => service(`web-${i}`, { clusterIP: ipOf(i), clusterIPs: [ipOf(i)] }));
  const slices = all.map((_, i) => slice(`web-${i}`, [{ ip: `10.42.0.${i % 250}` }]));
  const versioned = (object: { metadata?: object | undefined }, i: number) => ({
    ...object,
    metadata: { ...object.metadata, uid: `u${i}`, resourceVersion: '1' },
  });
  cacheOf(services, all.map(versioned));
  cacheOf(endpointslices, slices.map(versioned));
  cacheOf(namespaces, [versioned({ metadata: { name: 'default' } }, 0)]);
  const informers = { of: (type: ResourceType) => caches.get(type.resource), synced: async () => {}, release: () => {} };
  await runDnsServer({
    domain: 'cluster.local',
    dnsIps: ['10.96.0.10'],
    ownRanges: ['10.42.0.0/16', '10.96.0.0/16'],
    hosts: [host],
    readUpstreams: async () => [],
    informers: informers as unknown as Informers,
    clock: systemClock,
    random: new SeededRandom(1),
    log: createLogger({ clock: systemClock, level: 'error', write: (line) => process.stderr.write(line) }),
    signal: new AbortController().signal,
    onListening: async (port) => void print(`${port} ${process.pid}`),
  });
}

function question(id: number): Buffer {
  const name = `web-${id % indexed}.default.svc.cluster.local`;
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

/** `window` questions under way at any time, or `perSecond` of them evenly. Gives answers and their times. */
async function ask(host: string, port: number, seconds: number, how: { readonly window?: number; readonly perSecond?: number }) {
  const socket = dgram.createSocket('udp4');
  await new Promise<void>((resolve) => socket.connect(port, host, resolve));
  const sentAt = new Map<number, number>();
  const times: number[] = [];
  let id = 0;
  let bad = 0;
  const one = () => {
    id = (id + 1) & 0xffff;
    sentAt.set(id, performance.now());
    socket.send(question(id));
  };
  const begun = performance.now();
  const endMs = begun + seconds * 1000;
  socket.on('message', (bytes) => {
    const at = sentAt.get(bytes.readUInt16BE(0));
    if (at === undefined) return;
    sentAt.delete(bytes.readUInt16BE(0));
    times.push(performance.now() - at);
    // An answer without trouble and with one record.
    if ((bytes[3] ?? 0) % 16 !== 0 || bytes.readUInt16BE(6) !== 1) bad++;
    if (how.window !== undefined && performance.now() < endMs) one();
  });
  socket.on('error', () => {});
  for (let i = 0; i < (how.window ?? 0); i++) one();
  for (let due = 0; how.perSecond !== undefined && performance.now() < endMs; ) {
    for (const until = ((performance.now() - begun) / 1000) * how.perSecond; due < until; due++) one();
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, endMs - performance.now()) + 100));
  const tookMs = performance.now() - begun - 100;
  socket.close();
  return {
    answers: times.length,
    lost: sentAt.size,
    bad,
    perSecond: times.length / (tookMs / 1000),
    p50Ms: median(times),
    p99Ms: percentile(times, 0.99),
  };
}

const [host = '', port = '0', third = '0', fourth = '0', fifth = '0'] = words;
if (job === 'serve') serve(host, Number(port));
else if (job === 'send') print(await send(host, Number(port), Number(third), Number(fourth)));
else if (job === 'connect') print(await connect([host, Number(port)], [third, Number(fourth)], Number(fifth)));
else if (job === 'dns') await dns(host);
else if (job === 'ask')
  print(await ask(host, Number(port), Number(third), fourth === 'window' ? { window: Number(fifth) } : { perSecond: Number(fifth) }));
else throw new Error(`There is no job "${job}"`);
