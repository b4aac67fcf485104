// What a plugin says of a node for a pod.

/**
 * `unschedulable`: not on this node as things are (evicting pods could help); `unresolvable`: not on this node whatever
 * happens to other pods; `skip`: this plugin has nothing to say for this pod.
 */
export type Verdict =
  | { readonly is: 'success' }
  | { readonly is: 'skip' }
  | { readonly is: 'unschedulable' | 'unresolvable'; readonly reasons: readonly string[]; readonly plugin?: string }
  | { readonly is: 'error'; readonly error: unknown };

type Refused = Verdict & { readonly is: 'unschedulable' | 'unresolvable' };

export const success: Verdict = { is: 'success' };
export const skip: Verdict = { is: 'skip' };
export const unschedulable = (...reasons: string[]): Refused => ({ is: 'unschedulable', reasons });
export const unresolvable = (...reasons: string[]): Refused => ({ is: 'unresolvable', reasons });
