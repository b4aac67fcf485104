// NodeUnschedulable: a cordoned node takes no new pods, unless they tolerate it.
import { tolerates } from '../../api/mod.ts';
import { type Plugin, success, unresolvable } from '../framework.ts';

const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: Plugin = {
  name: 'NodeUnschedulable',
  nodeAlone: true,
  helpedBy: 'a node is added or uncordoned',
  mayHelp: (_pod, event) =>
    (event.is === 'nodeAdded' && event.node.spec?.unschedulable !== true) ||
    (event.is === 'nodeChanged' && event.old.spec?.unschedulable === true && !event.node.spec?.unschedulable),
  applies: (_pod, snapshot) => snapshot.tainted > 0,
  filter: (_state, pod, info) =>
    info.node?.spec?.unschedulable && !(pod.spec?.tolerations ?? []).some((toleration) => tolerates(toleration, taint))
      ? unresolvable('node(s) were unschedulable')
      : success,
};
