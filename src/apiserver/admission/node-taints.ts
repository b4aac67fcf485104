// TaintNodesByCondition: a new node takes no pods until it is known to be ready.
import { addNotReadyTaint, type Draft, type V1Node } from '../../api/mod.ts';
import type { AdmissionPlugin } from './chain.ts';

export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  mutate: ({ kind, operation, subresource }, draft) => {
    if (operation !== 'CREATE' || subresource !== undefined || !draft || kind.group !== '' || kind.resource !== 'nodes') return;
    addNotReadyTaint(draft as Draft<V1Node>);
  },
};
