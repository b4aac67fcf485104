import { expect, test } from 'vitest';
import { VirtualClock } from '../virtual-clock.ts';
import { turn } from './clock.ts';
import { Endings } from './http-server-endings.ts';

/** Sockets that end as soon as they are read: all of them at once, as when a client's process is killed. */
function setUp(count: number) {
  const clock = new VirtualClock({ settle: turn });
  let endTurn = () => {};
  clock.yield = () =>
    new Promise((resolve) => {
      endTurn = resolve;
    });
  const sockets = Array.from({ length: count }, () => ({
    destroyed: false,
    read: true,
  }));
  const endings = new Endings<(typeof sockets)[number]>(clock, {
    quiet: () => sockets,
    stop: (socket) => {
      socket.read = false;
    },
    start: (socket) => {
      socket.read = true;
    },
  });
  /** What libuv does with a turn's events. */
  const poll = (gone: (at: number) => boolean): number => {
    let ended = 0;
    for (const [at, socket] of sockets.entries()) {
      if (!socket.read || socket.destroyed || !gone(at)) continue;
      socket.destroyed = true;
      ended++;
      endings.ended();
    }
    return ended;
  };
  const next = async () => {
    endTurn();
    await turn();
  };
  return { sockets, poll, next };
}

test('of a thousand that break off together a few end in each turn, and all in the end', async () => {
  const { sockets, poll, next } = setUp(1000);
  const ended: number[] = [];
  for (let left = 1000; left > 0; left -= ended.at(-1) ?? 0) {
    ended.push(poll(() => true));
    await next();
  }
  expect(ended[0]).toBe(24);
  expect(Math.max(...ended.slice(1))).toBe(16);
  expect(sockets.every(({ destroyed }) => destroyed)).toBe(true);
});

test('those that stay are read again; few ends in a turn leave nobody unread', async () => {
  const { sockets, poll, next } = setUp(100);
  expect(poll((at) => at < 23)).toBe(23);
  expect(sockets.every(({ read }) => read)).toBe(true);
  await next();
  expect(poll((at) => at < 60)).toBe(24);
  expect(sockets.filter(({ read, destroyed }) => !read && !destroyed).length).toBe(53);
  let turns = 0;
  for (; sockets.some(({ read, destroyed }) => !read && !destroyed); turns++) {
    await next();
    poll((at) => at < 60);
  }
  expect(turns).toBe(4);
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual(sockets.map((_, at) => at < 60));
});
