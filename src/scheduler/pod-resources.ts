// What a pod asks of a node, as plain numbers: computed once a pod, compared often.
// Source: https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
import { milliValueOf, type V1Container, type V1Pod, wholeValueOf } from '../api/mod.ts';

/** CPU in thousandths of a core, all else in its own unit (bytes, pieces). Resources that are not asked for are absent. */
export type Resources = ReadonlyMap<string, number>;

/** What a pod counts for in spreading when it asks for nothing. Source: upstream's defaults for scoring. */
const defaultRequests: Readonly<Record<string, number>> = { cpu: 100, memory: 200 * 1024 * 1024 };

/** A quantity as the number that {@link Resources} holds. */
export const resourceValue = (name: string, quantity: string | number): number =>
  name === 'cpu' ? milliValueOf(quantity) : wholeValueOf(quantity);

/** `{cpu: "500m"}` as numbers. */
export function toResources(list: Readonly<Record<string, string>> | undefined): Resources {
  return new Map(Object.entries(list ?? {}).map(([name, quantity]) => [name, resourceValue(name, quantity)]));
}

const requestsOf = (container: V1Container): Resources => toResources(container.resources?.requests);
const isSidecar = (container: V1Container): boolean => container.restartPolicy === 'Always';

function addTo(total: Map<string, number>, more: Resources): void {
  for (const [name, value] of more) total.set(name, (total.get(name) ?? 0) + value);
}

function raiseTo(total: Map<string, number>, floor: Resources): void {
  for (const [name, value] of floor) if (value > (total.get(name) ?? 0)) total.set(name, value);
}

/**
 * The most that the pod asks for at any time: main containers and sidecars together, or an init container with the
 * sidecars before it; then pod-level requests, which replace them, and the overhead.
 */
export const podRequests = (pod: V1Pod): Resources => amountsOf(pod).requests;

/** CPU and memory that the pod counts for when nodes are compared: what it asks for, or a small default a container. */
export const podScoreRequests = (pod: V1Pod): ScoreRequests => amountsOf(pod).score;

export type ScoreRequests = Readonly<Record<'cpu' | 'memory', number>>;

interface Amounts {
  readonly requests: Resources;
  readonly score: ScoreRequests;
}

/** Pods are frozen: what one asks for is read out of its quantities once, however many nodes and plugins ask. */
const known = new WeakMap<V1Pod, Amounts>();

/**
 * Whether a newer version of a pod certainly asks for the same, by the parts that both share: then nothing is read anew. Writes
 * of a status or a binding leave them as they are.
 */
export function asksForTheSame(old: V1Pod, next: V1Pod): boolean {
  const [before, now] = [old.spec, next.spec];
  const same =
    before?.containers === now?.containers &&
    before?.initContainers === now?.initContainers &&
    before?.resources === now?.resources &&
    before?.overhead === now?.overhead;
  const amounts = same ? known.get(old) : undefined;
  if (amounts) known.set(next, amounts);
  return amounts !== undefined;
}

function amountsOf(pod: V1Pod): Amounts {
  let amounts = known.get(pod);
  if (!amounts) {
    const requests = readRequests(pod);
    amounts = { requests, score: scoreRequests(pod, requests) };
    known.set(pod, amounts);
  }
  return amounts;
}

function readRequests(pod: V1Pod): Resources {
  const spec = pod.spec;
  const total = new Map<string, number>();
  for (const container of spec?.containers ?? []) addTo(total, requestsOf(container));
  const sidecars = new Map<string, number>();
  const initPeak = new Map<string, number>();
  for (const container of spec?.initContainers ?? []) {
    const own = requestsOf(container);
    if (isSidecar(container)) {
      addTo(total, own);
      addTo(sidecars, own);
      raiseTo(initPeak, sidecars);
    } else {
      const together = new Map(sidecars);
      addTo(together, own);
      raiseTo(initPeak, together);
    }
  }
  raiseTo(total, initPeak);
  for (const [name, value] of toResources(spec?.resources?.requests)) total.set(name, value);
  addTo(total, toResources(spec?.overhead));
  return total;
}

function scoreRequests(pod: V1Pod, asked: Resources): ScoreRequests {
  const containers = pod.spec?.containers.length ?? 0;
  const of = (name: 'cpu' | 'memory') => asked.get(name) ?? (defaultRequests[name] ?? 0) * containers;
  return { cpu: of('cpu'), memory: of('memory') };
}
