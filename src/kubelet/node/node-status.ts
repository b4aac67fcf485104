// Registers this node and keeps its status: every 10 s if something has changed, every 5 min in any case.
import { hasReason, type Persisted, type V1Node, type V1NodeStatus } from '../../api/mod.ts';
import { aborted, Backoff, type Clock, errorText, type Logger, type Random, sleep } from '../../base/mod.ts';
import type { Client, EventRecorder } from '../../client/mod.ts';
import { nodes } from '../api-resources.ts';
import type { ContainerRuntime, RuntimeFeatures } from '../cri/runtime.ts';
import { sameJson } from '../pod/status-patch.ts';
import { type NodeFacts, type NodeInput, newNode, nodeLabels, nodeStatus, patchOf, rangesSpec } from './node-object.ts';

const lookEveryMs = 10_000;
const reportEveryMs = 300_000;
const callDeadlineMs = 10_000;

export interface NodeStatusOptions {
  readonly node: NodeInput;
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  readonly recorder: Pick<EventRecorder, 'record'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** The node's conditions of pressure that are True at the moment. */
  readonly pressures: () => readonly string[];
  /** The node as it is now, in which others may have written. */
  readonly known: () => V1Node | undefined;
  /** Why the node takes no pods though its runtime could run them; undefined when it does. */
  readonly notReady: () => string | undefined;
  /** Once it fires the node looks at itself without waiting. */
  readonly hurry: AbortSignal | undefined;
  /** Called with what the runtime says that it can do, whenever it was asked. */
  readonly onFeatures: (features: RuntimeFeatures) => void;
  /** Called once the node is in the API. */
  readonly onRegistered: (node: Persisted<V1Node>) => void;
}

/** What of a status makes it another one: not the heartbeat. An empty list is stored as none. */
function withoutHeartbeat(status: V1NodeStatus | undefined): unknown {
  const conditions = status?.conditions?.map(({ lastHeartbeatTime: _, ...rest }) => rest);
  const { capacity, allocatable, addresses, daemonEndpoints, nodeInfo, images = [], features, runtimeHandlers = [] } = status ?? {};
  return { capacity, allocatable, addresses, daemonEndpoints, nodeInfo, images, conditions, features, runtimeHandlers };
}

export async function runNodeStatus(options: NodeStatusOptions): Promise<void> {
  const { node, client, clock, random, log, signal, recorder, hurry } = options;
  const reference = { kind: 'Node', name: node.nodeName, uid: node.nodeName };
  let current = await register(options);
  options.onRegistered(current);
  recorder.record(reference, 'Normal', 'Starting', 'Starting kubelet.');
  let reportedMs = clock.monotonicMs();
  let wasReady = readyOf(current) === 'True';
  if (wasReady) recorder.record(reference, 'Normal', 'NodeReady', `Node ${node.nodeName} status is now: NodeReady`);
  let first = true;
  for (;;) {
    // Until it is ready a node looks often: pods wait for it. Nodes that start together do not go on together.
    const pauseMs = first ? random.below(lookEveryMs) : lookEveryMs + random.below(500);
    const paused = sleep(clock, wasReady ? pauseMs : 200, signal);
    await (hurry && !hurry.aborted ? Promise.race([paused, aborted(hurry)]) : paused);
    first = first && !wasReady;
    try {
      const facts = await look(options);
      const before = knownStatus(current, options.known());
      const status = nodeStatus(node, { facts, before });
      const due = clock.monotonicMs() - reportedMs >= reportEveryMs;
      if (!due && sameJson(withoutHeartbeat(before), withoutHeartbeat(status))) continue;
      current = await client.patch(nodes, { name: node.nodeName }, 'application/strategic-merge-patch+json', patchOf(status, before), {
        subresource: 'status',
        signal,
      });
      reportedMs = clock.monotonicMs();
      const isReady = readyOf(current) === 'True';
      if (isReady !== wasReady) {
        const word = isReady ? 'NodeReady' : 'NodeNotReady';
        recorder.record(reference, 'Normal', word, `Node ${node.nodeName} status is now: ${word}`);
      }
      wasReady = isReady;
    } catch (error) {
      if (signal.aborted) return;
      log.warn('Cannot report the status of this node', { error: errorText(error) });
      // Somebody has deleted it: a kubelet that runs has a node.
      if (hasReason(error, 'NotFound')) current = await register(options);
      wasReady = false;
      await sleep(clock, 1000, signal);
    }
  }
}

/** What this kubelet has written last, with the resources of others as they are now. */
function knownStatus({ status }: V1Node, known: V1Node | undefined): V1NodeStatus | undefined {
  const { capacity, allocatable } = known?.status ?? {};
  return capacity && allocatable ? { ...status, capacity, allocatable } : status;
}

const readyOf = (node: V1Node): string | undefined => node.status?.conditions?.find((one) => one.type === 'Ready')?.status;

/** Creates the node, or adopts the one that is there: labels and pod range are put right, the status is new. */
async function register(options: NodeStatusOptions): Promise<Persisted<V1Node>> {
  const { node, client, clock, random, log, signal } = options;
  const backoff = new Backoff({ baseMs: 100, maxMs: 7000, jitter: 0.2 }, random);
  for (;;) {
    try {
      const facts = await look(options);
      try {
        return await client.create(nodes, newNode(node, facts), { signal });
      } catch (error) {
        if (!hasReason(error, 'AlreadyExists')) throw error;
      }
      const found = await client.get(nodes, { name: node.nodeName }, { signal });
      await client.patch(nodes, { name: node.nodeName }, 'application/strategic-merge-patch+json', adoption(node, found), { signal });
      const status = nodeStatus(node, { facts, before: found.status });
      return await client.patch(nodes, { name: node.nodeName }, 'application/strategic-merge-patch+json', patchOf(status, found.status), {
        subresource: 'status',
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      log.warn('Cannot register this node', { error: errorText(error) });
      await sleep(clock, backoff.nextMs(), signal);
    }
  }
}

function adoption(node: NodeInput, found: V1Node): unknown {
  const spec = node.podCidr && !found.spec?.podCIDR ? { spec: rangesSpec(node) } : {};
  return { metadata: { labels: nodeLabels(node) }, ...spec };
}

/** Asks the runtime how it is. A runtime that does not answer makes the node not ready, and is no error. */
async function look({ runtime, clock, signal, node, pressures, notReady, onFeatures }: NodeStatusOptions): Promise<NodeFacts> {
  const call = { signal, deadlineMs: callDeadlineMs };
  const nowMs = clock.nowMs();
  try {
    const [version, status, images] = await Promise.all([runtime.version(call), runtime.status(call), runtime.listImages(call)]);
    const runtimeVersion = `${version.name}://${version.version.replace(/^v/, '')}`;
    const problem = !status.runtimeReady
      ? `container runtime status check may not have completed yet: ${status.message}`
      : status.networkReady
        ? undefined
        : `container runtime network not ready: ${status.message}`;
    onFeatures(status.features);
    return { notReady: notReady() ?? problem, runtimeVersion, images, pressures: pressures(), features: status.features, nowMs };
  } catch (error) {
    signal.throwIfAborted();
    const features = { handlers: [], supplementalGroupsPolicy: false };
    onFeatures(features);
    return {
      notReady: `container runtime is down: ${errorText(error)}`,
      runtimeVersion: `${node.version === '' ? '' : 'containerd://'}unknown`,
      images: [],
      pressures: pressures(),
      features,
      nowMs,
    };
  }
}
