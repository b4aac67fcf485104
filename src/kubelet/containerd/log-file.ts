// The log file of a program that holds it open: kept below a size, and read for the reason of a failure.
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes } from '../../base/ports/process.ts';

const logMaxBytes = 8 * 1024 * 1024;
const lastWordsMaxBytes = 400;

/** Beyond the limit the content goes to `<path>.1` and the file is emptied in place: its writer appends, and goes on. */
export async function boundLog(options: { readonly fs: FileSystem; readonly processes: Processes; readonly path: string }): Promise<void> {
  const { fs, processes, path } = options;
  if (((await fs.stat(path))?.sizeBytes ?? 0) <= logMaxBytes) return;
  await fs.copy(path, `${path}.1`);
  await processes.run('truncate', ['-s', '0', path], { deadlineMs: 10_000 });
}

/** The last line that tells of an error, or the last line at all. */
export async function lastWords(fs: FileSystem, path: string): Promise<string> {
  const lines = ((await fs.readText(path)) ?? '').trimEnd().split('\n').slice(-50);
  const telling = lines.filter((line) => /level=(fatal|error)|^containerd:|panic:/.test(line));
  const last = telling.at(-1) ?? lines.at(-1) ?? '';
  const words = /msg="((?:[^"\\]|\\.)*)".*?(?: error="((?:[^"\\]|\\.)*)")?$/.exec(last);
  const text = words ? [words[1], words[2]].filter(Boolean).join(': ') : last;
  return text === '' ? `its log ${path} is empty` : text.slice(0, lastWordsMaxBytes);
}
