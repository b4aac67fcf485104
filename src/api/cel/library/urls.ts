// URLs, as Go reads those of requests. Source: https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-url-library
import { boolType, listOf, mapOf, stringType, urlType } from '../types.ts';
import { CelList, type CelOpaque, Failure, LiteralMap, type Result } from '../values.ts';
import { fn, type Library, method, traversal } from './declare.ts';

class Url implements CelOpaque {
  readonly opaqueType = 'kubernetes.URL';
  readonly text: string;
  readonly scheme: string;
  /** With the port. */
  readonly host: string;
  readonly path: string;
  readonly query: string;

  constructor(parts: { text: string; scheme: string; host: string; path: string; query: string }) {
    this.text = parts.text;
    this.scheme = parts.scheme;
    this.host = parts.host;
    this.path = parts.path;
    this.query = parts.query;
  }

  equals(other: CelOpaque): boolean {
    return other instanceof Url && other.text === this.text;
  }
}

/** Percent signs that do not begin two hex digits. */
const badEscape = /%(?![0-9a-fA-F]{2})/;

function problemOf(text: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  if (/[\x00-\x1f\x7f]/.test(text)) return 'net/url: invalid control character in URL';
  if (text === '') return 'empty url';
  if (text.startsWith(':')) return 'missing protocol scheme';
  return undefined;
}

function hostProblem(host: string): string | undefined {
  const port = host.startsWith('[') ? host.slice(host.indexOf(']') + 1) : host.slice(host.includes(':') ? host.indexOf(':') : host.length);
  if (host.startsWith('[') && !host.includes(']')) return "missing ']' in host";
  if (port !== '' && !/^:\d*$/.test(port)) return `invalid port ${JSON.stringify(port)} after host`;
  const bad = /[ "<>\\^`{|}]/.exec(host);
  return bad === null ? undefined : `invalid character ${JSON.stringify(bad[0])} in host name`;
}

function parseUrl(text: string): Url | Failure {
  const wrong = (why: string): Failure =>
    new Failure(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: ${why}`);
  const problem = problemOf(text);
  if (problem !== undefined) return wrong(problem);
  const schemed = /^([a-zA-Z][a-zA-Z0-9+.-]*):(.*)$/s.exec(text);
  const scheme = (schemed?.[1] ?? '').toLowerCase();
  let rest = schemed?.[2] ?? text;
  const mark = rest.indexOf('?');
  const query = mark < 0 ? '' : rest.slice(mark + 1);
  if (mark >= 0) rest = rest.slice(0, mark);
  if (!rest.startsWith('/')) return scheme === '' ? wrong('invalid URI for request') : new Url({ text, scheme, host: '', path: '', query });
  let host = '';
  if (scheme !== '' && rest.startsWith('//') && !rest.startsWith('///')) {
    const slash = rest.indexOf('/', 2);
    const authority = slash < 0 ? rest.slice(2) : rest.slice(2, slash);
    rest = slash < 0 ? '' : rest.slice(slash);
    host = authority.slice(authority.lastIndexOf('@') + 1);
    const why = hostProblem(host);
    if (why !== undefined) return wrong(why);
  }
  const bad = badEscape.exec(rest);
  if (bad !== null) return wrong(`invalid URL escape ${JSON.stringify(rest.slice(bad.index, bad.index + 3))}`);
  return new Url({ text, scheme, host, path: rest, query });
}

const hostnameOf = (host: string): string => (host.startsWith('[') ? host.slice(1, host.indexOf(']')) : (host.split(':')[0] ?? ''));

const portOf = (host: string): string => {
  const colon = host.lastIndexOf(':');
  return colon < 0 || colon < host.indexOf(']') ? '' : host.slice(colon + 1);
};

const unescaped = (text: string): string | undefined => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
};

/** Pairs that are malformed are left out, as Go does. */
function queryOf(url: Url): Result {
  const values = new Map<string, string[]>();
  for (const pair of url.query.split('&')) {
    if (pair === '' || pair.includes(';')) continue;
    const equals = pair.indexOf('=');
    const key = unescaped(equals < 0 ? pair : pair.slice(0, equals));
    const value = unescaped(equals < 0 ? '' : pair.slice(equals + 1));
    if (key === undefined || value === undefined) continue;
    const known = values.get(key);
    if (known === undefined) values.set(key, [value]);
    else known.push(value);
  }
  const map = new LiteralMap();
  for (const [key, items] of values) map.insert(key, new CelList(items));
  return map;
}

const escapedPath = (url: Url): string => url.path.replace(/[^A-Za-z0-9\-_.~$&+,/:;=@!'()*%[\]]/gu, (char) => encodeURIComponent(char));

const costs = {
  ...traversal(),
  estimate: (args: Parameters<NonNullable<ReturnType<typeof traversal>['estimate']>>[0]) => {
    const estimate = traversal().estimate?.(args);
    const size = args[0]?.size;
    return { cost: estimate?.cost ?? { min: 1, max: 1 }, ...(size === undefined ? {} : { size }) };
  },
};

export const urls: Library = {
  url: [fn('string_to_url', [stringType], urlType, parseUrl, costs)],
  isURL: [fn('is_url_string', [stringType], boolType, (text: string) => !(parseUrl(text) instanceof Failure))],
  getScheme: [method('url_get_scheme', [urlType], stringType, (url: Url) => url.scheme)],
  getHost: [method('url_get_host', [urlType], stringType, (url: Url) => url.host)],
  getHostname: [method('url_get_hostname', [urlType], stringType, (url: Url) => hostnameOf(url.host))],
  getPort: [method('url_get_port', [urlType], stringType, (url: Url) => portOf(url.host))],
  getEscapedPath: [method('url_get_escaped_path', [urlType], stringType, escapedPath)],
  getQuery: [method('url_get_query', [urlType], mapOf(stringType, listOf(stringType)), queryOf)],
};

/** Why a text is no URL, in Go's words; undefined when it is one. */
export function urlProblem(text: string): string | undefined {
  const parsed = parseUrl(text);
  return parsed instanceof Failure ? parsed.message.replace('URL parse error during conversion from string: ', '') : undefined;
}
