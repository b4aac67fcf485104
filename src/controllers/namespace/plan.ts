// What a namespace that is going away says about it: its conditions, from what is left of its content. Pure.
import { setCondition, type V1Namespace, type V1NamespaceCondition } from '../../api/mod.ts';

/** What one resource still has in the namespace. */
export interface Remainder {
  /** `pods.` or `replicasets.apps`: the resource, a dot and its group. */
  readonly resource: string;
  readonly count: number;
  /** How many of them each finalizer holds. */
  readonly finalizers: ReadonlyMap<string, number>;
}

export interface Progress {
  readonly remaining: readonly Remainder[];
  /** Why content could not be deleted, one text for each resource. */
  readonly failures: readonly string[];
}

type Said = readonly [type: string, status: 'True' | 'False', reason: string, message: string];

export function planConditions(namespace: V1Namespace, progress: Progress, nowTime: string): readonly V1NamespaceCondition[] {
  const statements: readonly Said[] = [
    ['NamespaceDeletionDiscoveryFailure', 'False', 'ResourcesDiscovered', 'All resources successfully discovered'],
    ['NamespaceDeletionGroupVersionParsingFailure', 'False', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
    sayFailures(progress),
    sayRemaining(progress),
    sayFinalizers(progress),
  ];
  return statements.reduce<readonly V1NamespaceCondition[]>(
    (conditions, [type, status, reason, message]) =>
      setCondition<V1NamespaceCondition>(conditions, { type, status, reason, message }, nowTime),
    namespace.status?.conditions ?? [],
  );
}

function sayFailures({ failures }: Progress): Said {
  const type = 'NamespaceDeletionContentFailure';
  if (failures.length === 0) return [type, 'False', 'ContentDeleted', 'All content successfully deleted, may be waiting on finalization'];
  const message = `Failed to delete all resource types, ${failures.length} remaining: ${[...failures].sort().join(', ')}`;
  return [type, 'True', 'ContentDeletionFailed', message];
}

function sayRemaining({ remaining }: Progress): Said {
  const type = 'NamespaceContentRemaining';
  if (remaining.length === 0) return [type, 'False', 'ContentRemoved', 'All content successfully removed'];
  const parts = remaining.map(({ resource, count }) => `${resource} has ${count} resource instances`).sort();
  return [type, 'True', 'SomeResourcesRemain', `Some resources are remaining: ${parts.join(', ')}`];
}

function sayFinalizers({ remaining }: Progress): Said {
  const type = 'NamespaceFinalizersRemaining';
  const counts = new Map<string, number>();
  for (const { finalizers } of remaining) {
    for (const [finalizer, count] of finalizers) counts.set(finalizer, (counts.get(finalizer) ?? 0) + count);
  }
  if (counts.size === 0) return [type, 'False', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'];
  const parts = [...counts].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`).sort();
  return [type, 'True', 'SomeFinalizersRemain', `Some content in the namespace has finalizers remaining: ${parts.join(', ')}`];
}

/** Counts what a list shows. Undefined: nothing. */
export function remainderOf(
  resource: string,
  items: readonly { readonly metadata?: { readonly finalizers?: readonly string[] | undefined } | undefined }[],
): Remainder | undefined {
  if (items.length === 0) return undefined;
  const finalizers = new Map<string, number>();
  for (const item of items) {
    for (const finalizer of item.metadata?.finalizers ?? []) finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
  }
  return { resource, count: items.length, finalizers };
}
