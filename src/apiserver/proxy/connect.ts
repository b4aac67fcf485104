// Logs, exec, attach and port-forward: from the API server on to the kubelet, streamed or as raw bytes after the upgrade.
import { badRequest, internalError, StatusError, type V1Node, type V1Pod } from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { withoutTokenProtocol } from '../authn/authenticate.ts';
import { type EdgeRequest, type EdgeResponse, headerOf, type IncomingHeaders } from '../http/exchange.ts';
import { type AcceptWebSocket, asksForWebSocket, streamOverWebSocket } from '../http/over-websocket.ts';
import type { ResourceInfo } from '../http/request-info.ts';
import type { NodeConnection, NodeRequest, NodeResponse } from './node-connection.ts';
import { batchesOf, joined } from './relay.ts';
import { type Connect, targetOf } from './target.ts';

/** Bytes of a kubelet's refusal that are passed on. */
const refusalMaxBytes = 64 * 1024;

export interface ConnectOptions {
  readonly connect: Connect;
  readonly request: EdgeRequest;
  readonly info: ResourceInfo;
  /** Fires when the client has gone, or the server stops. */
  readonly signal: AbortSignal;
  readonly nodes: NodeConnection;
  readonly pod: (namespace: string, name: string) => Promise<V1Pod>;
  readonly node: (name: string) => Promise<V1Node>;
  readonly acceptWebSocket: AcceptWebSocket;
}

export async function connectToPod(options: ConnectOptions): Promise<EdgeResponse> {
  const { connect, request, info, nodes, signal } = options;
  const pod = await options.pod(info.namespace, info.name);
  const { nodeName, target } = targetOf(connect, pod, info.query);
  if (nodeName === undefined) return { status: 204, headers: {}, body: { as: 'none' } };
  const asksUpgrade = request.headers.upgrade !== undefined;
  if (connect !== 'log' && !asksUpgrade) throw badRequest('Upgrade request required');
  const node = await options.node(nodeName);
  if (connect === 'log') {
    const { headers, batches } = await openLog(nodes, { node, method: 'GET', target, headers: {}, signal }, info);
    if (asksForWebSocket(request)) return streamOverWebSocket({ request, batches, accept: options.acceptWebSocket });
    return { status: 200, headers, body: { as: 'stream', batches } };
  }
  return passThrough(nodes, { node, method: request.method, target, headers: forwardedHeaders(request.headers), signal });
}

async function openLog(nodes: NodeConnection, request: NodeRequest, info: ResourceInfo) {
  const answer = await nodes.request(request).catch((error: unknown) => Promise.reject(unreachable('Get', request, error)));
  if (answer.status < 200 || answer.status > 206) throw await refusedLog(answer, info);
  const type = answer.headers['content-type'];
  return { headers: { 'content-type': typeof type === 'string' ? type : 'text/plain' }, batches: batchesOf(answer.body) };
}

/** The kubelet says why in plain text; clients get a Status. */
async function refusedLog(answer: NodeResponse, info: ResourceInfo): Promise<StatusError> {
  const text = (await readText(answer)).trim();
  if (answer.status === 400) return badRequest(text);
  if (answer.status === 404) {
    const message = `the server could not find the requested resource ( pods/log ${info.name})`;
    return new StatusError({ code: 404, reason: 'NotFound', message, details: { name: info.name, kind: 'pods/log' } });
  }
  return internalError(text);
}

async function passThrough(nodes: NodeConnection, request: NodeRequest): Promise<EdgeResponse> {
  const answer = await nodes.upgrade(request).catch((error: unknown) => Promise.reject(unreachable(request.method, request, error)));
  if (answer.as === 'refused') {
    const { status, headers } = answer.response;
    const bytes = Buffer.from(await readText(answer.response));
    const type = headers['content-type'];
    return {
      status,
      headers: { 'content-type': typeof type === 'string' ? type : 'text/plain', 'content-length': bytes.length },
      body: { as: 'bytes', bytes },
    };
  }
  return joined(answer, request.signal);
}

const unforwarded: readonly string[] = [
  'host',
  'authorization',
  'cookie',
  'content-length',
  'sec-websocket-protocol',
  'audit-id',
  'accept-encoding',
];

/** What the client said, without who it is. */
function forwardedHeaders(headers: IncomingHeaders): Record<string, string | readonly string[]> {
  const forwarded: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !unforwarded.includes(name) && !name.startsWith('impersonate-') && !name.startsWith(':'))
      forwarded[name] = value;
  }
  const offered = withoutTokenProtocol(headerOf(headers, 'sec-websocket-protocol') ?? '');
  if (offered !== '') forwarded['sec-websocket-protocol'] = offered;
  forwarded['content-length'] = '0';
  return forwarded;
}

const unreachable = (verb: string, request: NodeRequest, cause: unknown): StatusError =>
  new StatusError({
    code: 500,
    reason: 'InternalError',
    message: `Internal error occurred: error dialing backend: ${verb} ${JSON.stringify(request.target)} on node ${JSON.stringify(request.node.metadata?.name ?? '')}: ${errorText(cause)}`,
    cause,
  });

async function readText(answer: NodeResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of answer.body) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > refusalMaxBytes) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}
