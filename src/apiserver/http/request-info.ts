// What a request is about, from its method, path and query: the resource, the verb, the namespace and name, or just a path.
// Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface ResourceInfo {
  readonly as: 'resource';
  /** Empty when the HTTP method stands for none. */
  readonly verb: Verb | '';
  readonly method: string;
  readonly path: string;
  readonly query: Query;
  /** `""` for the core group. */
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  /** Empty for all namespaces and for what has none. For a namespace itself: its own name, as authorization sees it. */
  readonly namespace: string;
  readonly name: string;
  /** What authorization takes as the name: `name`, or the one that a list's `metadata.name` field selector asks for. */
  readonly attributeName: string;
  /** What follows the subresource: `pods/x/proxy/a/b` has `["a", "b"]`. */
  readonly rest: readonly string[];
}

export interface PathInfo {
  readonly as: 'path';
  /** The method in lower case. */
  readonly verb: string;
  readonly method: string;
  readonly path: string;
  readonly query: Query;
}

export type RequestInfo = ResourceInfo | PathInfo;

const verbs: Readonly<Record<string, Verb>> = { POST: 'create', GET: 'get', HEAD: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
/** What may follow a namespace's name without being a resource in it. */
const namespaceSubresources: readonly string[] = ['status', 'finalize'];

/** Throws URIError on an escape that is none. */
export function parseRequestInfo(method: string, target: string): RequestInfo {
  const mark = target.indexOf('?');
  const rawPath = mark < 0 ? target : target.slice(0, mark);
  const path = rawPath.includes('%') ? decodeURIComponent(rawPath) : rawPath;
  const query = mark < 0 ? noQuery : parseQuery(target.slice(mark + 1));
  const parts = path.split('/').filter((part) => part !== '');
  return resourceInfo(parts, { method, path, query }) ?? { as: 'path', verb: method.toLowerCase(), method, path, query };
}

const noQuery: Query = Object.freeze({});

/** A parameter given once is a string, given several times a list. */
export function parseQuery(text: string): Query {
  const query: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    const before = query[name];
    query[name] = before === undefined ? value : typeof before === 'string' ? [before, value] : [...before, value];
  }
  return query;
}

/** The first value of a parameter. */
export const firstOf = (query: Query, name: string): string | undefined => {
  const value = query[name];
  return typeof value === 'string' ? value : value?.[0];
};

/** Every value of a parameter. */
export const allOf = (query: Query, name: string): readonly string[] => {
  const value = query[name];
  return value === undefined ? [] : typeof value === 'string' ? [value] : value;
};

/** As booleans in queries are read: given without a value is true, anything but `0` and `false`, in capitals or not, is true. */
export const isTrue = (query: Query | undefined, name: string): boolean => {
  const value = query && firstOf(query, name);
  return value !== undefined && value !== '0' && value.toLowerCase() !== 'false';
};

function resourceInfo(
  all: readonly string[],
  request: { readonly method: string; readonly path: string; readonly query: Query },
): ResourceInfo | undefined {
  const head = groupVersion(all);
  if (!head) return undefined;
  const { method, path } = request;
  const legacyWatch = head.rest[0] === 'watch' && head.rest.length > 1;
  const place = inNamespace(legacyWatch ? head.rest.slice(1) : head.rest);
  const [resource = '', name = '', subresource = '', ...rest] = place.parts;
  const selectedName = name === '' ? nameSelected(firstOf(request.query, 'fieldSelector')) : undefined;
  // The old path /watch/.../NAME is a watch of one object by field selector.
  const query = legacyWatch && name !== '' ? { ...request.query, fieldSelector: `metadata.name=${name}` } : request.query;
  return {
    as: 'resource',
    verb: legacyWatch ? 'watch' : collectionVerb(verbs[method] ?? '', name, query),
    method,
    path,
    query,
    group: head.group,
    version: head.version,
    resource,
    subresource: legacyWatch ? '' : subresource,
    namespace: place.namespace,
    name: legacyWatch ? '' : name,
    attributeName: name || (selectedName ?? ''),
    rest,
  };
}

function groupVersion(all: readonly string[]): { group: string; version: string; rest: readonly string[] } | undefined {
  if (all[0] === 'api' && all.length > 2) return { group: '', version: all[1] ?? '', rest: all.slice(2) };
  if (all[0] === 'apis' && all.length > 3) return { group: all[1] ?? '', version: all[2] ?? '', rest: all.slice(3) };
  return undefined;
}

function inNamespace(parts: readonly string[]): { namespace: string; parts: readonly string[] } {
  if (parts[0] !== 'namespaces' || parts.length < 2) return { namespace: '', parts };
  const namespace = parts[1] ?? '';
  const third = parts[2];
  return { namespace, parts: third !== undefined && !namespaceSubresources.includes(third) ? parts.slice(2) : parts };
}

function collectionVerb(verb: Verb | '', name: string, query: Query): Verb | '' {
  if (name !== '') return verb;
  if (verb === 'get') return isTrue(query, 'watch') ? 'watch' : 'list';
  return verb === 'delete' ? 'deletecollection' : verb;
}

/** The name that `metadata.name=x`, alone or among others, selects. */
function nameSelected(selector: string | undefined): string | undefined {
  return selector === undefined ? undefined : /(?:^|,)metadata\.name==?([^,=!]+)(?:,|$)/.exec(selector)?.[1];
}
