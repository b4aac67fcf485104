// WATCH: which start the parameters ask for; the rest is the watch cache's.
import { badRequest } from '../../api/mod.ts';
import { isTrue } from '../http/request-info.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import { type WatchStart, watchResource } from '../watch-cache/mod.ts';
import { matchingFrames } from './converted-fields.ts';
import { freshEnough } from './freshness.ts';
import { checkListOptions } from './list-options.ts';
import { parameter, parseRevision, revisionProblem } from './options.ts';
import { selectionOf } from './selection.ts';
import type { Services } from './services.ts';

export async function watch(services: Services, request: ResourceRequest, context: RequestContext): Promise<Result> {
  const { kind, query } = request;
  checkListOptions(query, 'watch');
  const { scope, converted } = selectionOf(request);
  const bookmarks = isTrue(query, 'allowWatchBookmarks');
  const text = parameter(query, 'resourceVersion');
  const revision = text === undefined ? undefined : parseRevision(text);
  if (text !== undefined && revision === undefined) throw badRequest(`invalid resource version: ${revisionProblem(text)}`);
  const initial = parameter(query, 'sendInitialEvents');
  const start = startOf(revision, initial === undefined ? undefined : isTrue(query, 'sendInitialEvents'), bookmarks);
  // A start at a state must be as new as asked; a start after a revision that is to come just has nothing to say until then.
  if (start.from === 'state') await freshEnough(services, revision, context);
  const frames = watchResource({
    cache: services.registry.cache,
    resource: services.registry.of(kind).cache,
    scope,
    start,
    bookmarks,
    timeoutMs: timeoutOf(parameter(query, 'timeoutSeconds')),
    clock: context.clock,
    signal: context.signal,
    slices: context.slices,
  });
  return { as: 'watch', kind, frames: converted ? matchingFrames(frames, converted) : frames };
}

function startOf(revision: number | undefined, initial: boolean | undefined, bookmarks: boolean): WatchStart {
  if (initial === true) return { from: 'state', endBookmark: bookmarks };
  if (revision !== undefined && revision > 0) return { from: 'after', revision };
  return initial === false ? { from: 'now' } : { from: 'state', endBookmark: false };
}

function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?[0-9]{1,12}$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const seconds = Number(text);
  return seconds > 0 ? seconds * 1000 : undefined;
}
