// DefaultBinder: writes the decision by the pod's binding subresource.
import { pods } from '../../api/mod.ts';
import type { Client } from '../../client/mod.ts';
import { type Plugin, success } from '../framework.ts';

export const defaultBinder = (client: Client): Plugin => ({
  name: 'DefaultBinder',
  bind: async (_state, pod, nodeName, signal) => {
    const { namespace, name, uid } = pod.metadata ?? {};
    try {
      await client.call({
        verb: 'create',
        resource: pods,
        namespace,
        name,
        subresource: 'binding',
        body: { apiVersion: 'v1', kind: 'Binding', metadata: { namespace, name, uid }, target: { kind: 'Node', name: nodeName } },
        signal,
      });
      return success;
    } catch (error) {
      return { is: 'error', error };
    }
  },
});
