// The namespace controller: empties a namespace that is going away, then lets it go.
import { formatTime, hasReason, type KubeObject, type Persisted, type V1Namespace } from '../../api/mod.ts';
import { errorText } from '../../base/mod.ts';
import { type Again, cacheKeyOf, type Informer } from '../../client/mod.ts';
import { againAfter, type ControllerContext, cache, done, forget, type ServedKind, startController } from '../runtime/controller.ts';
import { storedKinds, watchedKinds } from '../runtime/kinds.ts';
import { namespaceType } from '../runtime/resource-types.ts';
import { type Progress, planConditions, type Remainder, remainderOf } from './plan.ts';

const finalizer = 'kubernetes';
/** Content that goes is seen by its watch; this is for what no watch tells, such as events. */
const lookAgainMs = 5_000;

export async function runNamespaceController(context: ControllerContext): Promise<void> {
  const { informers } = context;
  const namespaces = informers.of(namespaceType);
  const controller = startController(context, {
    name: 'namespace-controller',
    workers: 8,
    caches: [cache(namespaces)],
    reconcile: (key, signal) => reconcile({ ...context, signal }, namespaces, key),
  });
  controller.on(namespaces, ({ next }) => {
    if (next?.metadata.deletionTimestamp !== undefined) controller.queue.add(cacheKeyOf(next));
  });
  const handlers = new Map<ServedKind, () => void>();
  const followKind = (kind: ServedKind) => {
    if (!kind.namespaced) return;
    const off = controller.on(informers.of<KubeObject>(kind), ({ old, next }) => {
      const name = old?.metadata.namespace;
      if (next || name === undefined) return;
      if (namespaces.get(name)?.metadata.deletionTimestamp !== undefined) controller.queue.add(name);
    });
    handlers.set(kind, off);
  };
  for (const kind of watchedKinds(context.kinds)) followKind(kind);
  const off = context.customKinds?.onChange({ added: followKind, removed: (kind) => forget(handlers, kind) });
  await controller.stopped;
  off?.();
}

async function reconcile(context: ControllerContext, namespaces: Informer<V1Namespace>, name: string): Promise<Again> {
  const cached = namespaces.get(name);
  if (cached?.metadata.deletionTimestamp === undefined) return done;
  if (!(cached.spec?.finalizers ?? []).includes(finalizer)) return done;
  const progress = await empty(context, name);
  const namespace = await writeConditions(context, cached, progress);
  if (progress.failures.length > 0) throw new Error(`Cannot empty namespace "${name}": ${progress.failures.join(', ')}`);
  if (progress.remaining.length > 0) return againAfter(lookAgainMs);
  await finalize(context, namespace);
  return done;
}

/** Pods go first: what they use must outlive them, network policies above all (KEP-5080). */
async function empty(context: ControllerContext, namespace: string): Promise<Progress> {
  const all = [...context.kinds, ...(context.customKinds?.list() ?? [])];
  const kinds = storedKinds(all, 'list', 'deletecollection').filter((kind) => kind.namespaced);
  const isPods = (kind: ServedKind) => kind.group === '' && kind.resource === 'pods';
  const first = await emptyOf(context, namespace, kinds.filter(isPods));
  if (first.remaining.length > 0 || first.failures.length > 0) return first;
  return emptyOf(
    context,
    namespace,
    kinds.filter((kind) => !isPods(kind)),
  );
}

async function emptyOf(context: ControllerContext, namespace: string, kinds: readonly ServedKind[]): Promise<Progress> {
  const remaining: Remainder[] = [];
  const failures: string[] = [];
  for (const kind of kinds) {
    try {
      const rest = await emptyKind(context, namespace, kind);
      if (rest) remaining.push(rest);
    } catch (error) {
      if (context.signal.aborted) throw error;
      // A resource that is served no longer has no content.
      if (!hasReason(error, 'NotFound', 'MethodNotAllowed')) failures.push(errorText(error));
    }
  }
  return { remaining, failures };
}

async function emptyKind({ client, signal }: ControllerContext, namespace: string, kind: ServedKind): Promise<Remainder | undefined> {
  const before = await client.list<KubeObject>(kind, { namespace, signal });
  if (before.items.length === 0) return undefined;
  await client.deleteCollection(kind, { namespace, propagationPolicy: 'Background', signal });
  const after = await client.list<KubeObject>(kind, { namespace, signal });
  return remainderOf(`${kind.resource}.${kind.group}`, after.items);
}

async function writeConditions(
  { client, clock, signal }: ControllerContext,
  namespace: Persisted<V1Namespace>,
  progress: Progress,
): Promise<Persisted<V1Namespace>> {
  const conditions = planConditions(namespace, progress, formatTime(clock.nowMs()));
  if (conditions === namespace.status?.conditions && namespace.status.phase === 'Terminating') return namespace;
  const status = { ...namespace.status, phase: 'Terminating', conditions };
  return client.updateStatus(namespaceType, { ...namespace, status }, { signal });
}

async function finalize({ client, signal }: ControllerContext, namespace: Persisted<V1Namespace>): Promise<void> {
  const finalizers = (namespace.spec?.finalizers ?? []).filter((other) => other !== finalizer);
  try {
    await client.update(namespaceType, { ...namespace, spec: { ...namespace.spec, finalizers } }, { subresource: 'finalize', signal });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
