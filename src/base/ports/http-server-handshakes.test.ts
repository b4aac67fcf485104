import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { VirtualClock } from '../virtual-clock.ts';
import { turn } from './clock.ts';
import { Handshakes } from './http-server-handshakes.ts';

class FakeSocket extends EventEmitter {
  readonly remoteAddress = '127.0.0.1';
  readonly remotePort: number;
  destroyed = false;
  constructor(port: number) {
    super();
    this.remotePort = port;
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function setUp() {
  const clock = new VirtualClock({ settle: turn });
  const begun: number[] = [];
  const handshakes = new Handshakes((socket) => void begun.push(socket.remotePort ?? 0), clock);
  const sockets = Array.from({ length: 20 }, (_, at) => new FakeSocket(at) as unknown as Socket & FakeSocket);
  for (const socket of sockets) handshakes.take(socket);
  return { clock, begun, handshakes, sockets };
}
const upTo = (count: number) => Array.from({ length: count }, (_, at) => at);

test('a few handshakes are under way at once; each that ends, or breaks off, makes room for the next', () => {
  const { begun, handshakes, sockets } = setUp();
  expect(begun).toEqual(upTo(4));
  handshakes.done(sockets[3] as Socket);
  handshakes.done(sockets[3] as Socket);
  expect(begun).toEqual(upTo(5));
  sockets[0]?.destroy();
  expect(begun).toEqual(upTo(6));
});

test('clients that do not go on leave their places to others', async () => {
  const { clock, begun } = setUp();
  for (const count of [8, 12, 16, 20, 20]) {
    await clock.advance(10);
    expect(begun).toEqual(upTo(count));
  }
  expect(clock.timers).toBe(0);
});

test('who goes away while waiting is never begun with, and an error of his is nobody’s', () => {
  const { begun, handshakes, sockets } = setUp();
  sockets[4]?.emit('error', new Error('reset'));
  sockets[4]?.destroy();
  handshakes.done(sockets[0] as Socket);
  expect(begun.at(-1)).toBe(5);
  handshakes.close();
  expect(sockets.filter(({ destroyed }) => destroyed).map(({ remotePort }) => remotePort)).toEqual([4, ...upTo(20).slice(6)]);
});
