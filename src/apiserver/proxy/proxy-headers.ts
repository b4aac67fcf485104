// Which headers cross a proxy: never who the client is, nor what belongs to one connection; and where a backend's redirect leads. Pure.
import { posix } from 'node:path';
import { connectionOptions, hopByHopHeaders } from '../../base/mod.ts';
import type { HttpHeaders } from '../../base/ports/http-client.ts';
import { withoutTokenProtocol } from '../authn/authenticate.ts';
import { type EdgeRequest, headerOf, type IncomingHeaders, type OutgoingHeaders } from '../http/exchange.ts';

/** What tells who the client is, or claims it. */
const identityPrefixes: readonly string[] = ['impersonate-', 'x-remote-'];
const notForwarded: ReadonlySet<string> = new Set([
  ...hopByHopHeaders,
  'authorization',
  'expect',
  'host',
  'audit-id',
  'sec-websocket-protocol',
]);

/** True when the client wants another protocol on its connection. */
export const asksUpgrade = (headers: IncomingHeaders): boolean =>
  headers.upgrade !== undefined && connectionOptions(headers).has('upgrade') && headers[':method'] === undefined;

/**
 * The client's headers as a backend gets them. An upgrade is asked for again where the client asked for one; `host` is what the
 * client called the server.
 */
export function requestHeaders(request: EdgeRequest): Record<string, string | readonly string[]> {
  const { headers } = request;
  const dropped = connectionOptions(headers);
  const sent: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(':') || notForwarded.has(name) || dropped.has(name)) continue;
    if (!identityPrefixes.some((prefix) => name.startsWith(prefix))) sent[name] = value;
  }
  const host = headerOf(headers, 'host') ?? headerOf(headers, ':authority');
  if (host !== undefined) sent.host = host;
  const offered = withoutTokenProtocol(headerOf(headers, 'sec-websocket-protocol') ?? '');
  if (offered !== '') sent['sec-websocket-protocol'] = offered;
  if (asksUpgrade(headers)) Object.assign(sent, { connection: 'Upgrade', upgrade: headers.upgrade });
  const before = headerOf(headers, 'x-forwarded-for');
  if (request.remoteAddress !== '')
    sent['x-forwarded-for'] = before === undefined ? request.remoteAddress : `${before}, ${request.remoteAddress}`;
  return sent;
}

/** A backend's headers as the client gets them: its rules for other origins are not the server's, nor is its audit. */
export function answerHeaders(headers: HttpHeaders): Record<string, string | readonly string[]> {
  const dropped = connectionOptions(headers);
  const sent: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopByHopHeaders.includes(name) || dropped.has(name)) continue;
    if (name !== 'audit-id' && !name.startsWith('access-control-')) sent[name] = value;
  }
  return sent;
}

export interface ProxiedPlace {
  /** The server's path that stands for the backend's `/`: `/api/v1/namespaces/a/pods/b/proxy`. */
  readonly prefix: string;
  /** What the backend and the client call the host: a redirect to one of them stays behind the proxy. */
  readonly hosts: readonly (string | undefined)[];
}

/** A redirect to the backend itself leads through the proxy again; one to another host, or a relative one, stays as it is. */
export function rewriteLocation(location: string, { prefix, hosts }: ProxiedPlace): string {
  const [, , host, path = '', rest = ''] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/s.exec(location) ?? [];
  if ((host !== undefined && host !== '' && !hosts.includes(host)) || !path.startsWith('/')) return location;
  if (path === prefix || path.startsWith(`${prefix}/`)) return `${path}${rest}`;
  return `${prefix}${posix.normalize(path)}${rest}`;
}

export const withLocation = (headers: OutgoingHeaders, place: ProxiedPlace): OutgoingHeaders =>
  typeof headers.location === 'string' ? { ...headers, location: rewriteLocation(headers.location, place) } : headers;

/** Percent-encodes what a path may not have; `/` and what a segment may have stay. */
export const encodePath = (path: string): string =>
  path.replace(/[^A-Za-z0-9\-_.~$&+,/:;=@]/gu, (char) =>
    /[!'()*]/.test(char) ? `%${char.charCodeAt(0).toString(16).toUpperCase()}` : encodeURIComponent(char),
  );
