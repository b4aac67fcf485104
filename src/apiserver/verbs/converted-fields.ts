// Field selectors on a version that another process converts to: only the converted object tells whether it matches.
import { type FieldSelector, type KindDefinition, type KubeObject, matchesFields } from '../../api/mod.ts';
import type { Encoded, WatchFrame } from '../request.ts';
import { inServedForm, showAhead } from './view.ts';

/** Says of stored objects whether they match as the version shows them. Asked once they have been converted. */
export interface ConvertedFields {
  readonly kind: KindDefinition;
  readonly matches: (stored: KubeObject) => boolean;
}

/** Undefined where the stored object tells as well. `read` reads a field of an object as the kind shows it. */
export function convertedFields(
  kind: KindDefinition,
  fields: FieldSelector,
  read: (object: KubeObject, field: string) => string,
): ConvertedFields | undefined {
  const own = fields.filter(({ field }) => !field.startsWith('metadata.'));
  if (!kind.storage?.ahead || own.length === 0) return undefined;
  return {
    kind,
    matches(stored) {
      const shown = inServedForm(kind, stored);
      return matchesFields(own, (field) => read(shown, field));
    },
  };
}

/** Those of the entries that match. */
export async function matchingEntries<E extends Encoded>(entries: readonly E[], { kind, matches }: ConvertedFields): Promise<readonly E[]> {
  await kind.storage?.ahead?.shown(entries.map((entry) => entry.object));
  return entries.filter((entry) => matches(entry.object));
}

/** The frames of those that match. What begins to match is added, what ceases to is deleted. */
export async function* matchingFrames(
  frames: AsyncIterable<readonly WatchFrame[]>,
  { kind, matches }: ConvertedFields,
): AsyncGenerator<readonly WatchFrame[]> {
  /** Whether what has been seen matched when it was seen last, by uid. */
  const matched = new Map<string, boolean>();
  const shown = (frame: WatchFrame): WatchFrame | undefined => {
    if (frame.type === 'BOOKMARK' || frame.type === 'ERROR') return frame;
    const { type, entry } = frame;
    const uid = entry.object.metadata?.uid ?? '';
    const [before, now] = [matched.get(uid), matches(entry.object)];
    if (type === 'DELETED') {
      matched.delete(uid);
      return before === false ? undefined : frame;
    }
    matched.set(uid, now);
    if (now) return before === false && type === 'MODIFIED' ? { type: 'ADDED', entry } : frame;
    // A watch that goes on from a revision may have shown it before: to be told of the end of what one never saw does no harm.
    return type === 'ADDED' || before === false ? undefined : { type: 'DELETED', entry };
  };
  for await (const batch of frames) {
    for (const frame of batch) if ('entry' in frame) await showAhead(kind, frame.entry);
    const kept = batch.flatMap((frame) => shown(frame) ?? []);
    if (kept.length > 0) yield kept;
  }
}
