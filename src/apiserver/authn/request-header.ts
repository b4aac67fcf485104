// Who a front proxy says a request is of: X-Remote-* headers, believed from a client whose certificate the front-proxy CA signed.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy
import type { UserInfo } from '../../client/mod.ts';
import { decodeHeaderKey, type EdgeRequest, fieldsOf, type PeerCertificate } from '../http/exchange.ts';

/** What aggregated servers are told too (the config map "extension-apiserver-authentication"). */
export const requestHeaders = {
  allowedNames: ['front-proxy-client'],
  user: 'X-Remote-User',
  uid: 'X-Remote-Uid',
  group: 'X-Remote-Group',
  extraPrefix: 'X-Remote-Extra-',
} as const;

export interface RequestHeaderAuthenticator {
  /** True for a certificate of the front proxy's CA: it never says who its bearer is. */
  isFrontProxy(certificate: PeerCertificate): boolean;
  /** Undefined when the bearer may not speak for others, or does not. */
  authenticate(request: EdgeRequest, nowMs: number): UserInfo | undefined;
}

/** `isIssued` tells whether the front-proxy CA has signed a certificate (DER). */
export function createRequestHeaderAuthenticator(isIssued: (certificate: Uint8Array) => boolean): RequestHeaderAuthenticator {
  // One object a connection: its signature is looked at once.
  const known = new WeakMap<PeerCertificate, boolean>();
  const isFrontProxy = (certificate: PeerCertificate): boolean => {
    const before = known.get(certificate);
    if (before !== undefined) return before;
    const issued = certificate.raw !== undefined && isIssued(certificate.raw);
    known.set(certificate, issued);
    return issued;
  };
  return {
    isFrontProxy,
    authenticate(request, nowMs) {
      const { peerCertificate: peer } = request;
      if (!peer?.verified || nowMs > peer.notAfterMs || !isFrontProxy(peer)) return undefined;
      return (requestHeaders.allowedNames as readonly string[]).includes(peer.commonName) ? readUser(request) : undefined;
    },
  };
}

function readUser(request: EdgeRequest): UserInfo | undefined {
  const fields = (name: string): readonly string[] => fieldsOf(request, name).map(fromHeader);
  const name = fields(requestHeaders.user.toLowerCase())[0];
  if (name === undefined || name === '') return undefined;
  const uid = fields(requestHeaders.uid.toLowerCase())[0];
  const prefix = requestHeaders.extraPrefix.toLowerCase();
  const extra = Object.keys(request.headers)
    .filter((header) => header.startsWith(prefix))
    .map((header) => [decodeHeaderKey(header.slice(prefix.length)), fields(header)] as const);
  return {
    name,
    groups: fields(requestHeaders.group.toLowerCase()),
    ...(uid === undefined || uid === '' ? {} : { uid }),
    ...(extra.length === 0 ? {} : { extra: Object.fromEntries(extra) }),
  };
}

/** Node reads header fields as Latin-1; proxies write UTF-8. */
const fromHeader = (value: string): string => Buffer.from(value, 'latin1').toString('utf8');
const toHeader = (value: string): string => Buffer.from(value, 'utf8').toString('latin1');

/** What a header's name may not have, and the percent sign itself. */
const encodeKey = (key: string): string =>
  [...Buffer.from(key, 'utf8')]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[A-Za-z0-9!#$&'*+\-.^_`|~]/.test(char) ? char : `%${byte.toString(16).padStart(2, '0')}`;
    })
    .join('');

/** The headers that tell an aggregated server who a request is of. */
export function headersFor(user: UserInfo): Record<string, string | readonly string[]> {
  const headers: Record<string, string | readonly string[]> = { [requestHeaders.user.toLowerCase()]: toHeader(user.name) };
  if (user.uid !== undefined) headers[requestHeaders.uid.toLowerCase()] = toHeader(user.uid);
  if (user.groups.length > 0) headers[requestHeaders.group.toLowerCase()] = user.groups.map(toHeader);
  for (const [key, values] of Object.entries(user.extra ?? {})) {
    headers[`${requestHeaders.extraPrefix.toLowerCase()}${encodeKey(key.toLowerCase())}`] = values.map(toHeader);
  }
  return headers;
}
