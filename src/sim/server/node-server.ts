// The kubelet's server of a simulated node, without a port: the API server calls it. What needs processes is refused with a Status.
import { StatusError } from '../../api/mod.ts';
import type { Clock, Logger } from '../../base/mod.ts';
import { exchangeInProcess, type InProcessRequest, type InProcessResponse } from '../../base/ports/http-in-process.ts';
import type { Kubelet } from '../../kubelet/mod.ts';
import type { KubeletHandler } from '../../kubelet/server/mod.ts';
import type { SimRuntime } from '../runtime/runtime.ts';
import { createSimFollower } from './log-follower.ts';

export interface SimNodeServerOptions {
  readonly nodeName: string;
  readonly runtime: SimRuntime;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface SimNodeServer {
  request(request: InProcessRequest): Promise<InProcessResponse>;
  /** Never agrees. */
  upgrade(request: InProcessRequest): Promise<{ readonly as: 'refused'; readonly response: InProcessResponse }>;
  /** From now on this kubelet answers. */
  attach(kubelet: Kubelet): void;
}

const needProcesses: readonly string[] = ['exec', 'attach', 'portForward', 'run'];

/** Nothing is made before the first request: there may be thousands of nodes of which nobody asks anything. */
export function createSimNodeServer({ nodeName, ...options }: SimNodeServerOptions): SimNodeServer {
  let kubelet: Kubelet | undefined;
  let handler: KubeletHandler | undefined;
  const request = async (asked: InProcessRequest): Promise<InProcessResponse> => {
    const { createKubeletHandler, parseRoute } = await import('../../kubelet/server/mod.ts');
    const { to } = parseRoute(asked.target);
    if (needProcesses.includes(to)) return refusal(nodeName, to);
    handler ??= createKubeletHandler({
      ...options,
      follower: createSimFollower(options.runtime, options.clock),
      // The API server has asked for its user's sake; nobody else gets here.
      access: { check: async () => ({ name: 'system:apiserver', groups: ['system:masters'] }) },
    });
    if (kubelet) handler.attach(kubelet);
    return exchangeInProcess(handler.handle, asked);
  };
  return {
    request,
    upgrade: async (asked) => ({ as: 'refused', response: await request(asked) }),
    attach(next) {
      kubelet = next;
    },
  };
}

function refusal(nodeName: string, what: string): InProcessResponse {
  const verb = what === 'portForward' ? 'port-forward' : what;
  const message = `${verb} is not possible: the node "${nodeName}" is simulated, its containers have no processes and no network`;
  const { code, status } = new StatusError({ code: 501, reason: '', message });
  const bytes = Buffer.from(JSON.stringify(status));
  const headers = { 'content-type': 'application/json', 'content-length': String(bytes.length) };
  return { status: code, headers, body: once(bytes) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
