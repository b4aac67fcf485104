// What a controller wrote last of an object: until its cache shows that, what it counted there is not what stands.
import type { KubeObject, Persisted } from '../../api/mod.ts';

export interface OwnWrites {
  wrote(key: string, written: Persisted<KubeObject>): void;
  /** True while the cached object is older than what was written by this controller. */
  isAhead(key: string, cached: Persisted<KubeObject>): boolean;
  forget(key: string): void;
}

/** Resource versions are whole numbers that grow: they can be compared. */
export function createOwnWrites(): OwnWrites {
  const last = new Map<string, { readonly uid: string; readonly version: bigint }>();
  return {
    wrote: (key, { metadata }) => void last.set(key, { uid: metadata.uid, version: BigInt(metadata.resourceVersion) }),
    isAhead(key, { metadata }) {
      const known = last.get(key);
      if (!known) return false;
      if (known.uid === metadata.uid && BigInt(metadata.resourceVersion) < known.version) return true;
      last.delete(key);
      return false;
    },
    forget: (key) => void last.delete(key),
  };
}
