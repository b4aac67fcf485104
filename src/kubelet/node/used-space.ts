// What pods have on the disk, remembered for a while: finding out means walking their directories.
import type { PodView } from '../pod/worker.ts';

/** Source: the period in which upstream's kubelet looks. */
const keptMs = 60_000;

export function createUsedSpace<T>(nowMs: () => number, look: (view: PodView) => Promise<T>): (view: PodView) => Promise<T> {
  const known = new Map<string, { readonly atMs: number; readonly use: Promise<T> }>();
  return (view) => {
    for (const [uid, { atMs }] of known) if (nowMs() - atMs > keptMs) known.delete(uid);
    const uid = view.pod.metadata?.uid ?? '';
    const found = known.get(uid);
    if (found) return found.use;
    const use = look(view);
    known.set(uid, { atMs: nowMs(), use });
    use.catch(() => known.delete(uid));
    return use;
  };
}
