// Health check ports: a load balancer in front of several nodes asks each whether it has endpoints of its own (externalTrafficPolicy: Local).
// https://kubernetes.io/docs/tasks/access-application-cluster/create-external-load-balancer/#preserving-the-client-source-ip
import type { Duplex } from 'node:stream';
import type { V1EndpointSlice, V1Service } from '../../api/mod.ts';
import { type Clock, errorText, type Logger } from '../../base/mod.ts';
import { listenTcp, type TcpListener } from '../../base/ports/tcp.ts';
import { type Place, selectBackends } from './backends.ts';

const requestBytesMax = 8 * 1024;
const requestMs = 5_000;
/** A port that is taken is tried again. */
const retryMs = 5_000;

export interface HealthCheck {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  /** Endpoints on this node, each address once. */
  readonly localEndpoints: number;
}

/** Undefined for services without a health check port. Pure. */
export function healthCheckOf(service: V1Service, slices: readonly V1EndpointSlice[], place: Place): HealthCheck | undefined {
  const { spec, metadata } = service;
  const port = spec?.healthCheckNodePort;
  if (!port || spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local') return undefined;
  const addresses = (spec.ports ?? []).flatMap((one) => selectBackends(slices, one, place).local.map(({ address }) => address));
  return { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '', port, localEndpoints: new Set(addresses).size };
}

/** The whole HTTP answer. Pure. */
export function healthAnswer({ namespace, name, localEndpoints }: HealthCheck): string {
  const body = JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: true });
  const status = localEndpoints > 0 ? '200 OK' : '503 Service Unavailable';
  const headers = [
    'Content-Type: application/json',
    'X-Content-Type-Options: nosniff',
    `X-Load-Balancing-Endpoint-Weight: ${localEndpoints}`,
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  return `HTTP/1.1 ${status}\r\n${headers.join('\r\n')}\r\n\r\n${body}`;
}

export interface HealthChecks {
  /** Replaces what one service (by its key) asks for. */
  want(owner: string, check: HealthCheck | undefined): void;
  /** Opens and closes ports until they are what is wanted. Never rejects. */
  settle(): Promise<void>;
  close(): Promise<void>;
}

interface Open {
  readonly listener: TcpListener;
  readonly owner: string;
}

/** `host`: every address of one family. */
export function createHealthChecks({
  clock,
  log,
  host,
}: {
  readonly clock: Clock;
  readonly log: Logger;
  readonly host: string;
}): HealthChecks {
  const wanted = new Map<string, HealthCheck>();
  const open = new Map<number, Open>();
  const refused = new Map<number, number>();
  const settle = async () => {
    for (const [port, { listener, owner }] of open) {
      if (wanted.get(owner)?.port === port) continue;
      open.delete(port);
      await listener.close();
    }
    for (const [owner, { port }] of wanted) {
      if (open.has(port) || (refused.get(port) ?? 0) > clock.monotonicMs()) continue;
      try {
        const onConnection = (socket: Duplex) => answer(socket, clock, () => wanted.get(owner));
        open.set(port, { owner, listener: await listenTcp({ host, port, onConnection, oneFamily: true }) });
      } catch (error) {
        refused.set(port, clock.monotonicMs() + retryMs);
        log.warn('Cannot listen on a health check port', { service: owner, port, error: errorText(error) });
      }
    }
  };
  return {
    want(owner, check) {
      if (check) wanted.set(owner, check);
      else wanted.delete(owner);
    },
    settle,
    async close() {
      wanted.clear();
      await settle();
    },
  };
}

/** Whatever is asked: the answer is one. It comes when the head of the request has been read. */
function answer(socket: Duplex, clock: Clock, current: () => HealthCheck | undefined): void {
  const timer = clock.after(requestMs, () => void socket.destroy());
  socket.once('close', () => timer.cancel());
  let head = '';
  const read = (chunk: Buffer) => {
    head += chunk.toString('latin1');
    const check = current();
    if (head.length > requestBytesMax || !check) return void socket.destroy();
    if (!head.includes('\r\n\r\n')) return;
    socket.off('data', read);
    socket.resume();
    socket.end(healthAnswer(check));
  };
  socket.on('data', read);
}
