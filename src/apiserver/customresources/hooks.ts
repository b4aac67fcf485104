// What the server does when a definition is deleted: it stays, marked, until its objects are gone.
import { type KubeObject, setCondition, type V1CustomResourceDefinition } from '../../api/mod.ts';
import type { ServerHooks } from '../registry/hooks.ts';
import type { Condition } from './naming.ts';

export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

export const terminating = (status: 'True' | 'False', reason: string, message: string): Condition => ({
  type: 'Terminating',
  status,
  reason,
  message,
});

type WithStatus = { status?: V1CustomResourceDefinition['status'] };

export const definitionHooks: ServerHooks = {
  /** The first delete only marks: from then on the finalizer says when it may go. */
  holdsDeletion: (object: KubeObject) => object.metadata?.deletionTimestamp === undefined,
  onDeletionMark(draft, { nowTime }) {
    draft.metadata ??= {};
    const { finalizers = [] } = draft.metadata;
    if (!finalizers.includes(cleanupFinalizer)) draft.metadata.finalizers = [...finalizers, cleanupFinalizer];
    const of = draft as WithStatus;
    const message = 'CustomResourceDefinition marked for deletion; CustomResource deletion will be initiated soon';
    const conditions = setCondition(of.status?.conditions, terminating('True', 'InstanceDeletionPending', message), nowTime);
    of.status = { ...of.status, conditions };
  },
};
