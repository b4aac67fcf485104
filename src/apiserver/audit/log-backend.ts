// The audit log as a file of JSON lines, written in batches, rotated by size; old files go by number and age.
// Source: https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#log-backend
import { BoundedQueue, type Clock, errorText, type Logger } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { AuditBackend } from './audit.ts';

export interface AuditLogOptions {
  /** Its directory is there. */
  readonly path: string;
  /** Bytes after which a new file is begun; 0: never. */
  readonly bytesMax: number;
  /** Old files that are kept; 0: all. */
  readonly backupsMax: number;
  /** Milliseconds for which old files are kept; 0: for good. */
  readonly keptMs: number;
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called for each event that is lost. */
  readonly lost?: (() => void) | undefined;
  readonly signal: AbortSignal;
}

/** Events that wait to be written. */
const queuedMax = 10_000;

/** `run` writes until the signal has fired and all that was taken is written. */
export function createAuditLog(options: AuditLogOptions): AuditBackend & { run(): Promise<void> } {
  const { path, fs, log, signal } = options;
  const queue = new BoundedQueue<string>(queuedMax);
  let size: number | undefined;
  const write = async (lines: readonly string[]): Promise<void> => {
    const text = Buffer.from(`${lines.join('\n')}\n`);
    size ??= (await fs.stat(path))?.sizeBytes ?? 0;
    if (options.bytesMax > 0 && size > 0 && size + text.length > options.bytesMax) {
      await rotate(options);
      size = 0;
    }
    await fs.append(path, text, { mode: 0o600 });
    size += text.length;
  };
  return {
    take(event) {
      if (!queue.push(event)) options.lost?.();
    },
    async run() {
      const off = queue.closeOn(signal);
      while (await queue.ready()) {
        const lines = queue.takeAll();
        try {
          await write(lines);
        } catch (error) {
          size = undefined;
          log.error('Audit events could not be written', { path, events: lines.length, error: errorText(error) });
          for (const _ of lines) options.lost?.();
        }
      }
      off();
    },
  };
}

/** `audit.log` becomes `audit-2026-01-02T15-04-05.000.log`. */
async function rotate(options: AuditLogOptions): Promise<void> {
  const { path, fs, clock } = options;
  const slash = path.lastIndexOf('/');
  const [dir, name] = [path.slice(0, slash) || '/', path.slice(slash + 1)];
  const dot = name.lastIndexOf('.');
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ''];
  const stamp = new Date(clock.nowMs()).toISOString().replaceAll(':', '-').slice(0, -1);
  await fs.rename(path, `${dir}/${stem}-${stamp}${ending}`);
  const known = (await fs.list(dir)).map((entry) => entry.name).filter((other) => other.startsWith(`${stem}-`) && other.endsWith(ending));
  for (const old of tooOld(known, { stem, ending }, options)) await fs.remove(`${dir}/${old}`);
}

/** The rotated files that go, of all in a directory. */
export function tooOld(
  names: readonly string[],
  { stem, ending }: { readonly stem: string; readonly ending: string },
  { backupsMax, keptMs, clock }: Pick<AuditLogOptions, 'backupsMax' | 'keptMs' | 'clock'>,
): readonly string[] {
  const dated = names.flatMap((name) => {
    const stamp = name.slice(stem.length + 1, name.length - ending.length);
    const ms = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}$/.test(stamp)
      ? Date.parse(`${stamp.replace(/T(\d\d)-(\d\d)-/, 'T$1:$2:')}Z`)
      : Number.NaN;
    return Number.isNaN(ms) ? [] : [{ name, ms }];
  });
  dated.sort((a, b) => b.ms - a.ms);
  return dated
    .filter(({ ms }, at) => (backupsMax > 0 && at >= backupsMax) || (keptMs > 0 && ms < clock.nowMs() - keptMs))
    .map(({ name }) => name);
}
