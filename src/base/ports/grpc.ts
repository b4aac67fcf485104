// The gRPC library, in a module of its own so that it can be loaded late: a bundler gives the named exports of a CommonJS
// package only to a static import.
import { Buffer } from 'node:buffer';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import * as grpc from '@grpc/grpc-js';

export { grpc };

/** All PEM. */
export interface GrpcTls {
  /** Absent: the authorities that Node.js trusts. */
  readonly ca?: string | undefined;
  /** Of the client; both or none. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** What a client of a TLS server is made with, beside its other options. */
export function tlsOptions(hostname: string, tls: GrpcTls): { credentials: grpc.ChannelCredentials; options: grpc.ChannelOptions } {
  const pem = (text: string | undefined) => (text === undefined ? null : Buffer.from(text));
  // TLS has no server names for addresses: a name is sent in its place, and the certificate is checked for the address.
  const address = hostname.replace(/^\[|\]$/g, '');
  const isAddress = isIP(address) !== 0;
  const verify = isAddress
    ? { checkServerIdentity: (_: string, cert: Parameters<typeof checkServerIdentity>[1]) => checkServerIdentity(address, cert) }
    : {};
  return {
    credentials: grpc.credentials.createSsl(pem(tls.ca), pem(tls.key), pem(tls.cert), verify),
    options: isAddress ? { 'grpc.ssl_target_name_override': 'localhost' } : {},
  };
}
