// What is mounted where: /proc/self/mountinfo. Pure.
// https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html

export interface MountPoint {
  readonly path: string;
  readonly type: string;
  /** The options of the file system itself: on cgroup v1 its controllers are among them. */
  readonly superOptions: readonly string[];
}

/** In the order of mounting. */
export function parseMountInfo(text: string): readonly MountPoint[] {
  return text.split('\n').flatMap((line): MountPoint[] => {
    const [own, rest] = line.split(' - ');
    const path = own?.split(' ')[4];
    const [type, , superOptions] = rest?.split(' ') ?? [];
    return path === undefined || type === undefined
      ? []
      : [{ path: unescapeOctal(path), type, superOptions: superOptions?.split(',') ?? [] }];
  });
}

/** The kernel writes space, tab, newline and backslash as octal: `\040`. */
function unescapeOctal(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** What is mounted at or below one of the directories; what was mounted last comes first, so that it can be unmounted in this order. */
export function mountsBelow(mounts: readonly MountPoint[], directories: readonly string[]): readonly string[] {
  const isBelow = (path: string) => directories.some((directory) => path === directory || path.startsWith(`${directory}/`));
  return mounts
    .map(({ path }) => path)
    .filter(isBelow)
    .reverse();
}
