// What a reverse proxy makes of a request's head: where it is for, what its backend gets to see, and what it refuses to pass on. Pure.
import { connectionOptions, hopByHopHeaders } from '../http-headers.ts';

export interface RawHead {
  readonly method: string;
  readonly target: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As sent: name, value, name, value, ... */
  readonly rawHeaders: readonly string[];
}

export interface ReadHead {
  /** In lower case, without its port; empty where the client names none. */
  readonly host: string;
  /** As the client wrote it, with its port. */
  readonly authority: string;
  /** Path and query. */
  readonly target: string;
  /** The path alone, as sent. */
  readonly path: string;
}

/** Fields that may come once: two of them are understood by one server so, and by the next one otherwise. */
const single: ReadonlySet<string> = new Set(['host', 'content-length', 'transfer-encoding']);

/** Whom the request is for, or one sentence that says what is wrong with it. */
export function readHead({ target, headers, rawHeaders }: RawHead): ReadHead | { readonly problem: string } {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    if (single.has(name) && seen.has(name)) return { problem: `The header "${name}" came more than once.` };
    seen.add(name);
  }
  // A proxy's clients write the whole address; what is in it outweighs the header (RFC 9112, section 3.2.2).
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/is.exec(target);
  const authority = absolute?.[1] ?? String(headers.host ?? '');
  const rest = absolute ? (absolute[2] ?? '') : target;
  const whole = rest === '' || rest.startsWith('?') ? `/${rest}` : rest;
  if (!whole.startsWith('/')) return { problem: `The request's target must be a path that begins with "/", got "${target}".` };
  const host = hostOf(authority);
  if (host === undefined) return { problem: `The host must be a name or an address, with a port or without, got "${authority}".` };
  return { host, authority, target: whole, path: whole.split(/[?#]/, 1)[0] ?? '/' };
}

/** `Example.com:8080` is `example.com`; `[fd00::1]:80` is `fd00::1`. */
function hostOf(authority: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._~-]*))(?::\d{0,5})?$/i.exec(authority);
  return match ? (match[1] ?? match[2] ?? '').toLowerCase().replace(/\.$/, '') : undefined;
}

export interface Forwarded {
  readonly remoteAddress: string;
  readonly secure: boolean;
}

/** What a client could claim about itself, and what the proxy says instead. */
const claims: readonly string[] = ['forwarded', 'x-real-ip', 'x-forwarded-scheme', 'x-forwarded-server', 'x-original-forwarded-for'];

/**
 * A request's headers as its backend gets them: nothing of this connection, no claims about where the request came from. The body
 * keeps its own framing: without it, a body of a GET would be read as the next request.
 */
export function backendHeaders(head: RawHead, { authority }: ReadHead, from: Forwarded): Record<string, string | readonly string[]> {
  const { headers } = head;
  const dropped = connectionOptions(headers);
  const sent: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || hopByHopHeaders.includes(name) || claims.includes(name) || name === 'expect') continue;
    // Nobody makes another hop forget a request's length or host by naming it.
    if (dropped.has(name) && !single.has(name)) continue;
    sent[name] = value;
  }
  if (headers['transfer-encoding'] !== undefined) {
    sent['transfer-encoding'] = 'chunked';
    delete sent['content-length'];
  }
  if (isWebSocket(head)) Object.assign(sent, { connection: 'Upgrade', upgrade: 'websocket' });
  const proto = from.secure ? 'https' : 'http';
  const port = /:(\d+)$/.exec(authority)?.[1] ?? (from.secure ? '443' : '80');
  return {
    ...sent,
    host: authority,
    'x-forwarded-for': from.remoteAddress,
    'x-forwarded-host': authority,
    'x-forwarded-port': port,
    'x-forwarded-proto': proto,
    'x-real-ip': from.remoteAddress,
  };
}

export const isWebSocket = ({ method, headers }: Pick<RawHead, 'method' | 'headers'>): boolean =>
  method === 'GET' && String(headers.upgrade ?? '').toLowerCase() === 'websocket' && connectionOptions(headers).has('upgrade');

export const hasBody = ({ headers }: Pick<RawHead, 'headers'>): boolean =>
  headers['transfer-encoding'] !== undefined || (headers['content-length'] !== undefined && headers['content-length'] !== '0');

/** Takes away in place what is of the backend's connection. */
export function cleanAnswer(headers: Record<string, string | string[] | undefined>): void {
  const chunked = headers['transfer-encoding'] !== undefined;
  for (const name of [...hopByHopHeaders, ...connectionOptions(headers)]) delete headers[name];
  if (chunked) delete headers['content-length'];
}
