// What every proxy of HTTP does with headers: those of one connection stay on it. Pure.

/** RFC 9110, section 7.6.1, and what HTTP/2 negotiation adds. */
export const hopByHopHeaders: readonly string[] = [
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The names in `Connection`, in lower case: fields that are of that connection too. */
export function connectionOptions({ connection = '' }: Headers): ReadonlySet<string> {
  const text = typeof connection === 'string' ? connection : connection.join(',');
  return new Set(text.split(',').map((name) => name.trim().toLowerCase()));
}
