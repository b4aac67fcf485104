// Admission: an ordered list of plugins. The mutating ones run first and may change the draft; then, on what would be stored, the validating ones.
import type { Draft, KindDefinition, KubeObject } from '../../api/mod.ts';
import { assert } from '../../base/mod.ts';
import type { UserInfo } from '../../client/mod.ts';
import type { Reservation } from '../registry/hooks.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** What a plugin may look at. Objects are as in the request's own version. */
export interface AdmissionAttributes {
  readonly operation: Operation;
  readonly kind: KindDefinition;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  /** Empty on a create whose name is yet to be generated. */
  readonly name: string;
  /** How it stands; absent on create. Frozen. */
  readonly old: KubeObject | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly warn: (text: string) => void;
  /** Adds to what the audit log tells of the request. */
  readonly annotate?: ((key: string, value: string) => void) | undefined;
  readonly signal: AbortSignal;
  /** The kind that the client named, where its objects are stored as those of `kind`. */
  readonly view?: KindDefinition | undefined;
  /** Every kind that serves the objects, `kind` first. Default: `kind` alone. */
  readonly versions?: readonly KindDefinition[];
  /** The CreateOptions, UpdateOptions or DeleteOptions of the request. */
  readonly options?: object | undefined;
  /** What is written or connected with, where that is not the resource's own kind. */
  readonly body?: AdmissionBody | undefined;
}

/** The kind of a body that a subresource takes: a Scale, a Binding, a PodExecOptions. */
export interface AdmissionBody {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** The stored object as such a body, and a changed body put back into it. Absent: draft and object are the body itself. */
  readonly of?: {
    readonly show: (object: KubeObject) => KubeObject;
    readonly take: (draft: Draft<KubeObject>, body: KubeObject) => void;
  };
}

/** One call of all mutating plugins. They run a second time when one of them asks for it. */
export interface MutationRound {
  /** True in the second run. */
  readonly again: boolean;
  /** Ask by setting it. */
  reinvoke: boolean;
  /** What a plugin keeps from its first run for its second. */
  readonly notes: Map<string, unknown>;
}

/** Throws StatusError to refuse. `draft` and `object` are absent on delete. */
export interface AdmissionPlugin {
  readonly name: string;
  /** True: runs only where it is enabled by name. */
  readonly optional?: boolean;
  /** `draft` may be changed in place. */
  readonly mutate?: (attributes: AdmissionAttributes, draft: Draft<KubeObject> | undefined, round?: MutationRound) => Promise<void> | void;
  readonly validate?: (attributes: AdmissionAttributes, object: KubeObject | undefined) => Promise<void> | void;
  /** After all others have let the write pass: it is refused here, or happens unless the store refuses. One plugin at most has it. */
  readonly reserve?: (attributes: AdmissionAttributes, object: KubeObject) => Promise<Reservation | undefined> | undefined;
}

export interface AdmissionChain {
  mutate(attributes: AdmissionAttributes, draft?: Draft<KubeObject>): Promise<void>;
  validate(attributes: AdmissionAttributes, object?: KubeObject): Promise<void>;
  reserve(attributes: AdmissionAttributes, object: KubeObject): Promise<Reservation | undefined> | undefined;
}

export function createAdmissionChain(plugins: readonly AdmissionPlugin[]): AdmissionChain {
  const mutating = plugins.filter((plugin) => plugin.mutate);
  const validating = plugins.filter((plugin) => plugin.validate);
  const [reserving, another] = plugins.filter((plugin) => plugin.reserve);
  assert(!another, `${reserving?.name} and ${another?.name} both reserve: a refusal of the second would have to undo the first`);
  // Nearly all plugins answer at once: only for those that do not is waited.
  const mutateOnce = async (attributes: AdmissionAttributes, draft: Draft<KubeObject> | undefined, round: MutationRound) => {
    for (const plugin of mutating) {
      const waiting = plugin.mutate?.(attributes, draft, round);
      if (waiting) await waiting;
    }
  };
  return {
    async mutate(attributes, draft) {
      const round = { again: false, reinvoke: false, notes: new Map<string, unknown>() };
      await mutateOnce(attributes, draft, round);
      if (!round.reinvoke) return;
      round.again = true;
      await mutateOnce(attributes, draft, round);
    },
    async validate(attributes, object) {
      for (const plugin of validating) {
        const waiting = plugin.validate?.(attributes, object);
        if (waiting) await waiting;
      }
    },
    reserve: (attributes, object) => reserving?.reserve?.(attributes, object),
  };
}
