// Which of the machine's user and group ids stand for those of a pod with a user namespace of its own. The choice is a file among
// the pod's: it outlives the agent, and is free again when the pod's files are gone.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/user-namespaces/
import type { FileSystem } from '../../base/ports/fs.ts';
import type { UserRange } from '../cri/runtime.ts';

const length = 65_536;
/** The first range is the machine's own; host ids end at 2^32, whose last stands for nobody. */
const rangesMax = 65_534;

export interface UserRangeOptions {
  readonly fs: Pick<FileSystem, 'readText' | 'write' | 'mkdir' | 'list'>;
  readonly podsDirectory: string;
  readonly rangesMax?: number;
}

/** Gives a pod its range, by the pod's uid: the same at every call. Rejects when none is left. */
export type UserRanges = (uid: string) => Promise<UserRange>;

export function createUserRanges({ fs, podsDirectory, rangesMax: max = rangesMax }: UserRangeOptions): UserRanges {
  const fileOf = (uid: string) => `${podsDirectory}/${uid}/user-range`;
  const read = async (uid: string): Promise<number | undefined> => {
    const text = await fs.readText(fileOf(uid));
    return text !== undefined && /^[0-9]+\n$/.test(text) ? Number(text) : undefined;
  };
  const choose = async (uid: string): Promise<UserRange> => {
    const own = await read(uid);
    if (own !== undefined) return { hostId: own, length };
    const pods = (await fs.list(podsDirectory)).filter((entry) => entry.kind === 'directory');
    const taken = new Set(await Promise.all(pods.map(({ name }) => read(name))));
    for (let n = 1; n <= max; n++) {
      const hostId = n * length;
      if (taken.has(hostId)) continue;
      await fs.mkdir(`${podsDirectory}/${uid}`);
      await fs.write(fileOf(uid), `${hostId}\n`, { mode: 0o600 });
      return { hostId, length };
    }
    throw new Error(`no range of user ids is left for the pod: ${max} pods have one each`);
  };
  // One after the other: two must not find the same range free.
  let last: Promise<unknown> = Promise.resolve();
  return (uid) => {
    const next = last.then(() => choose(uid));
    last = next.catch(() => {});
    return next;
  };
}
