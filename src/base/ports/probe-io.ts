// Looking at a server from outside: one HTTP request, one TCP connection, one gRPC health check; each on a connection of its own.
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { onAbort } from '../abort.ts';

/** Of an answer's body that is kept, in bytes. */
const bodyMax = 10 * 1024;

export interface ProbeHttpRequest {
  readonly url: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** `code` is the system's (`ECONNREFUSED`, ...), or `timeout` when no answer came in time. */
export class ProbeIoError extends Error {
  override readonly name = 'ProbeIoError';
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Every method rejects with {@link ProbeIoError}. Server certificates are not checked; redirects are not followed. */
export interface ProbeIo {
  httpGet(request: ProbeHttpRequest): Promise<{ readonly status: number; readonly body: string }>;
  tcpConnect(target: ProbeTarget): Promise<void>;
  /** The `status` of grpc.health.v1.Health/Check: 1 is SERVING. */
  grpcHealth(target: ProbeTarget & { readonly service: string }): Promise<number>;
}

const asIoError = (error: unknown): ProbeIoError => {
  if (error instanceof ProbeIoError) return error;
  const { code = 'unknown', message = String(error) } = (error ?? {}) as { code?: string; message?: string };
  return new ProbeIoError(code, message, error);
};

/** Runs `start` with a deadline. `start` gives what tears its connection down. */
function bounded<T>(
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  start: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    let close = () => {};
    let off = () => {};
    const end = (act: () => void) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      off();
      act();
      close();
    };
    const timer = setTimeout(() => end(() => reject(new ProbeIoError('timeout', `no answer within ${timeoutMs} ms`))), timeoutMs);
    close = start(
      (value) => end(() => resolve(value)),
      (error) => end(() => reject(asIoError(error))),
    );
    off = onAbort(signal, () => end(() => reject(new ProbeIoError('aborted', 'stopped'))));
    if (over) close();
  });
}

export const systemProbeIo: ProbeIo = {
  httpGet: (request) =>
    bounded(request, (resolve, reject) => {
      const { url, headers } = request;
      const secure = url.startsWith('https:');
      const fields: Record<string, string[]> = {};
      for (const { name, value } of headers) {
        const key = name.toLowerCase();
        fields[key] = [...(fields[key] ?? []), value];
      }
      const flat = Object.fromEntries(
        Object.entries(fields).map(([name, values]) => [name, values.length === 1 ? (values[0] ?? '') : values]),
      );
      // As lenient as Go's client: many a server of a container is a script. Nothing is passed on of what it answers.
      const options = { method: 'GET', headers: flat, agent: false, insecureHTTPParser: true } as const;
      const sent = secure ? https.request(url, { ...options, rejectUnauthorized: false }) : http.request(url, options);
      sent.on('error', reject);
      sent.on('response', (answer) => {
        let body = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          if (body.length < bodyMax) body += chunk.slice(0, bodyMax - body.length);
        });
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      });
      sent.end();
      return () => sent.destroy();
    }),

  tcpConnect: (target) =>
    bounded(target, (resolve, reject) => {
      const socket = net.connect({ host: target.host, port: target.port });
      socket.on('connect', () => resolve());
      socket.on('error', reject);
      return () => socket.destroy();
    }),

  grpcHealth: (target) =>
    bounded(target, (resolve, reject) => {
      const host = target.host.includes(':') ? `[${target.host}]` : target.host;
      const session = http2.connect(`http://${host}:${target.port}`);
      session.on('error', reject);
      const stream = session.request({
        ':method': 'POST',
        ':path': '/grpc.health.v1.Health/Check',
        'content-type': 'application/grpc',
        te: 'trailers',
        'user-agent': 'kube-probe/1.36',
      });
      const chunks: Buffer[] = [];
      let status: number | undefined;
      const readStatus = (headers: http2.IncomingHttpHeaders) => {
        const text = headers['grpc-status'];
        if (text !== undefined) status = Number(text);
      };
      stream.on('response', readStatus);
      stream.on('trailers', readStatus);
      stream.on('error', reject);
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        if (status === 0) resolve(servingStatus(Buffer.concat(chunks)));
        else reject(new ProbeIoError(status === 12 ? 'unimplemented' : 'grpc', `rpc status ${status ?? 'missing'}`));
      });
      stream.end(healthRequest(target.service));
      return () => session.destroy();
    }),
};

/** HealthCheckRequest{service = 1}, behind gRPC's five bytes of frame. */
function healthRequest(service: string): Buffer {
  const name = Buffer.from(service, 'utf8').subarray(0, 127);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

/** HealthCheckResponse{status = 1}: an enum below 128. */
function servingStatus(body: Buffer): number {
  return body.length >= 7 && body[5] === 0x08 ? (body[6] ?? 0) : 0;
}
