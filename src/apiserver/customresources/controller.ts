// Follows the definitions of custom resources: judges their names, establishes them, and empties those that are being deleted.
import { type Draft, formatTime, type KubeObject, type V1CustomResourceDefinition } from '../../api/mod.ts';
import { errorText, sleep, type Tasks } from '../../base/mod.ts';
import type { Resource } from '../registry/resource.ts';
import type { RequestContext } from '../request.ts';
import { type Services, transform } from '../verbs/mod.ts';
import { watchResource } from '../watch-cache/mod.ts';
import { type Cleanup, cleanUp } from './cleanup.ts';
import { isEstablished, namesAreAccepted, namesOfGroup, planStatus } from './naming.ts';
import type { ServedResources } from './served.ts';

export interface DefinitionController {
  readonly services: Services;
  readonly definitions: Resource;
  readonly served: ServedResources;
  /** Deletes the objects of a resource, as a client would. */
  readonly execute: Cleanup['execute'];
  /** The server itself; its signal ends the work. */
  readonly context: RequestContext;
  readonly tasks: Tasks;
}

const retryMs = 1_000;
/** So many definitions are worked on at a time: together they share the store's commits. */
const workersMax = 32;

type Definition = V1CustomResourceDefinition;

/** Serves what was established before. Resolves when all of it is served. */
export async function serveEstablished({ definitions, served, context }: DefinitionController): Promise<void> {
  const standing = definitions.cache.page({}).entries.map((entry) => entry.object as Definition);
  for (let at = 0; at < standing.length; at += workersMax) {
    const part = standing.slice(at, at + workersMax).filter(isEstablished);
    await Promise.all(part.map((definition) => prepared(served, definition, context)));
  }
}

/** False when its objects cannot be read now. */
async function prepared(served: ServedResources, definition: Definition, { log }: RequestContext): Promise<boolean> {
  try {
    await served.prepare(definition);
    return true;
  } catch (error) {
    log.warn('Custom resource cannot be served', { definition: definition.metadata?.name, error: errorText(error) });
    return false;
  }
}

/** Runs until the signal fires. */
export async function followDefinitions(controller: DefinitionController): Promise<void> {
  const { services, definitions, served, context } = controller;
  const { clock, signal } = context;
  const state: State = { controller, planned: new Map(), emptied: new Set() };
  while (!signal.aborted) {
    const frames = watchResource({
      cache: services.registry.cache,
      resource: definitions.cache,
      scope: {},
      start: { from: 'state', endBookmark: false },
      bookmarks: false,
      clock,
      signal,
    });
    for await (const batch of frames) {
      served.sync();
      const changed = new Map<string, KubeObject>();
      for (const frame of batch)
        if (frame.type !== 'BOOKMARK' && frame.type !== 'ERROR') changed.set(nameOf(frame.entry.object), frame.entry.object);
      await settleAll(state, [...changed.values()] as Definition[]);
    }
    if (!signal.aborted) await sleep(clock, retryMs, signal);
  }
}

interface State {
  readonly controller: DefinitionController;
  /** Names that are given and not yet stored. */
  readonly planned: Map<string, Definition>;
  /** The uids of definitions that are being emptied. */
  readonly emptied: Set<string>;
}

const nameOf = (object: KubeObject): string => object.metadata?.name ?? '';

async function settleAll(state: State, changed: readonly Definition[]): Promise<void> {
  for (let at = 0; at < changed.length; at += workersMax) {
    await Promise.all(changed.slice(at, at + workersMax).map((definition) => settle(state, definition)));
  }
}

/** Brings one definition's status up to date; others of its group may now have the names that they waited for. */
async function settle(state: State, seen: Definition): Promise<void> {
  const { definitions } = state.controller;
  const standing = definitions.get(undefined, nameOf(seen))?.object as Definition | undefined;
  if (standing?.metadata?.deletionTimestamp !== undefined) return empty(state, standing);
  if (standing) await judge(state, standing);
  if (standing && namesAreAccepted(standing) && isEstablished(standing)) return;
  const waiting = others(definitions, seen).filter((other) => !namesAreAccepted(other) && other.metadata?.deletionTimestamp === undefined);
  for (const other of waiting) await judge(state, other);
}

const others = (definitions: Resource, than: Definition): Definition[] =>
  definitions.cache
    .page({})
    .entries.map((entry) => entry.object as Definition)
    .filter((other) => other.spec.group === than.spec.group && nameOf(other) !== nameOf(than));

async function judge({ controller, planned }: State, definition: Definition): Promise<void> {
  const { services, definitions, served, context, tasks } = controller;
  const name = nameOf(definition);
  if (!(await prepared(served, definition, context))) {
    // Asked again by a task of its own: the others must not wait for it.
    return tasks.run(`serve ${name}`, context.signal, async () => {
      await sleep(context.clock, retryMs, context.signal);
      await judge({ controller, planned, emptied: new Set() }, definition);
    });
  }
  const change = (draft: Draft<KubeObject>, old: KubeObject): boolean => {
    const current = old as Definition;
    if (current.metadata?.deletionTimestamp !== undefined) return false;
    const group = others(definitions, current).map((other) => planned.get(nameOf(other)) ?? other);
    const status = planStatus(current, namesOfGroup(group), formatTime(context.clock.nowMs()));
    if (status === current.status) return false;
    (draft as { status?: unknown }).status = status;
    planned.set(name, { ...current, status });
    return true;
  };
  try {
    await transform({ services, resource: definitions, namespace: undefined, name, dryRun: false, context, shallow: true, change });
  } catch (error) {
    if (!context.signal.aborted) context.log.debug('Definition was not judged', { name, error: errorText(error) });
  } finally {
    planned.delete(name);
  }
}

/** Empties a definition that is being deleted, beside all others. */
function empty({ controller, emptied }: State, definition: Definition): void {
  const uid = definition.metadata?.uid ?? '';
  if (emptied.has(uid)) return;
  emptied.add(uid);
  const { context, tasks } = controller;
  tasks.run(`empty ${nameOf(definition)}`, context.signal, async () => {
    try {
      await prepared(controller.served, definition, context);
      await cleanUp({ ...controller, name: nameOf(definition), uid });
    } finally {
      emptied.delete(uid);
    }
  });
}
