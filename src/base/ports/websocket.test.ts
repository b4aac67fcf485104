import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, issueCertificate } from './certificates.ts';
import { systemClock } from './clock.ts';
import { type HttpServer, startHttpServer } from './http-server.ts';
import {
  acceptWebSocket,
  asksForWebSocket,
  connectWebSocket,
  HandshakeError,
  offeredProtocols,
  type WebSocketConnection,
} from './websocket.ts';

const validity = { notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + 3_600_000 };
let server: HttpServer;
let ca: string;
let onConnection: (connection: WebSocketConnection) => void = () => {};

beforeAll(async () => {
  const authority = await createAuthority({ commonName: 'ca', ...validity });
  const issued = await issueCertificate(authority, { commonName: 's', ipAddresses: ['127.0.0.1'], usages: ['server'], ...validity });
  ca = authority.certificatePem;
  server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    clock: systemClock,
    tls: { cert: issued.certificatePem, key: issued.keyPem },
    handle: async (request, response) => {
      const offered = offeredProtocols(request.headers);
      if (!asksForWebSocket(request.headers) || offered.includes('forbidden')) {
        response.head(403, {});
        return response.end(Buffer.from('not here'));
      }
      const { socket, head } = response.takeSocket();
      const protocol = offered.includes('v5') ? 'v5' : (offered[0] ?? '');
      const connection = acceptWebSocket({ method: request.method, headers: request.headers, socket, head, protocol });
      if (connection) onConnection(connection);
    },
  });
});
afterAll(() => server.close(0));

const connect = (...protocols: string[]) => connectWebSocket({ url: `https://127.0.0.1:${server.port}/`, protocols, tls: { ca } });

describe('a WebSocket over the HTTPS server', () => {
  test('the server chooses the subprotocol; text and binary go both ways', async () => {
    onConnection = async (connection) => {
      for await (const { data, binary } of connection.messages) await connection.send(binary ? data : Buffer.from(data).toString());
      connection.close();
    };
    const connection = await connect('v4', 'v5');
    expect(connection.protocol).toBe('v5');
    await connection.send('hello');
    await connection.send(Buffer.from([1, 2, 3]));
    const got: unknown[] = [];
    for await (const { data, binary } of connection.messages) {
      got.push([binary, binary ? [...data] : Buffer.from(data).toString()]);
      if (got.length === 2) break;
    }
    expect(got).toEqual([
      [false, 'hello'],
      [true, [1, 2, 3]],
    ]);
    connection.close(1000, 'done');
    expect((await connection.closed).code).toBe(1000);
  });

  test('a fast sender waits for a slow reader, and every message arrives in order', async () => {
    onConnection = async (connection) => {
      for (let i = 0; i < 400; i++) {
        const chunk = Buffer.alloc(32 * 1024, 7);
        chunk.writeUInt32BE(i);
        await connection.send(chunk);
      }
      connection.close();
    };
    const connection = await connect();
    let next = 0;
    for await (const { data } of connection.messages) expect(Buffer.from(data).readUInt32BE()).toBe(next++);
    expect(next).toBe(400);
  });

  test('a refusal carries status and body', async () => {
    await expect(connect('forbidden')).rejects.toEqual(new HandshakeError(403, 'not here'));
    await expect(connect('forbidden')).rejects.toMatchObject({ code: 403, body: 'not here' });
  });

  test('the signal ends the connection', async () => {
    onConnection = () => {};
    const controller = new AbortController();
    const connection = await connectWebSocket({ url: `https://127.0.0.1:${server.port}/`, tls: { ca }, signal: controller.signal });
    controller.abort();
    expect((await connection.closed).code).toBe(1006);
    await connection.send('into the void');
  });
});
