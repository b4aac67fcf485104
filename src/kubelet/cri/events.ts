// containerd's own event service: what happened to which task, decoded just as far as the kubelet asks.
// https://github.com/containerd/containerd/tree/main/api (services/events/v1, events)
import { bytes, field, message, repeated, string } from '../../base/protobuf/mod.ts';
import type { RuntimeEvent } from './runtime.ts';

export const subscribePath = '/containerd.services.events.v1.Events/Subscribe';
export const containerdNamespace = 'k8s.io';

const subscribeRequest = message({ filters: repeated(1, string) });
const any = message({ typeUrl: field(1, string), value: field(2, bytes) });
const envelope = message({ namespace: field(2, string), topic: field(3, string), event: field(4, any) });
/** The fields that the events below have in common, and TaskExit's own `id`, which is not the container's when an exec has ended. */
const subjectAt1 = message({ containerId: field(1, string) });
const taskExit = message({ containerId: field(1, string), id: field(2, string) });

/**
 * `/containers/create` is left out: it comes before the container can be found by CRI, and creating one tells its creator already.
 */
const types: Readonly<Record<string, RuntimeEvent['type']>> = {
  '/tasks/start': 'started',
  '/tasks/exit': 'stopped',
  '/tasks/oom': 'oom',
  '/containers/delete': 'deleted',
};

/** The body of a subscription to the topics above in CRI's namespace. Filters are alternatives; parts of one are all required. */
export const subscription = subscribeRequest.encode({
  filters: Object.keys(types).map((topic) => `namespace==${containerdNamespace},topic=="${topic}"`),
});

/** Something happened to the container `containerId` (a sandbox is a container too, to containerd). */
export interface TaskEvent {
  readonly type: RuntimeEvent['type'];
  readonly containerId: string;
}

/** Undefined for what does not concern the kubelet. Throws ProtobufError for bytes that are no event. */
export function decodeEvent(input: Uint8Array): TaskEvent | undefined {
  const { namespace, topic, event } = envelope.decode(input);
  const type = types[topic];
  if (namespace !== containerdNamespace || type === undefined || !event) return undefined;
  if (topic === '/tasks/exit') {
    const { containerId, id } = taskExit.decode(event.value);
    return containerId !== '' && (id === '' || id === containerId) ? { type, containerId } : undefined;
  }
  const { containerId } = subjectAt1.decode(event.value);
  return containerId === '' ? undefined : { type, containerId };
}

/** The bytes of an event, for tests. */
export function encodeEvent(topic: string, containerId: string, id = ''): Uint8Array {
  const value = taskExit.encode({ containerId, id });
  return envelope.encode({ namespace: containerdNamespace, topic, event: { typeUrl: 'containerd.events', value } });
}
