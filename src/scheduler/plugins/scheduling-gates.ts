// SchedulingGates: a pod with gates is not even tried.
import { type Plugin, success, unresolvable } from '../framework.ts';

export const schedulingGates: Plugin = {
  name: 'SchedulingGates',
  helpedBy: 'the last of its scheduling gates is removed',
  mayHelp: () => false, // Only a change of the pod itself opens a gate.
  preEnqueue: (pod) => {
    const gates = pod.spec?.schedulingGates ?? [];
    return gates.length === 0 ? success : unresolvable(`waiting for scheduling gates: [${gates.map((gate) => gate.name).join(' ')}]`);
  },
};
