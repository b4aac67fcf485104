// UDP: a socket that is bound to an address, and questions to one peer.
import dgram from 'node:dgram';
import { onAbort } from '../abort.ts';
import { type Clock, DeadlineError } from '../clock.ts';

export interface Peer {
  readonly address: string;
  readonly port: number;
}

export interface UdpSocket {
  readonly port: number;
  /** Never fails: a datagram may always be lost. */
  send(data: Uint8Array, to: Peer): void;
  close(): Promise<void>;
}

export interface UdpOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly onMessage: (data: Buffer, from: Peer) => void;
  /** The socket goes on after it. */
  readonly onError: (error: Error) => void;
}

/** Throws the system's error (`EADDRINUSE`, `EADDRNOTAVAIL`, ...). */
export function bindUdp({ host, port, onMessage, onError }: UdpOptions): Promise<UdpSocket> {
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (data, { address, port: from }) => onMessage(data, { address, port: from }));
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.off('error', reject);
      socket.on('error', onError);
      resolve({
        port: socket.address().port,
        send: (data, to) => socket.send(data, to.port, to.address, () => {}),
        close: () => new Promise((closed) => socket.close(() => closed())),
      });
    });
  });
}

export interface AskOptions {
  readonly to: Peer;
  readonly data: Uint8Array;
  /** What does not pass is not the answer: a late or forged one. */
  readonly accept: (answer: Buffer) => boolean;
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends one datagram from a port of its own, and gives what the peer answers; answers of others never get here.
 * Throws the system's error (`ECONNREFUSED`, ...), DeadlineError, or the signal's reason.
 */
export function askUdp({ to, data, accept, clock, timeoutMs, signal }: AskOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket(to.address.includes(':') ? 'udp6' : 'udp4');
    const settle = (finish: () => void) => {
      timer.cancel();
      off();
      socket.removeAllListeners('message');
      socket.close();
      settled = true;
      finish();
    };
    let settled = false;
    const fail = (error: unknown) => {
      if (!settled) settle(() => reject(error));
    };
    const timer = clock.after(timeoutMs, () => fail(new DeadlineError(`No answer from ${to.address}:${to.port} within ${timeoutMs} ms`)));
    let off = () => {};
    off = onAbort(signal, fail);
    if (settled) return;
    socket.on('error', fail);
    socket.on('message', (answer) => {
      if (!settled && accept(answer)) settle(() => resolve(answer));
    });
    socket.connect(to.port, to.address, () => {
      if (settled) return;
      socket.send(data, (error) => {
        if (error) fail(error);
      });
    });
  });
}
