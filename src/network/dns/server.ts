// The cluster's DNS server: UDP and TCP on one port, the zone from the informers' caches, everything else from the machine's resolvers.
import type { Duplex } from 'node:stream';
import { endpointslices, namespaces, serviceNameLabel, services, type V1EndpointSlice, type V1Service } from '../../api/mod.ts';
import { type Clock, errorText, type Logger, onAbort, type Random, sleep, Tasks } from '../../base/mod.ts';
import { listenTcp, type TcpListener } from '../../base/ports/tcp.ts';
import { bindUdp, type UdpSocket } from '../../base/ports/udp.ts';
import type { Informers } from '../../client/mod.ts';
import { type Responder, respond } from './answer.ts';
import { createForwarder } from './forwarder.ts';
import { plainIp, type Zone, type ZoneData } from './zone.ts';

/** Connections at once; further ones are closed. */
const connectionsMax = 200;
const idleMs = 10_000;
const upstreamsCheckMs = 10_000;
/** UDP and TCP want the same number; a free one of one may be taken of the other. */
const bindTries = 20;
const serviceIndex = 'dns/service';
const addressIndex = 'dns/address';

export interface DnsServerOptions {
  /** `cluster.local` */
  readonly domain: string;
  /** The addresses of the `kube-dns` Service, which is the zone's server. */
  readonly dnsIps: readonly string[];
  /** Of pods and services. */
  readonly ownRanges: readonly string[];
  /** Where to listen, an address of each family. */
  readonly hosts: readonly string[];
  /** The addresses of the machine's resolvers, read now and then. */
  readonly readUpstreams: () => Promise<readonly string[]>;
  /** Of those resolvers. Default 53. */
  readonly upstreamPort?: number;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Questions are answered from now on, at these ports of `hosts`. */
  readonly onListening: (ports: readonly number[]) => Promise<void>;
}

/** Runs until the signal fires. */
export async function runDnsServer(options: DnsServerOptions): Promise<void> {
  const { hosts, informers, clock, random, log, signal, dnsIps } = options;
  const zone: Zone = { domain: options.domain, dnsIps, ownRanges: options.ownRanges, data: zoneDataOf(informers) };
  const port = options.upstreamPort === undefined ? {} : { port: options.upstreamPort };
  const forwarder = createForwarder({ clock, random, log, own: [...dnsIps, ...hosts], ...port });
  const tasks = new Tasks(log);
  const stop = new AbortController();
  const unlink = onAbort(signal, (reason) => stop.abort(reason));
  const responder: Responder = { zone, forwarder, random, signal: stop.signal };
  await informers.synced();
  const listeners: Listeners[] = [];
  try {
    for (const host of hosts) listeners.push(await listen({ ...options, host }, responder, tasks, stop.signal));
    tasks.run('follow the resolvers of the machine', stop.signal, async () => {
      while (!stop.signal.aborted) {
        await forwarder.setUpstreams(await options.readUpstreams(), stop.signal);
        await sleep(clock, upstreamsCheckMs, stop.signal);
      }
    });
    await options.onListening(listeners.map(({ udp }) => udp.port));
    await new Promise<void>((resolve) => {
      onAbort(stop.signal, () => resolve());
    });
  } finally {
    unlink();
    stop.abort();
    await Promise.all(listeners.flatMap(({ udp, tcp }) => [udp.close(), tcp.close()]));
    await tasks.settled();
  }
}

/** Reads caches at each question: an answer is never older than they are. */
export function zoneDataOf(informers: Informers): ZoneData {
  const [serviceCache, sliceCache, namespaceCache] = [informers.of(services), informers.of(endpointslices), informers.of(namespaces)];
  serviceCache.addIndex(addressIndex, ({ spec }: V1Service) =>
    (spec?.clusterIPs ?? []).filter((ip) => ip !== 'None' && ip !== '').map(plainIp),
  );
  sliceCache.addIndex(serviceIndex, ({ metadata }: V1EndpointSlice) => [
    `${metadata?.namespace ?? ''}/${metadata?.labels?.[serviceNameLabel] ?? ''}`,
  ]);
  sliceCache.addIndex(addressIndex, ({ endpoints }: V1EndpointSlice) => [
    ...new Set((endpoints ?? []).flatMap(({ addresses }) => addresses.map(plainIp))),
  ]);
  return {
    service: (key) => serviceCache.get(key),
    slices: (key) => sliceCache.byIndex(serviceIndex, key),
    hasNamespace: (name) => namespaceCache.get(name) !== undefined,
    servicesWithIp: (ip) => serviceCache.byIndex(addressIndex, ip),
    slicesWithAddress: (ip) => sliceCache.byIndex(addressIndex, ip),
  };
}

interface Listeners {
  readonly udp: UdpSocket;
  readonly tcp: TcpListener;
}

type ListenOptions = Pick<DnsServerOptions, 'log' | 'clock'> & { readonly host: string };

async function listen({ host, log, clock }: ListenOptions, responder: Responder, tasks: Tasks, signal: AbortSignal): Promise<Listeners> {
  const onError = (error: Error) => log.warn('DNS socket reported an error', { error: errorText(error) });
  let connections = 0;
  const onConnection = (socket: Duplex) => {
    if (connections >= connectionsMax) return void socket.destroy();
    connections++;
    tasks.run('DNS over TCP', signal, () => serveConnection(responder, socket, clock, signal).finally(() => connections--));
  };
  for (let tries = 1; ; tries++) {
    const udp: UdpSocket = await bindUdp({
      host,
      port: 0,
      onError,
      onMessage: (asked, from) => {
        const answer = respond(responder, asked, 'udp');
        if (!(answer instanceof Promise)) {
          if (answer) udp.send(answer, from);
          return;
        }
        tasks.run('DNS answer', signal, async () => {
          const late = await answer;
          if (late && !signal.aborted) udp.send(late, from);
        });
      },
    });
    try {
      return { udp, tcp: await listenTcp({ host, port: udp.port, onConnection }) };
    } catch (error) {
      await udp.close();
      if (tries >= bindTries) throw error;
    }
  }
}

/** Questions one after the other, each with its length in front. Ends when the client is silent for long. */
async function serveConnection(responder: Responder, socket: Duplex, clock: Clock, signal: AbortSignal): Promise<void> {
  const end = () => void socket.destroy();
  let timer = clock.after(idleMs, end);
  const off = onAbort(signal, end);
  try {
    let read: Buffer = Buffer.alloc(0);
    for await (const chunk of socket) {
      timer.cancel();
      timer = clock.after(idleMs, end);
      read = read.length === 0 ? (chunk as Buffer) : Buffer.concat([read, chunk as Buffer]);
      while (read.length >= 2 && read.length >= read.readUInt16BE(0) + 2) {
        const length = read.readUInt16BE(0);
        const answer = await respond(responder, read.subarray(2, length + 2), 'tcp');
        read = read.subarray(length + 2);
        if (!answer) return;
        const head = Buffer.alloc(2);
        head.writeUInt16BE(answer.length, 0);
        if (!socket.write(Buffer.concat([head, answer]))) await drained(socket);
      }
    }
  } catch {
    // The client went away.
  } finally {
    timer.cancel();
    off();
    socket.destroy();
  }
}

function drained(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done);
      socket.off('close', done);
      resolve();
    };
    socket.on('drain', done);
    socket.on('close', done);
  });
}
