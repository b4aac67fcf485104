// NodePorts: two pods on one node cannot have the same host port.
import { type Plugin, skip, success, unschedulable } from '../framework.ts';
import { type HostPort, hostPortsOf } from '../node-info.ts';

const stateKey = 'NodePorts';

export const nodePorts: Plugin = {
  name: 'NodePorts',
  nodeAlone: true,
  helpedBy: 'a node is added, or a pod with the same host port goes',
  mayHelp: (pod, event) =>
    event.is === 'nodeAdded' ||
    (event.is === 'podGone' && hostPortsOf(event.pod).some((gone) => hostPortsOf(pod).some((wanted) => wanted.port === gone.port))),
  preFilter: (state, pod) => {
    const ports = hostPortsOf(pod);
    if (ports.length === 0) return skip;
    state.set(stateKey, ports);
    return success;
  },
  filter: (state, _pod, info) => {
    const wanted = (state.get(stateKey) ?? []) as readonly HostPort[];
    return wanted.some((port) => info.portTaken(port))
      ? unschedulable("node(s) didn't have free ports for the requested pod ports")
      : success;
  },
};
