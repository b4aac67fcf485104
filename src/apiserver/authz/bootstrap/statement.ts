// How the default roles are written down here: a line a rule.
import type { V1PolicyRule } from '../../../api/mod.ts';

export interface RoleStatement {
  readonly name: string;
  readonly rules: readonly V1PolicyRule[];
  /** Of `kube-system` or `kube-public`; absent: a cluster role. */
  readonly namespace?: string;
  /** Its rules become part of `admin`, `edit` or `view`. */
  readonly aggregateTo?: string;
  /** Its own rules are those of all roles that aggregate to this one. */
  readonly aggregates?: string;
}

export interface BindingStatement {
  readonly name: string;
  readonly namespace?: string;
  /** `ClusterRole/x` or `Role/x`. */
  readonly role: string;
  /** `user:x`, `group:x`, `account:x` (of kube-system). */
  readonly subjects: readonly string[];
}

const words = (text: string): readonly string[] => text.split(' ');

/** Words apart by spaces; the group `core` is the one without a name. */
export function on(verbs: string, groups: string, resources: string, names?: string): V1PolicyRule {
  const apiGroups = words(groups).map((group) => (group === 'core' ? '' : group));
  const rule = { verbs: words(verbs), apiGroups, resources: words(resources) };
  return names === undefined ? rule : { ...rule, resourceNames: words(names) };
}

/** Paths that are no resources. */
export const at = (verbs: string, paths: string): V1PolicyRule => ({ verbs: words(verbs), nonResourceURLs: words(paths) });

export const role = (name: string, ...rules: readonly V1PolicyRule[]): RoleStatement => ({ name, rules });
