// Which of the served resources hold objects of their own: for the controllers that work on all kinds.
import type { ServedKind } from './controller.ts';

/** Events are no content that is worth an owner, and there are many of them. */
const isEvents = (kind: ServedKind): boolean => kind.resource === 'events' && (kind.group === '' || kind.group === 'events.k8s.io');

/** Each stored resource once, in one of its versions, when it has all these verbs. */
export function storedKinds(kinds: readonly ServedKind[], ...verbs: readonly string[]): readonly ServedKind[] {
  const seen = new Set<string>();
  return kinds.filter((kind) => {
    const name = `${kind.resource}.${kind.group}`;
    if (seen.has(name) || verbs.some((verb) => kind.verbs !== undefined && !kind.verbs.includes(verb))) return false;
    seen.add(name);
    return true;
  });
}

/** What the garbage collector and the namespace controller watch. */
export const watchedKinds = (kinds: readonly ServedKind[]): readonly ServedKind[] =>
  storedKinds(kinds, 'list', 'watch', 'delete').filter((kind) => !isEvents(kind));
