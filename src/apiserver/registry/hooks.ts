// What the server itself does around the writes of some resources, beyond the pure rules of their kinds: allocation, deletion held by more than finalizers.
import type { Draft, FieldError, KubeObject } from '../../api/mod.ts';

export interface HookContext {
  /** True: nothing may be kept after the request. */
  readonly dryRun: boolean;
  readonly nowTime: string;
}

/** What a hook, or an admission plugin, has reserved for a write that is not yet stored. Exactly one of the two is called. */
export interface Reservation {
  /** The write is stored. */
  readonly commit: () => void | Promise<void>;
  /** The write failed, or was a dry run. */
  readonly release: () => void | Promise<void>;
}

/** Hooks of one resource. They may throw StatusError; what they have stored by then they take back. */
export interface ServerHooks {
  /** After defaulting and mutating admission, before validation. */
  readonly beforeCreate?: (draft: Draft<KubeObject>, context: HookContext) => Promise<Reservation>;
  readonly beforeUpdate?: (draft: Draft<KubeObject>, old: KubeObject, context: HookContext) => Promise<Reservation>;
  /** Errors besides those that the kind finds. `old` is undefined on create. */
  readonly validate?: (object: KubeObject, old: KubeObject | undefined) => readonly FieldError[];
  /** The object is gone from the store. */
  readonly afterDelete?: (object: KubeObject) => Promise<void>;
  /** True while something besides metadata.finalizers keeps a deleted object in place: a namespace's spec.finalizers. */
  readonly holdsDeletion?: (object: KubeObject) => boolean;
  /** Further changes to an object when it is first marked for deletion. */
  readonly onDeletionMark?: (draft: Draft<KubeObject>, context: HookContext) => void;
}

/** By resource, as messages name it: `services`, `deployments.apps`. */
export type HooksByResource = ReadonlyMap<string, ServerHooks>;
