// Connections wait for their TLS handshake in a queue: a handshake takes most of a millisecond of the event loop, and a thousand that begin in
// one turn would stand before everybody else's request.
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../clock.ts';

/** So many handshakes are under way at once. */
const underWayMax = 4;
/** A client that does not go on with its handshake leaves its place to the next after this. The handshake itself goes on. */
const placeMs = 10;
/** Connections that wait for their handshake. Those beyond are dropped. */
const waitingMax = 8192;

const ignore = () => {};
/** The same for a connection's own socket and for the TLS socket over it. */
const keyOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;

export class Handshakes {
  readonly #begin: (socket: Socket) => void;
  readonly #clock: Clock;
  /** In the order of coming. */
  readonly #waiting = new Set<Socket>();
  readonly #underWay = new Map<string, Timer>();

  /** `begin` starts the handshake of a connection. */
  constructor(begin: (socket: Socket) => void, clock: Clock) {
    this.#begin = begin;
    this.#clock = clock;
  }

  /** Takes a connection that has just been accepted. */
  take(socket: Socket): void {
    if (this.#underWay.size < underWayMax) return this.#start(socket);
    if (this.#waiting.size >= waitingMax) {
      socket.destroy();
      return;
    }
    this.#waiting.add(socket);
    // One that is reset meanwhile has been nobody's yet.
    socket.on('error', ignore);
    socket.once('close', () => this.#waiting.delete(socket));
  }

  /** The handshake over this TLS socket has ended well. */
  done(socket: Socket): void {
    this.#leave(keyOf(socket));
  }

  /** Drops those that wait. */
  close(): void {
    for (const socket of this.#waiting) socket.destroy();
    this.#waiting.clear();
  }

  #start(socket: Socket): void {
    const key = keyOf(socket);
    const leave = () => this.#leave(key);
    this.#underWay.set(key, this.#clock.after(placeMs, leave));
    socket.once('close', leave);
    this.#begin(socket);
  }

  #leave(key: string): void {
    const timer = this.#underWay.get(key);
    if (!timer) return;
    timer.cancel();
    this.#underWay.delete(key);
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      next.off('error', ignore);
      if (!next.destroyed) return this.#start(next);
    }
  }
}
