// A definition that is being deleted: its objects are deleted first, then it is let go.
import { type Draft, formatTime, hasReason, type KubeObject, setCondition, type V1CustomResourceDefinition } from '../../api/mod.ts';
import { errorText, sleep } from '../../base/mod.ts';
import { RevisionMismatchError } from '../../store/mod.ts';
import { namespaceOf, type Resource } from '../registry/resource.ts';
import type { RequestContext, ResourceRequest, Result } from '../request.ts';
import { type Services, transform } from '../verbs/mod.ts';
import type { CacheEntry } from '../watch-cache/mod.ts';
import { cleanupFinalizer, terminating } from './hooks.ts';
import { type Condition, isEstablished } from './naming.ts';
import type { ServedResources } from './served.ts';

export interface Cleanup {
  readonly services: Services;
  readonly definitions: Resource;
  readonly served: ServedResources;
  readonly execute: (request: ResourceRequest, context: RequestContext) => Promise<Result>;
  readonly context: RequestContext;
  readonly name: string;
  readonly uid: string;
}

const firstLookMs = 10;
const lastLookMs = 1_000;

/** Resolves when the definition is gone, or is another one. */
export async function cleanUp(of: Cleanup): Promise<void> {
  const { context } = of;
  const { clock, signal, log } = context;
  await tell(of, terminating('True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress'));
  for (let waitMs = firstLookMs; !signal.aborted; waitMs = Math.min(waitMs * 2, lastLookMs)) {
    if (!standing(of)) return;
    try {
      if (await deleteObjects(of)) break;
    } catch (error) {
      log.warn('Objects of a custom resource cannot be deleted', { definition: of.name, error: errorText(error) });
      await tell(of, terminating('True', 'InstanceDeletionFailed', `could not delete instances: ${errorText(error)}`));
    }
    await sleep(clock, waitMs, signal);
  }
  await tell(of, terminating('False', 'InstanceDeletionCompleted', 'removed all instances'));
  await letGo(of);
}

function standing({ definitions, name, uid }: Cleanup): CacheEntry | undefined {
  const entry = definitions.get(undefined, name);
  return entry?.object.metadata?.uid === uid ? entry : undefined;
}

/** True when there are none left. */
async function deleteObjects(of: Cleanup): Promise<boolean> {
  const { served, name, context, execute } = of;
  const entry = standing(of);
  const resource = served.resourceOf(name);
  if (!entry || !resource || !isEstablished(entry.object as V1CustomResourceDefinition)) return true;
  const { kind, cache } = resource;
  const left = cache.page({}).entries;
  const namespaces = new Set(left.map(({ object }) => namespaceOf(object)));
  for (const namespace of namespaces) {
    await execute({ verb: 'deletecollection', kind, ...(namespace === undefined ? {} : { namespace }), query: {} }, context);
  }
  return cache.size === 0;
}

async function tell(of: Cleanup, condition: Condition): Promise<void> {
  const { services, definitions, name, uid, context } = of;
  const change = (draft: Draft<KubeObject>, old: KubeObject): boolean => {
    const { metadata, status } = old as V1CustomResourceDefinition;
    const conditions = setCondition(status?.conditions, condition, formatTime(context.clock.nowMs()));
    if (metadata?.uid !== uid || conditions === status?.conditions) return false;
    (draft as { status?: unknown }).status = { ...status, conditions };
    return true;
  };
  try {
    await transform({ services, resource: definitions, namespace: undefined, name, dryRun: false, context, shallow: true, change });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

/** Takes the finalizer away, and the definition with its last one. */
async function letGo(of: Cleanup): Promise<void> {
  const { services, definitions, name, context } = of;
  for (let entry = standing(of); entry && !context.signal.aborted; entry = standing(of)) {
    const rest = (entry.object.metadata?.finalizers ?? []).filter((finalizer) => finalizer !== cleanupFinalizer);
    if (rest.length > 0) {
      const change = (draft: { metadata?: unknown }, { metadata }: { metadata?: unknown }): boolean => {
        draft.metadata = { ...(metadata as object), finalizers: rest };
        return true;
      };
      return void (await transform({
        services,
        resource: definitions,
        namespace: undefined,
        name,
        dryRun: false,
        context,
        shallow: true,
        change,
      }));
    }
    try {
      return await services.registry.delete(entry, context);
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error;
      if (error.current) await services.registry.cache.reach(error.current.revision, context);
    }
  }
}
