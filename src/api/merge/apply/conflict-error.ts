// Conflicts of server-side apply as the 409 that clients print.
// Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts
import { StatusError } from '../../meta/status.ts';
import type { ApplyConflict } from './apply.ts';
import type { EntryOwner } from './entries.ts';
import { pathText } from './path-element.ts';

/** `"kubectl" using apps/v1`, `"kubelet" with subresource "status" using v1`; an applier's version says nothing. */
function ownerName({ manager, subresource, operation, apiVersion }: EntryOwner): string {
  const name = JSON.stringify(manager) + (subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`);
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

/** Needs at least one conflict. */
export const applyConflictError = (conflicts: readonly ApplyConflict[]): StatusError =>
  new StatusError({
    code: 409,
    reason: 'Conflict',
    message: conflictMessage(conflicts),
    details: {
      causes: conflicts.map(({ owner, path }) => ({
        reason: 'FieldManagerConflict',
        message: `conflict with ${ownerName(owner)}`,
        field: pathText(path),
      })),
    },
  });

function conflictMessage(conflicts: readonly ApplyConflict[]): string {
  const [first] = conflicts;
  if (first && conflicts.length === 1)
    return `Apply failed with 1 conflict: conflict with ${ownerName(first.owner)}: ${pathText(first.path)}`;
  const byOwner = new Map<string, string[]>();
  for (const { owner, path } of conflicts) {
    const name = ownerName(owner);
    const lines = byOwner.get(name) ?? [`conflicts with ${name}:`];
    lines.push(`- ${pathText(path)}`);
    byOwner.set(name, lines);
  }
  return `Apply failed with ${conflicts.length} conflicts: ${[...byOwner.values()].flat().join('\n')}`;
}
