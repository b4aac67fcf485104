// The continue token of a list in pages: the snapshot's revision and where the next page starts. Opaque to clients.
import { badRequest } from '../../api/mod.ts';
import type { Revision } from '../../store/mod.ts';

export interface Continue {
  /** Undefined: of whatever stands when the next page is read. Such a token is given to those whose snapshot is gone. */
  readonly revision: Revision | undefined;
  /** The last key already given, without the resource's prefix: `default/web`. */
  readonly start: string;
  /** When the first page was read, in milliseconds of the epoch. Undefined in a token that says nothing of it. */
  readonly sinceMs?: number | undefined;
}

const tokenVersion = 'meta.k8s.io/v1';
/** In a token without a snapshot, as upstream writes it. */
const anyRevision = -1;
/** A key and a number are short; a longer token is not ours. */
const tokenLengthMax = 4096;

export function encodeContinue(token: Continue): string {
  const { revision: rv = anyRevision, start, sinceMs: since } = token;
  return Buffer.from(JSON.stringify({ v: tokenVersion, rv, start: `${start}\u0000`, since })).toString('base64url');
}

export function decodeContinue(text: string): Continue {
  const parsed = text.length > tokenLengthMax ? undefined : parse(text);
  if (!parsed) throw badRequest('continue key is not valid: invalid encoding');
  const { v, rv, start, since } = parsed;
  if (v !== tokenVersion) throw badRequest('continue key is not valid: server does not recognize this encoded version');
  if (typeof rv !== 'number' || !Number.isSafeInteger(rv))
    throw badRequest('continue key is not valid: incorrect encoded start resourceVersion');
  if (rv === 0) throw badRequest('continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  if (typeof start !== 'string' || start === '') throw badRequest('continue key is not valid: encoded start key empty');
  if (start.startsWith('/')) throw badRequest(`continue key is not valid: ${JSON.stringify(start)}`);
  const sinceMs = typeof since === 'number' ? since : undefined;
  return { revision: rv < 0 ? undefined : rv, start: start.endsWith('\0') ? start.slice(0, -1) : start, sinceMs };
}

function parse(text: string): { v?: unknown; rv?: unknown; start?: unknown; since?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
