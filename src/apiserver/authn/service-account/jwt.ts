// JSON Web Tokens in their compact form: three parts in base64url, the last signed over the first two.
// Source: RFC 7515, RFC 7519

/** A key of the cluster: signs tokens, and tells whether it has signed one. */
export interface TokenKey {
  readonly algorithm: string;
  readonly keyId: string;
  /** The public half as a JSON Web Key. */
  readonly jwk: Readonly<Record<string, string>>;
  sign(data: Uint8Array): Uint8Array;
  verify(data: Uint8Array, signature: Uint8Array): boolean;
}

/** A longer token is not looked at. */
const tokenLengthMax = 16_384;
const compactForm = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export function signToken(key: TokenKey, claims: object): string {
  const signed = `${encodePart({ alg: key.algorithm, kid: key.keyId })}.${encodePart(claims)}`;
  return `${signed}.${Buffer.from(key.sign(Buffer.from(signed))).toString('base64url')}`;
}

/** The claims of a token, unproven. Undefined for a text of another form. */
export function readClaims(token: string): Readonly<Record<string, unknown>> | undefined {
  if (token.length > tokenLengthMax || !compactForm.test(token)) return undefined;
  return decodePart(token.split('.')[1] ?? '');
}

/** The header of a token, unproven. Undefined for a text of another form. */
export function readHeader(token: string): Readonly<Record<string, unknown>> | undefined {
  if (token.length > tokenLengthMax || !compactForm.test(token)) return undefined;
  return decodePart(token.split('.')[0] ?? '');
}

/** True when one of the keys has signed it, by the algorithm that is the key's own: what the token says of it decides nothing. */
export function isSignedBy(keys: readonly TokenKey[], token: string): boolean {
  const [head = '', body = '', signature = ''] = token.split('.');
  const header = decodePart(head);
  const data = Buffer.from(`${head}.${body}`);
  const bytes = Buffer.from(signature, 'base64url');
  return keys.some((key) => {
    if (header?.alg !== key.algorithm || (header.kid !== undefined && header.kid !== key.keyId)) return false;
    return key.verify(data, bytes);
  });
}

const encodePart = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function decodePart(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
