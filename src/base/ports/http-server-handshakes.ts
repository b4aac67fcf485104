// Connections wait for their TLS handshake in a queue: a handshake takes most of a millisecond of the event loop, half of it when it begins and half when
// the client has answered, and a thousand that begin, or that are answered, in one turn would stand before everybody else's request.
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../clock.ts';

/** So many handshakes are under way at once, those aside whose clients are slow. */
const underWayMax = 4;
/** So many begin in one turn. */
const begunMax = 2;
/** A client that does not go on with its handshake leaves its place to the next after this. The handshake itself goes on. */
const placeMs = 10;
/** So many are under way at most, slow ones included: their clients may all answer in the same turn. */
const answersMax = 12;
/** A client that is silent for longer is not expected to answer together with the others. */
const answerMs = 150;
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
  readonly #underWay = new Map<string, { timer: Timer; slow: boolean }>();
  /** How many of those under way are slow. */
  #slow = 0;
  /** In this turn. */
  #begun = 0;

  /** `begin` starts the handshake of a connection. */
  constructor(begin: (socket: Socket) => void, clock: Clock) {
    this.#begin = begin;
    this.#clock = clock;
  }

  /** Takes a connection that has just been accepted. */
  take(socket: Socket): void {
    if (this.#waiting.size >= waitingMax) {
      socket.destroy();
      return;
    }
    if (this.#waiting.size === 0 && this.#hasRoom()) return this.#start(socket);
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

  #hasRoom(): boolean {
    const { size } = this.#underWay;
    return this.#begun < begunMax && size - this.#slow < underWayMax && size < answersMax;
  }

  #start(socket: Socket): void {
    const key = keyOf(socket);
    this.#underWay.set(key, { slow: false, timer: this.#clock.after(placeMs, () => this.#isSlow(key)) });
    socket.once('close', () => this.#leave(key));
    if (++this.#begun === 1) void this.#clock.yield().then(() => this.#turn());
    this.#begin(socket);
  }

  #turn(): void {
    this.#begun = 0;
    this.#startNext();
  }

  #isSlow(key: string): void {
    const own = this.#underWay.get(key);
    if (!own) return;
    own.slow = true;
    this.#slow++;
    own.timer = this.#clock.after(answerMs - placeMs, () => this.#leave(key));
    this.#startNext();
  }

  #leave(key: string): void {
    const own = this.#underWay.get(key);
    if (!own) return;
    own.timer.cancel();
    if (own.slow) this.#slow--;
    this.#underWay.delete(key);
    this.#startNext();
  }

  #startNext(): void {
    for (const next of this.#waiting) {
      if (!this.#hasRoom()) return;
      this.#waiting.delete(next);
      next.off('error', ignore);
      if (!next.destroyed) this.#start(next);
    }
  }
}
