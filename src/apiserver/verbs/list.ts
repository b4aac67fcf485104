// LIST: from the cache as it stands, or at a past revision from the store; in pages that are one consistent snapshot.
import { badRequest, expired, type KindDefinition, StatusError } from '../../api/mod.ts';
import { CompactedError, FutureRevisionError, type Revision } from '../../store/mod.ts';
import type { Resource } from '../registry/resource.ts';
import type { Encoded, RequestContext, ResourceRequest, Result } from '../request.ts';
import { type CacheEntry, entryOfStored, type Scope } from '../watch-cache/mod.ts';
import { type Continue, decodeContinue, encodeContinue } from './continue-token.ts';
import { matchingEntries } from './converted-fields.ts';
import { freshEnough, tooLargeRevision } from './freshness.ts';
import { checkListOptions } from './list-options.ts';
import { parameter, parseRevision, revisionProblem } from './options.ts';
import { selectionOf } from './selection.ts';
import type { Services } from './services.ts';

/** When only some objects match, the store's history is read in pages of this size. */
const historyPage = 500;
/**
 * A snapshot is continued for so long after its first page, though history may be kept for longer: clients count on a token that expires
 * when upstream, which compacts every five minutes, would say so.
 */
const snapshotMaxMs = 5 * 60_000;

interface ListPage {
  readonly entries: readonly CacheEntry[];
  readonly revision: Revision;
  /** How many keys follow the page. */
  readonly remaining: number;
}

export async function list(services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> {
  const { kind, query } = request;
  checkListOptions(query, 'list');
  const resource = services.registry.of(kind);
  const { scope, selective, converted } = selectionOf(request);
  const limit = limitOf(parameter(query, 'limit'));
  const token = continueOf(request);
  const asked = revisionOf(parameter(query, 'resourceVersion'), token);
  const exact = token ? token.revision : exactRevision(parameter(query, 'resourceVersionMatch'), asked, limit);
  await freshEnough(services, exact ?? asked, context);
  const after = token && token.start.length > 0 ? `${resource.cache.resource.prefix}${token.start}` : undefined;
  const nowMs = context.clock.nowMs();
  const sinceMs = token?.sinceMs ?? nowMs;
  if (token?.revision !== undefined && nowMs - sinceMs > snapshotMaxMs) throw continueExpired(token.start);
  const page = await readPage(services, resource, scope, { exact, after, limit, continued: token !== undefined });
  const result = resultOf(kind, { resource, page, limit, selective, sinceMs });
  // A page may then hold fewer than asked for, as pages may.
  return converted && result.as === 'list' ? { ...result, entries: await matchingEntries(result.entries, converted) } : result;
}

interface Read {
  readonly resource: Resource;
  readonly page: ListPage;
  readonly limit: number | undefined;
  readonly selective: boolean;
  readonly sinceMs: number;
}

function resultOf(kind: KindDefinition, { resource, page, limit, selective, sinceMs }: Read): Result {
  const entries: readonly Encoded[] = page.entries;
  const resourceVersion = String(page.revision);
  const last = page.entries[page.entries.length - 1];
  if (limit === undefined || page.remaining === 0 || !last) return { as: 'list', kind, entries, resourceVersion };
  const start = last.key.slice(resource.cache.resource.prefix.length);
  const next = encodeContinue({ revision: page.revision, start, sinceMs });
  return { as: 'list', kind, entries, resourceVersion, continue: next, ...(selective ? {} : { remainingItemCount: page.remaining }) };
}

interface PageWish {
  /** The snapshot; undefined for the present. */
  readonly exact: Revision | undefined;
  readonly after: string | undefined;
  readonly limit: number | undefined;
  readonly continued: boolean;
}

async function readPage(services: Services, resource: Resource, scope: Scope, wish: PageWish): Promise<ListPage> {
  const { cache } = services.registry;
  // A resource that has not changed since the snapshot stands in the cache as it stood then.
  if (wish.exact !== undefined && resource.cache.lastChange > wish.exact) return pageOfHistory(services, resource, scope, wish, wish.exact);
  const { matches } = scope;
  const revision = wish.exact ?? cache.revision;
  if (scope.name !== undefined) {
    const entry = resource.get(scope.namespace, scope.name);
    const found = entry && (matches?.(entry.object) ?? true) && (wish.after === undefined || entry.key > wish.after);
    return { entries: found ? [entry] : [], revision, remaining: 0 };
  }
  const page = resource.cache.page(scope, {
    after: wish.after,
    limit: wish.limit,
    matches: matches && ((entry) => matches(entry.object)),
  });
  return { ...page, revision };
}

/** At a past revision, from the store. Values that still stand are taken from the cache and not parsed again. */
async function pageOfHistory(services: Services, resource: Resource, scope: Scope, wish: PageWish, revision: Revision): Promise<ListPage> {
  const { store } = services.registry.cache;
  const { prefix, namespaced } = resource.cache.resource;
  const under = namespaced && scope.namespace !== undefined ? `${prefix}${scope.namespace}/` : prefix;
  const limit = wish.limit ?? Number.POSITIVE_INFINITY;
  const entries: CacheEntry[] = [];
  let after = wish.after;
  try {
    for (;;) {
      const size = scope.matches ? historyPage : wish.limit;
      const page = await store.list(under, { revision, after, limit: size });
      for (const [index, item] of page.items.entries()) {
        const standing = resource.cache.get(item.key);
        const entry = standing?.revision === item.revision ? standing : resource.cache.shown(entryOfStored(item));
        if (scope.matches === undefined || scope.matches(entry.object)) entries.push(entry);
        if (entries.length >= limit) return { entries, revision, remaining: page.remaining + page.items.length - index - 1 };
      }
      after = page.items[page.items.length - 1]?.key;
      if (page.remaining === 0 || after === undefined) return { entries, revision, remaining: 0 };
    }
  } catch (error) {
    if (error instanceof CompactedError)
      throw wish.continued
        ? continueExpired((after ?? prefix).slice(prefix.length))
        : expired(`The resourceVersion for the provided list is too old.`);
    if (error instanceof FutureRevisionError) throw tooLargeRevision(revision, error.current);
    throw error;
  }
}

/** With a token that goes on from the same place in whatever stands then. */
function continueExpired(start: string): StatusError {
  const { code, reason } = expired();
  return new StatusError({
    code,
    reason,
    message: continueTooOld,
    continue: encodeContinue({ revision: undefined, start }),
  });
}

const continueTooOld =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.';

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?[0-9]{1,18}$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const limit = Number(text);
  return limit > 0 ? limit : undefined;
}

function continueOf(request: ResourceRequest): Continue | undefined {
  const text = parameter(request.query, 'continue');
  if (text === undefined) return undefined;
  const revision = parameter(request.query, 'resourceVersion');
  if (revision !== undefined && revision !== '0') throw badRequest('specifying resource version is not allowed when using continue');
  return decodeContinue(text);
}

function revisionOf(text: string | undefined, token: Continue | undefined): Revision | undefined {
  if (text === undefined || token) return undefined;
  const revision = parseRevision(text);
  if (revision === undefined) throw badRequest(`invalid resource version: ${revisionProblem(text)}`);
  return revision;
}

/** The one revision that is asked for, rather than a least one. A limit without a match means exactly. */
function exactRevision(match: string | undefined, asked: Revision | undefined, limit: number | undefined): Revision | undefined {
  if (asked === undefined || asked === 0) return undefined;
  return match === 'Exact' || (match === undefined && limit !== undefined) ? asked : undefined;
}
