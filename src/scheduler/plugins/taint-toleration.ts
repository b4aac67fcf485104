// TaintToleration: a node's taints keep away pods that do not tolerate them; soft taints make a node less liked.
import { findUntolerated, tolerates } from '../../api/mod.ts';
import { normalizeScores, type Plugin, success, unresolvable } from '../framework.ts';

const hardEffects = ['NoSchedule', 'NoExecute'];

export const taintToleration: Plugin = {
  name: 'TaintToleration',
  nodeAlone: true,
  helpedBy: 'a node whose taints the pod tolerates is added, or a node loses its taints',
  mayHelp: (pod, event) =>
    (event.is === 'nodeAdded' || event.is === 'nodeChanged') &&
    !findUntolerated(event.node.spec?.taints ?? [], pod.spec?.tolerations ?? [], hardEffects),
  applies: (_pod, snapshot) => snapshot.tainted > 0,
  filter: (_state, pod, info) => {
    const taint = findUntolerated(info.node?.spec?.taints ?? [], pod.spec?.tolerations ?? [], hardEffects);
    return taint ? unresolvable(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`) : success;
  },
  score: (_state, pod, info) => {
    const soft = (pod.spec?.tolerations ?? []).filter((toleration) => !toleration.effect || toleration.effect === 'PreferNoSchedule');
    return (info.node?.spec?.taints ?? []).filter(
      (taint) => taint.effect === 'PreferNoSchedule' && !soft.some((toleration) => tolerates(toleration, taint)),
    ).length;
  },
  normalize: (_state, scores) => normalizeScores(scores, true),
};
