// The node's own word on a pod that was assigned to it: does it fit, now that the node knows what it really runs? Pure.
import { matchesRequiredAffinity, type V1Pod, type V1Toleration } from '../../api/mod.ts';
import { isCritical } from '../pod/spec.ts';
import { numbersOf, podAmounts } from './pod-amounts.ts';
import { podsToPreempt } from './preemption.ts';
import { admitSecurity, type SecurityFacts } from './security-admission.ts';

export interface AdmissionInput {
  readonly pod: V1Pod;
  /** The pods that hold a place on the node already. */
  readonly others: readonly V1Pod[];
  readonly nodeName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly allocatable: Readonly<Record<string, string>>;
  /** Node conditions that are True and say that something runs short: `MemoryPressure`, ... */
  readonly pressures: readonly string[];
  readonly security: SecurityFacts;
}

/** `reason` and `message` are upstream's; the message goes into the event as it is, and into the status after "Pod was rejected: ". */
export interface Rejection {
  readonly reason: string;
  readonly message: string;
}

/** Undefined when the pod may run here. */
export function admit(input: AdmissionInput): Rejection | undefined {
  return byPressure(input) ?? byResources(input) ?? byNode(input);
}

const byNode = (input: AdmissionInput): Rejection | undefined =>
  byAffinity(input) ?? byPorts(input) ?? admitSecurity(input.pod, input.security);

function byPressure({ pod, pressures }: AdmissionInput): Rejection | undefined {
  if (pressures.length === 0 || isCritical(pod)) return undefined;
  if (pressures.length === 1 && pressures[0] === 'MemoryPressure') {
    // Whoever has asked for memory keeps it; the others only when they say that they can live with its lack.
    const besteffort = podAmounts(pod, 'requests').size + podAmounts(pod, 'limits').size === 0;
    if (!besteffort || toleratesMemoryPressure(pod.spec?.tolerations ?? [])) return undefined;
  }
  return { reason: 'Evicted', message: `The node had condition: [${pressures.join(' ')}]. ` };
}

const toleratesMemoryPressure = (tolerations: readonly V1Toleration[]): boolean =>
  tolerations.some(
    ({ key = '', operator = 'Equal', effect = '' }) =>
      (key === 'node.kubernetes.io/memory-pressure' || (key === '' && operator === 'Exists')) && (effect === '' || effect === 'NoSchedule'),
  );

interface Amounts {
  readonly requested: number;
  readonly used: number;
  readonly capacity: number;
}

/** Of what the node has too little for the pod: first places, then by resource. */
function shortagesOf({ pod, others, allocatable }: AdmissionInput): readonly (Amounts & { readonly name: string })[] {
  const capacity = numbersOf(allocatable);
  const used = new Map<string, number>();
  for (const other of others) for (const [name, value] of podAmounts(other, 'requests')) used.set(name, (used.get(name) ?? 0) + value);
  const places = { name: 'pods', requested: 1, used: others.length, capacity: capacity.get('pods') ?? 0 };
  const amounts = [...podAmounts(pod, 'requests')]
    // What the node has never heard of is no resource of the node: the cluster counts it.
    .filter(([name]) => !name.includes('/') || capacity.has(name))
    .map(([name, requested]) => ({ name, requested, used: used.get(name) ?? 0, capacity: capacity.get(name) ?? 0 }));
  return [places, ...amounts].filter((one) => one.requested > 0 && one.used + one.requested > one.capacity);
}

function byResources(input: AdmissionInput): Rejection | undefined {
  const [first] = shortagesOf(input);
  return first && short(first.name, first);
}

/** A critical pod's admission: it is refused, takes the room of others, waits for those that are ending, or may start. */
export type CriticalVerdict = Rejection | { readonly victims: readonly V1Pod[] } | 'wait' | undefined;

/** Of a critical pod. `ending`: those that are being ended and whose containers run still; `others` are the rest. */
export function admitCritical(input: AdmissionInput, ending: readonly V1Pod[]): CriticalVerdict {
  const all = { ...input, others: [...input.others, ...ending] };
  // Room alone would not help it.
  if (byNode(input)) return admit(all);
  const missing = shortagesOf(input).map(({ name, requested, used, capacity }) => ({ name, amount: used + requested - capacity }));
  const victims = podsToPreempt(input.pod, input.others, missing);
  if (victims && victims.length > 0) return { victims };
  if (victims) return byResources(all) || byPorts(all) ? 'wait' : undefined;
  const list = missing.map(({ name, amount }) => `(res: ${name}, q: ${amount}), `).join('');
  const why = `preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [${list}]`;
  const message = `Unexpected error while attempting to recover from admission failure: ${why}`;
  return { reason: 'UnexpectedAdmissionError', message };
}

/** How long a pod that ends is waited for, in milliseconds: its grace and half of it, 10 seconds at least. Source: upstream's `killPodNow`. */
export const endingMaxMs = (graceSeconds: number): number => Math.max(10_000, graceSeconds * 1500);

/** Undefined when the pod fits as it is now; `never` when it would not fit into the empty node. */
export function admitResize(input: AdmissionInput): { readonly never: boolean; readonly message: string } | undefined {
  const capacity = numbersOf(input.allocatable);
  for (const [name, requested] of podAmounts(input.pod, 'requests')) {
    const has = capacity.get(name) ?? 0;
    if (requested > has)
      return { never: true, message: `Node didn't have enough capacity: ${name}, requested: ${requested}, capacity: ${has}` };
  }
  const refused = byResources(input);
  return refused && { never: false, message: refused.message };
}

const short = (name: string, of: Amounts): Rejection => ({
  reason: `OutOf${name}`,
  message: `Node didn't have enough resource: ${name}, requested: ${of.requested}, used: ${of.used}, capacity: ${of.capacity}`,
});

function byAffinity({ pod, labels, nodeName }: AdmissionInput): Rejection | undefined {
  if (matchesRequiredAffinity(pod.spec, { metadata: { name: nodeName, labels } })) return undefined;
  return { reason: 'NodeAffinity', message: "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector" };
}

function byPorts({ pod, others }: AdmissionInput): Rejection | undefined {
  const taken = others.flatMap(hostPorts);
  const clashes = hostPorts(pod).some((one) => taken.some((other) => clash(one, other)));
  return clashes
    ? { reason: 'NodePorts', message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports" }
    : undefined;
}

interface HostPort {
  readonly protocol: string;
  readonly port: number;
  readonly ip: string;
}

function hostPorts(pod: V1Pod): HostPort[] {
  const sidecars = (pod.spec?.initContainers ?? []).filter((one) => one.restartPolicy === 'Always');
  return [...sidecars, ...(pod.spec?.containers ?? [])].flatMap((container) =>
    (container.ports ?? []).flatMap(({ hostPort = 0, protocol = 'TCP', hostIP = '' }) =>
      hostPort > 0 ? [{ protocol, port: hostPort, ip: hostIP === '' ? '0.0.0.0' : hostIP }] : [],
    ),
  );
}

const clash = (a: HostPort, b: HostPort): boolean =>
  a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0');
