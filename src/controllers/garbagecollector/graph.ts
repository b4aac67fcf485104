// Who owns whom, over all kinds: from the informers' caches, by uid.
import { type KubeObject, type Persisted, parseApiVersion, type V1OwnerReference } from '../../api/mod.ts';
import type { Informer } from '../../client/mod.ts';
import type { ServedKind } from '../runtime/controller.ts';

const ownerIndex = 'ownerUid';
/** Owners that were seen to be gone; the oldest are forgotten, and then asked for again. */
const goneMax = 1000;

export interface Node {
  readonly kind: ServedKind;
  readonly object: Persisted<KubeObject>;
}

export interface Graph {
  get(uid: string): Node | undefined;
  dependentsOf(uid: string): readonly Node[];
  /** Cheaper than to list them. */
  countDependents(uid: string): number;
  kindOf(reference: V1OwnerReference): ServedKind | undefined;
  isGone(uid: string): boolean;
  noteGone(uid: string): void;
  /** To be called for each change, before anybody asks about it. */
  note(kind: ServedKind, old: Persisted<KubeObject> | undefined, next: Persisted<KubeObject> | undefined): void;
}

export const ownerUids = (object: KubeObject | undefined): readonly string[] =>
  (object?.metadata?.ownerReferences ?? []).map((reference) => reference.uid);

export function createGraph(caches: readonly { readonly kind: ServedKind; readonly informer: Informer<KubeObject> }[]): Graph {
  const nodes = new Map<string, Node>();
  const gone = new Set<string>();
  const counts = new Map<string, number>();
  for (const { informer } of caches) informer.addIndex(ownerIndex, ownerUids);

  const count = (uid: string, by: 1 | -1): void => {
    const next = (counts.get(uid) ?? 0) + by;
    if (next > 0) counts.set(uid, next);
    else counts.delete(uid);
  };

  const noteGone = (uid: string): void => {
    gone.add(uid);
    if (gone.size <= goneMax) return;
    const [oldest] = gone;
    if (oldest !== undefined) gone.delete(oldest);
  };

  return {
    get: (uid) => nodes.get(uid),
    dependentsOf: (uid) =>
      caches.flatMap(({ kind, informer }) => informer.byIndex(ownerIndex, uid).map((object): Node => ({ kind, object }))),
    countDependents: (uid) => counts.get(uid) ?? 0,
    kindOf(reference) {
      // Any version of the group stands for the kind.
      const { group } = parseApiVersion(reference.apiVersion);
      return caches.find(({ kind }) => kind.group === group && kind.kind === reference.kind)?.kind;
    },
    isGone: (uid) => gone.has(uid),
    noteGone,
    note(kind, old, next) {
      for (const uid of new Set(ownerUids(old))) count(uid, -1);
      for (const uid of new Set(ownerUids(next))) count(uid, 1);
      if (next) nodes.set(next.metadata.uid, { kind, object: next });
      else if (old) {
        nodes.delete(old.metadata.uid);
        noteGone(old.metadata.uid);
      }
    },
  };
}
