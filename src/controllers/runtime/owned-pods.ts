// What a pod that comes, changes or goes means for the set that owns it, or that may adopt it.
import { controllerOf, type KubeObject, type Labels, type Persisted, type V1Pod } from '../../api/mod.ts';
import { type ChangeHandler, cacheKeyOf, type Informer } from '../../client/mod.ts';
import type { Expectations } from './expectations.ts';
import { controllerKey } from './ownership.ts';

export interface PodOwners<O extends KubeObject> {
  readonly owners: Informer<O>;
  readonly selects: (owner: Persisted<O>) => (labels: Labels | undefined) => boolean;
  /** Pods count in them by their uids. */
  readonly expectations: Expectations;
  readonly wake: (key: string) => void;
}

/** Wakes the owners that a changed pod concerns, and counts what was expected of it. */
export function followOwnedPods<O extends KubeObject>(of: PodOwners<O>): ChangeHandler<V1Pod> {
  const { owners, selects, expectations, wake } = of;
  return ({ old, next }) => {
    const before = controllerKey(old, owners);
    const after = controllerKey(next, owners);
    if (before !== undefined && before !== after) wake(before);
    if (after !== undefined) {
      if (!old) expectations.creationObserved(after);
      wake(after);
    }
    const owner = after ?? before;
    const ends = !next || (next.metadata.deletionTimestamp !== undefined && old?.metadata.deletionTimestamp === undefined);
    const uid = (next ?? old)?.metadata.uid;
    if (owner !== undefined && ends && uid !== undefined) expectations.deletionObserved(owner, uid);
    // An orphan that is new, or whose labels or owner changed, may be adopted.
    if (!next || controllerOf(next) || (old && !controllerOf(old) && sameLabels(old, next))) return;
    for (const set of owners.list(next.metadata.namespace ?? '')) if (selects(set)(next.metadata.labels)) wake(cacheKeyOf(set));
  };
}

const sameLabels = (a: V1Pod, b: V1Pod): boolean =>
  a.metadata?.labels === b.metadata?.labels || JSON.stringify(a.metadata?.labels) === JSON.stringify(b.metadata?.labels);
