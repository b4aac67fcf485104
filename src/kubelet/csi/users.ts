// Who uses which volume of the node, and one thing after another for each volume: a volume is staged once for all its pods, and
// let go of when the last of them has.
import { type CsiVolumeId, csiUniqueName } from '../../api/mod.ts';

export interface VolumeUsers {
  /** `folder` is that of the pod's record. */
  add(id: CsiVolumeId, folder: string): void;
  remove(id: CsiVolumeId, folder: string): void;
  /** True while some pod has it. */
  has(id: CsiVolumeId): boolean;
  /** Runs `work` when nothing else is under way on the volume. */
  inTurn<T>(id: CsiVolumeId, work: () => Promise<T>): Promise<T>;
}

export function createVolumeUsers(): VolumeUsers {
  const users = new Map<string, Set<string>>();
  const turns = new Map<string, Promise<unknown>>();
  return {
    add(id, folder) {
      const key = csiUniqueName(id);
      const own = users.get(key) ?? new Set<string>();
      own.add(folder);
      users.set(key, own);
    },
    remove(id, folder) {
      const key = csiUniqueName(id);
      const own = users.get(key);
      own?.delete(folder);
      if (own?.size === 0) users.delete(key);
    },
    has: (id) => users.has(csiUniqueName(id)),
    async inTurn(id, work) {
      const key = csiUniqueName(id);
      const before = turns.get(key) ?? Promise.resolve();
      const mine = before.then(work);
      const settled = mine.then(
        () => {},
        () => {},
      );
      turns.set(key, settled);
      try {
        return await mine;
      } finally {
        if (turns.get(key) === settled) turns.delete(key);
      }
    },
  };
}
