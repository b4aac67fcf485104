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
  /** A kind that is served from now on. */
  add(kind: ServedKind, informer: Informer<KubeObject>): void;
  /** A kind that is served no longer: its objects are gone. Gives them back. */
  remove(kind: ServedKind): readonly Persisted<KubeObject>[];
  /** False while the objects of a kind are still being read: then there may be dependents that nobody knows of. */
  isComplete(): boolean;
  /** The uids of the objects that name an owner of this kind. */
  ownedBy(kind: ServedKind): readonly string[];
  isGone(uid: string): boolean;
  noteGone(uid: string): void;
  /** To be called for each change, before anybody asks about it. */
  note(kind: ServedKind, old: Persisted<KubeObject> | undefined, next: Persisted<KubeObject> | undefined): void;
}

export const ownerUids = (object: KubeObject | undefined): readonly string[] =>
  (object?.metadata?.ownerReferences ?? []).map((reference) => reference.uid);

interface KindCache {
  readonly kind: ServedKind;
  readonly informer: Informer<KubeObject>;
}

const isKind = (kind: ServedKind, { apiVersion, kind: name }: V1OwnerReference): boolean =>
  // Any version of the group stands for the kind.
  kind.kind === name && kind.group === parseApiVersion(apiVersion).group;

export function createGraph(given: readonly KindCache[]): Graph {
  let caches = given;
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
    kindOf: (reference) => caches.find(({ kind }) => isKind(kind, reference))?.kind,
    add(kind, informer) {
      informer.addIndex(ownerIndex, ownerUids);
      caches = [...caches, { kind, informer }];
    },
    remove(kind) {
      const found = caches.find((cache) => cache.kind === kind);
      caches = caches.filter((cache) => cache !== found);
      return found?.informer.list() ?? [];
    },
    isComplete: () => caches.every(({ informer }) => informer.hasSynced),
    ownedBy: (kind) =>
      [...nodes].flatMap(([uid, { object }]) => (object.metadata.ownerReferences?.some((one) => isKind(kind, one)) ? [uid] : [])),
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
