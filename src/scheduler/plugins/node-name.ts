// NodeName: a pod that names its node runs there or nowhere.
import { type Plugin, success, unresolvable } from '../framework.ts';

export const nodeName: Plugin = {
  name: 'NodeName',
  nodeAlone: true,
  helpedBy: 'the node that the pod names is added',
  mayHelp: (pod, event) => event.is === 'nodeAdded' && event.node.metadata?.name === pod.spec?.nodeName,
  applies: (pod) => (pod.spec?.nodeName ?? '') !== '',
  filter: (_state, pod, info) =>
    !pod.spec?.nodeName || pod.spec.nodeName === info.name ? success : unresolvable("node(s) didn't match the requested node name"),
};
