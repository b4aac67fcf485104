// Plain TCP: dialling out with a deadline, and listening.
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { onAbort } from '../abort.ts';
import { type Clock, DeadlineError } from '../clock.ts';

export interface DialOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  /** Milliseconds until the connection must stand. */
  readonly timeoutMs: number;
  /** Ends the dialling, and the connection, whenever it fires. */
  readonly signal?: AbortSignal | undefined;
}

/** Opens a connection. Throws the system's error (with `code`), DeadlineError, or the signal's reason. */
export function dialTcp(options: DialOptions): Promise<Duplex> {
  const { host, port, clock, timeoutMs, signal } = options;
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket = net.connect({ host, port, noDelay: true, allowHalfOpen: true });
    const timer = clock.after(timeoutMs, () =>
      socket.destroy(new DeadlineError(`No connection to ${host}:${port} within ${timeoutMs} ms`)),
    );
    const off = onAbort(signal, (reason) => socket.destroy(reason instanceof Error ? reason : new Error(String(reason))));
    socket.on('close', off);
    socket.on('error', (error) => {
      timer.cancel();
      reject(signal?.aborted ? signal.reason : error);
    });
    socket.on('connect', () => {
      timer.cancel();
      resolve(socket);
    });
  });
}

export interface TcpListener {
  readonly port: number;
  /** Stops accepting and drops what is open. */
  close(): Promise<void>;
}

/** Accepts connections. Throws the system's error (`EADDRINUSE`, ...). Port 0 takes a free one. */
export interface ListenTcpOptions {
  readonly host: string;
  readonly port: number;
  readonly onConnection: (socket: Duplex) => void;
  /** `::` is every IPv6 address alone, and leaves the port of the IPv4 ones to others. Default false. */
  readonly oneFamily?: boolean;
}

export function listenTcp(options: ListenTcpOptions): Promise<TcpListener> {
  const open = new Set<net.Socket>();
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => {});
    options.onConnection(socket);
  });
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of open) socket.destroy();
    });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: options.port, host: options.host, ipv6Only: options.oneFamily ?? false }, () => {
      server.off('error', reject);
      const address = server.address();
      resolve({ port: typeof address === 'object' && address ? address.port : options.port, close });
    });
  });
}
