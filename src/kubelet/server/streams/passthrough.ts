// Bytes handed on as they are: a SPDY client's connection to the runtime's own SPDY server, or SPDY within a WebSocket.
import type { Duplex } from 'node:stream';
import type { WebSocketConnection } from '../../../base/ports/websocket.ts';

/** Joins two sockets until either is gone. `headA` and `headB` are what each has said already. */
export function joinSockets(
  a: { readonly socket: Duplex; readonly head: Uint8Array },
  b: { readonly socket: Duplex; readonly head: Uint8Array },
): Promise<void> {
  const sides = [
    [a.socket, b.socket],
    [b.socket, a.socket],
  ] as const;
  if (a.head.length > 0) b.socket.write(a.head);
  if (b.head.length > 0) a.socket.write(b.head);
  const ended = sides.map(
    ([from, to]) =>
      new Promise<void>((resolve) => {
        from.pipe(to);
        from.on('error', () => to.destroy());
        from.once('close', () => {
          to.destroy();
          resolve();
        });
      }),
  );
  return Promise.all(ended).then(() => {});
}

/** SPDY frames as binary messages, for a client that tunnels (port forwarding of today's kubectl). */
export async function tunnel(client: WebSocketConnection, runtime: { readonly socket: Duplex; readonly head: Uint8Array }): Promise<void> {
  const { socket, head } = runtime;
  const toRuntime = (async () => {
    for await (const { data } of client.messages) {
      if (!socket.writable) break;
      if (!socket.write(data)) await room(socket);
    }
    socket.destroy();
  })();
  socket.on('error', () => {});
  if (head.length > 0) await client.send(head);
  try {
    for await (const chunk of socket as AsyncIterable<Buffer>) await client.send(chunk);
  } catch {
    // The runtime broke off: the client sees its connection end.
  }
  client.close(1000);
  await toRuntime;
}

function room(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      socket.off('drain', go);
      socket.off('close', go);
      resolve();
    };
    socket.on('drain', go);
    socket.on('close', go);
  });
}
