// What a delete does to an object: nothing yet, a mark with a grace period, or its removal. A pure function of the object and the options.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination and .../architecture/garbage-collection/
import { type Draft, draftOf, formatTime, type KindDefinition, type KubeObject, timeMs } from '../../api/mod.ts';
import type { DeleteOptions } from './delete-options.ts';

export const orphanFinalizer = 'orphan';
export const foregroundFinalizer = 'foregroundDeletion';

/**
 * `remove`: gone at once. `mark`: stored as `draft`; `thenRemove` when nothing holds it any more and its grace is zero.
 * `keep`: it is being deleted already, and this request changes nothing.
 */
export type DeletePlan =
  | { readonly do: 'remove' }
  | { readonly do: 'keep' }
  | { readonly do: 'mark'; readonly draft: Draft<KubeObject>; readonly thenRemove: boolean };

export interface DeleteCase {
  readonly kind: KindDefinition;
  readonly object: KubeObject;
  readonly options: DeleteOptions;
  /** True while something besides finalizers holds the object. */
  readonly held: boolean;
  readonly nowMs: number;
}

export function planDelete(of: DeleteCase): DeletePlan {
  const { kind, object, options, held } = of;
  const finalizers = finalizersFor(kind, object, options);
  const grace = graceFor(of);
  const holds = finalizers.length > 0 || held;
  const changed = !sameList(finalizers, object.metadata?.finalizers ?? []);
  if (grace.is === 'unchanged') {
    if (!changed) return { do: 'keep' };
    return { do: 'mark', draft: withFinalizers(draftOf(object), finalizers), thenRemove: false };
  }
  if (grace.is === 'none' && !holds) return { do: 'remove' };
  const draft = withFinalizers(draftOf(object), finalizers);
  if (grace.is === 'none') {
    if (!mark(draft, object, of.nowMs) && !changed) return { do: 'keep' };
    return { do: 'mark', draft, thenRemove: false };
  }
  const meta = draft.metadata ?? {};
  if (object.metadata?.deletionTimestamp === undefined && object.metadata?.generation) meta.generation = object.metadata.generation + 1;
  meta.deletionTimestamp = formatTime(grace.atMs);
  meta.deletionGracePeriodSeconds = grace.seconds;
  return { do: 'mark', draft, thenRemove: grace.seconds === 0 && !holds };
}

type Grace =
  /** The kind knows no grace, or what had one has none any more: it goes as soon as nothing holds it. */
  | { readonly is: 'none' }
  /** Its end is near enough already. */
  | { readonly is: 'unchanged' }
  | { readonly is: 'set'; readonly seconds: number; readonly atMs: number };

function graceFor(of: DeleteCase): Grace {
  const { kind, object, options, nowMs } = of;
  if (!kind.gracePeriodSeconds) return { is: 'none' };
  const { deletionTimestamp, deletionGracePeriodSeconds: standing } = object.metadata ?? {};
  if (deletionTimestamp === undefined) {
    const seconds = kind.gracePeriodSeconds(object, { gracePeriodSeconds: options.gracePeriodSeconds });
    return { is: 'set', seconds, atMs: nowMs + seconds * 1000 };
  }
  if (standing === undefined) return { is: 'none' };
  const asked = options.gracePeriodSeconds;
  // A grace period may shrink and never grows. One that has shrunk to zero is asked for again to remove what still stands.
  if (asked === undefined || asked >= standing) return standing === 0 && asked === 0 ? { is: 'none' } : { is: 'unchanged' };
  return { is: 'set', seconds: asked, atMs: timeMs(deletionTimestamp, nowMs) - standing * 1000 + asked * 1000 };
}

/** Marks an object without a grace period. False when it was marked so already. */
function mark(draft: Draft<KubeObject>, old: KubeObject, nowMs: number): boolean {
  const meta = draft.metadata ?? {};
  const marked = old.metadata?.deletionTimestamp !== undefined;
  if (!marked && old.metadata?.generation) meta.generation = old.metadata.generation + 1;
  if (!marked || timeMs(old.metadata?.deletionTimestamp) > nowMs) meta.deletionTimestamp = formatTime(nowMs);
  meta.deletionGracePeriodSeconds = 0;
  return meta.deletionTimestamp !== old.metadata?.deletionTimestamp || old.metadata?.deletionGracePeriodSeconds !== 0;
}

function withFinalizers(draft: Draft<KubeObject>, finalizers: readonly string[]): Draft<KubeObject> {
  draft.metadata ??= {};
  if (finalizers.length === 0) delete draft.metadata.finalizers;
  else draft.metadata.finalizers = [...finalizers];
  return draft;
}

/** The finalizers that say what becomes of the dependents: the options decide, then what stands already, then the kind. */
export function finalizersFor(kind: KindDefinition, object: KubeObject, options: DeleteOptions): readonly string[] {
  const standing = object.metadata?.finalizers ?? [];
  const wanted = dependentsFate(kind, standing, options);
  const rest = standing.filter((finalizer) => finalizer !== orphanFinalizer && finalizer !== foregroundFinalizer);
  if (wanted === 'background') return rest.length === standing.length ? standing : rest;
  const finalizer = wanted === 'orphan' ? orphanFinalizer : foregroundFinalizer;
  const alone = standing.includes(finalizer) && rest.length === standing.length - 1;
  return alone ? standing : [...rest, finalizer];
}

function dependentsFate(kind: KindDefinition, standing: readonly string[], options: DeleteOptions): 'orphan' | 'foreground' | 'background' {
  if (options.orphanDependents !== undefined) return options.orphanDependents ? 'orphan' : 'background';
  if (options.propagationPolicy === 'Orphan') return 'orphan';
  if (options.propagationPolicy === 'Foreground') return 'foreground';
  if (options.propagationPolicy === 'Background') return 'background';
  if (standing.includes(orphanFinalizer)) return 'orphan';
  if (standing.includes(foregroundFinalizer)) return 'foreground';
  return kind.defaultPropagation === 'orphan' ? 'orphan' : 'background';
}

const sameList = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((item, index) => item === b[index]);
