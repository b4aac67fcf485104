// What nodes use, for the metrics API: of a node in this process by a call, of all others by their kubelets' stats summary.
import { type NodeUsage, timeMs, type UsageFigures, type V1Node } from '../../api/mod.ts';
import { type Clock, StoppedError } from '../../base/mod.ts';
import type { NodeConnection } from '../proxy/node-connection.ts';

export interface NodeUsageSource {
  /** Rejects when the node cannot be asked. */
  of(node: V1Node): Promise<NodeUsage>;
}

export interface NodeUsageDirectory extends NodeUsageSource {
  /** A node of this process; a later call takes the place of an earlier one. */
  attach(nodeName: string, ask: () => Promise<NodeUsage>): void;
  /** How the others are asked. */
  connect(nodes: NodeConnection): void;
}

/** Many autoscalers ask for the same nodes: an answer so old is still good. */
const freshMs = 5_000;
const deadlineMs = 10_000;
const bytesMax = 64 * 1024 * 1024;
const target = '/stats/summary?only_cpu_and_memory=true';

export function createNodeUsage(clock: Clock): NodeUsageDirectory {
  const own = new Map<string, () => Promise<NodeUsage>>();
  const known = new Map<string, { readonly atMs: number; readonly usage: Promise<NodeUsage> }>();
  let nodes: NodeConnection | undefined;

  const ask = (node: V1Node): Promise<NodeUsage> => {
    const call = own.get(node.metadata?.name ?? '');
    if (call) return call();
    if (!nodes) return Promise.reject(new Error(`the node "${node.metadata?.name}" is of another process, and there is no way to it`));
    return askKubelet(nodes, node, clock);
  };

  return {
    attach(nodeName, call) {
      own.set(nodeName, call);
    },
    connect(connection) {
      nodes = connection;
    },
    of(node) {
      const nowMs = clock.nowMs();
      const name = node.metadata?.name ?? '';
      const found = known.get(name);
      if (found && nowMs - found.atMs < freshMs) return found.usage;
      for (const [other, { atMs }] of known) {
        // In the order in which they were asked.
        if (nowMs - atMs < freshMs) break;
        known.delete(other);
      }
      const usage = ask(node);
      known.delete(name);
      known.set(name, { atMs: nowMs, usage });
      usage.catch(() => known.delete(name));
      return usage;
    },
  };
}

async function askKubelet(nodes: NodeConnection, node: V1Node, clock: Clock): Promise<NodeUsage> {
  const controller = new AbortController();
  const timer = clock.after(deadlineMs, () => controller.abort(new StoppedError(`no answer within ${deadlineMs} ms`)));
  try {
    const answer = await nodes.request({ node, method: 'GET', target, headers: {}, signal: controller.signal });
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of answer.body) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > bytesMax) throw new Error(`the stats of the node "${node.metadata?.name}" have more than ${bytesMax} bytes`);
    }
    const text = Buffer.concat(chunks).toString('utf8');
    if (answer.status !== 200) throw new Error(`the kubelet answered ${answer.status}: ${text.slice(0, 200)}`);
    return usageOfSummary(JSON.parse(text));
  } finally {
    timer.cancel();
  }
}

interface SummaryFigures {
  readonly cpu?: { readonly time?: string; readonly usageNanoCores?: number };
  readonly memory?: { readonly workingSetBytes?: number };
}

/** The part of a Summary (stats/v1alpha1) that is needed. */
export interface Summary {
  readonly node?: SummaryFigures;
  readonly pods?: readonly {
    readonly podRef?: { readonly name?: string; readonly namespace?: string; readonly uid?: string };
    readonly containers?: readonly (SummaryFigures & { readonly name?: string })[];
  }[];
}

export function usageOfSummary({ node = {}, pods = [] }: Summary): NodeUsage {
  const figures = ({ cpu, memory }: SummaryFigures): UsageFigures => ({
    atMs: timeMs(cpu?.time),
    nanoCores: cpu?.usageNanoCores,
    workingSetBytes: memory?.workingSetBytes ?? 0,
  });
  return {
    usage: figures(node),
    pods: pods.map(({ podRef: { name = '', namespace = '', uid = '' } = {}, containers = [] }) => ({
      ...{ name, namespace, uid },
      containers: containers.map((one) => ({ name: one.name ?? '', usage: figures(one) })),
    })),
  };
}
