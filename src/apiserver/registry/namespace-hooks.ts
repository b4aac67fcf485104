// Namespaces are held by their spec.finalizers, and say in their phase that they are going away.
import type { Draft, V1Namespace } from '../../api/mod.ts';
import type { ServerHooks } from './hooks.ts';

export const namespaceHooks: ServerHooks = {
  holdsDeletion: (object) => ((object as V1Namespace).spec?.finalizers ?? []).length > 0,
  onDeletionMark: (object) => {
    const draft = object as Draft<V1Namespace>;
    draft.status = { ...draft.status, phase: 'Terminating' };
  },
};
