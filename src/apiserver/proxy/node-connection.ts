// How the API server reaches a node's kubelet: over HTTPS, or by a call where the node is of this process.
import type { V1Node } from '../../api/mod.ts';
import type { HttpClient, HttpHeaders, HttpRequest, HttpResponse, UpgradeAnswer } from '../../base/ports/http-client.ts';

export interface NodeRequest {
  readonly node: V1Node;
  readonly method: string;
  /** Path and query at the kubelet: `/containerLogs/default/web/app?follow=true`. */
  readonly target: string;
  readonly headers: HttpHeaders;
  readonly body?: HttpRequest['body'];
  readonly signal: AbortSignal;
}

/** The kubelet's answer; `body` ends when the signal fires. */
export type NodeResponse = Pick<HttpResponse, 'status' | 'headers' | 'body'>;

export type NodeUpgradeAnswer = Extract<UpgradeAnswer, { as: 'upgraded' }> | { readonly as: 'refused'; readonly response: NodeResponse };

/** Throws when the node cannot be reached. */
export interface NodeConnection {
  request(request: NodeRequest): Promise<NodeResponse>;
  /** The connection's two sides after the kubelet has agreed. */
  upgrade(request: NodeRequest): Promise<NodeUpgradeAnswer>;
}

const kubeletPortDefault = 10250;
/** Which address of a node is taken, the first that it has. */
const addressTypes: readonly string[] = ['InternalIP', 'ExternalIP', 'Hostname', 'InternalDNS', 'ExternalDNS'];

/** `https://10.0.0.1:10250`; undefined for a node that has not told its address. */
export function kubeletOrigin(node: V1Node): string | undefined {
  const addresses = node.status?.addresses ?? [];
  const address = addressTypes.flatMap((type) => addresses.filter((one) => one.type === type))[0]?.address;
  if (address === undefined) return undefined;
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? kubeletPortDefault;
  return `https://${address.includes(':') ? `[${address}]` : address}:${port}`;
}

/** Over HTTPS, with the client certificate and CA that `client` has. */
export function httpNodeConnection(client: HttpClient): NodeConnection {
  const ofRequest = ({ node, method, target, headers, signal }: NodeRequest): HttpRequest => {
    const origin = kubeletOrigin(node);
    if (origin === undefined) throw new Error(`no preferred addresses found; known addresses: []`);
    return { method, url: `${origin}/`, target, headers, signal };
  };
  return {
    request: async (request) => client.request({ ...ofRequest(request), body: request.body }),
    upgrade: async (request) => client.upgrade(ofRequest(request)),
  };
}

/** What answers for one node of this process. */
export interface OwnNode {
  request(request: Omit<NodeRequest, 'node'>): Promise<NodeResponse>;
  upgrade(request: Omit<NodeRequest, 'node'>): Promise<NodeUpgradeAnswer>;
}

export interface NodeDirectory extends NodeConnection {
  /** A node of this process; a later call takes the place of an earlier one. */
  attach(nodeName: string, node: OwnNode): void;
  /** The way to all others. */
  connect(others: NodeConnection): void;
}

export function createNodeDirectory(): NodeDirectory {
  const own = new Map<string, OwnNode>();
  let others: NodeConnection | undefined;
  const find = ({ node }: NodeRequest): NodeConnection => {
    const name = node.metadata?.name ?? '';
    const found = own.get(name) ?? others;
    if (!found) throw new Error(`the node ${JSON.stringify(name)} is of another process, and there is no way to it`);
    return found;
  };
  return {
    request: async (request) => find(request).request(request),
    upgrade: async (request) => find(request).upgrade(request),
    attach: (nodeName, node) => void own.set(nodeName, node),
    connect(connection) {
      others = connection;
    },
  };
}
