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

function setUp(count = 20) {
  const clock = new VirtualClock({ settle: turn });
  // Turns of the event loop itself.
  clock.yield = turn;
  const begun: number[] = [];
  const handshakes = new Handshakes((socket) => void begun.push(socket.remotePort ?? 0), clock);
  const sockets = Array.from({ length: count }, (_, at) => new FakeSocket(at) as unknown as Socket & FakeSocket);
  for (const socket of sockets) handshakes.take(socket);
  return { clock, begun, handshakes, sockets };
}
const turns = async (count: number) => {
  for (let at = 0; at < count; at++) await turn();
};
const upTo = (count: number) => Array.from({ length: count }, (_, at) => at);

test('a few handshakes are under way at once; each that ends, or breaks off, makes room for the next', async () => {
  const { begun, handshakes, sockets } = setUp();
  expect(begun).toEqual(upTo(2));
  await turns(3);
  expect(begun).toEqual(upTo(4));
  handshakes.done(sockets[3] as Socket);
  handshakes.done(sockets[3] as Socket);
  await turns(3);
  expect(begun).toEqual(upTo(5));
  sockets[0]?.destroy();
  await turns(3);
  expect(begun).toEqual(upTo(6));
});

test('however many end in one turn, only a few begin in it', async () => {
  const { begun, handshakes, sockets } = setUp();
  for (const count of [2, 4, 6, 8, 10]) {
    expect(begun).toEqual(upTo(count));
    for (const socket of sockets.slice(0, count)) handshakes.done(socket);
    expect(begun).toEqual(upTo(count));
    await turn();
  }
});

test('clients that do not go on leave their places to others, as long as not too many may answer together', async () => {
  const { clock, begun } = setUp();
  await turns(3);
  for (const [ms, count] of [
    [10, 8],
    [10, 12],
    [129, 12],
    [1, 16],
    [10, 20],
  ] as const) {
    await clock.advance(ms);
    await turns(3);
    expect(begun).toEqual(upTo(count));
  }
  await clock.advance(150);
  expect(clock.timers).toBe(0);
});

test('who goes away while waiting is never begun with, and an error of his is nobody’s', async () => {
  const { begun, handshakes, sockets } = setUp();
  await turns(3);
  sockets[4]?.emit('error', new Error('reset'));
  sockets[4]?.destroy();
  handshakes.done(sockets[0] as Socket);
  expect(begun.at(-1)).toBe(5);
  handshakes.close();
  expect(sockets.filter(({ destroyed }) => destroyed).map(({ remotePort }) => remotePort)).toEqual([4, ...upTo(20).slice(6)]);
});
