// Connections that break off together: libuv hands out in one turn of the event loop whatever the kernel has, and the end of a connection takes a
// tenth of a millisecond, nearly all of it Node's own and the kernel's. So once many have ended in a turn, those that may follow are left unread,
// and are read again a few in each turn.
import type { Clock } from '../clock.ts';
import { onceNextTurn } from '../next-turn.ts';

/** So many may end in one turn before the others are left unread. */
const endedMax = 24;
/** So many are read again in each turn: fewer, so that they alone leave nobody unread again. */
const readMax = 16;

/** How connections are left unread. */
export interface Reading<S> {
  /** Those that nothing is expected of for now, so that reading them may wait for some turns. */
  quiet(): Iterable<S>;
  stop(socket: S): void;
  start(socket: S): void;
}

export class Endings<S extends { readonly destroyed: boolean }> {
  readonly #reading: Reading<S>;
  /** In the order in which they are read again. */
  readonly #unread = new Set<S>();
  /** In this turn. */
  #ended = 0;
  readonly #hold: () => void;

  constructor(clock: Clock, reading: Reading<S>) {
    this.#hold = onceNextTurn(clock, () => this.#turn());
    this.#reading = reading;
  }

  /** A connection has just ended: the other side closed it, or it broke. */
  ended(): void {
    this.#ended++;
    this.#hold();
    // What libuv still has in this turn for a socket that is not read any more, it does not hand out.
    if (this.#ended === endedMax) for (const socket of this.#reading.quiet()) this.#leaveUnread(socket);
  }

  #leaveUnread(socket: S): void {
    if (socket.destroyed || this.#unread.has(socket)) return;
    this.#unread.add(socket);
    this.#reading.stop(socket);
  }

  #turn(): void {
    this.#ended = 0;
    let left = readMax;
    for (const socket of this.#unread) {
      if (left-- === 0) break;
      this.#unread.delete(socket);
      if (!socket.destroyed) this.#reading.start(socket);
    }
    if (this.#unread.size > 0) this.#hold();
  }
}
