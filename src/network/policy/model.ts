// What a NetworkPolicy says, with its selectors compiled and its ranges computed. Pure.
// https://kubernetes.io/docs/concepts/services-networking/network-policies/
import { createHash } from 'node:crypto';
import {
  compileSelector,
  type Labels,
  lastOf,
  parseRange,
  selectorOf,
  type V1IPBlock,
  type V1LabelSelector,
  type V1NetworkPolicy,
  type V1NetworkPolicyPeer,
  type V1NetworkPolicyPort,
  type V1Pod,
} from '../../api/mod.ts';
import type { Family } from '../addresses/family.ts';
import { isPort, plainAddress } from '../proxy/backends.ts';
import { type Protocol, protocols } from '../proxy/model.ts';

/** A pod with an address of its own. Host-network pods and those that have ended are none: policies say nothing about them. */
export interface PolicyPod {
  readonly namespace: string;
  readonly labels: Labels;
  readonly address: string;
  readonly ports: readonly NamedPort[];
  /** On this node: policies that select it are enforced here. */
  readonly isHere: boolean;
}

export interface NamedPort {
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
}

export interface PolicyPlace {
  readonly nodeName: string;
  readonly family: Family;
}

/** As one family sees it. `addresses` where the pod's status does not say them yet. */
export function policyPod(pod: V1Pod, { nodeName, family }: PolicyPlace, addresses?: readonly string[]): PolicyPod | undefined {
  const { metadata, spec, status } = pod;
  const [known] = (addresses ?? podAddresses(status)).flatMap((address) => plainAddress(address, family) ?? []);
  if (known === undefined || spec?.hostNetwork === true || status?.phase === 'Succeeded' || status?.phase === 'Failed') return undefined;
  const ports = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].flatMap((container) =>
    (container.ports ?? []).flatMap(({ name, protocol, containerPort }) => {
      const one = protocolOf(protocol);
      return name && one && isPort(containerPort) ? [{ name, protocol: one, port: containerPort }] : [];
    }),
  );
  return {
    namespace: metadata?.namespace ?? '',
    labels: metadata?.labels ?? {},
    address: known,
    ports,
    isHere: spec?.nodeName === nodeName,
  };
}

const podAddresses = (status: V1Pod['status']): readonly string[] => status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP ?? ''];

const protocolOf = (text: string | undefined): Protocol | undefined => protocols.find((one) => one === (text ?? 'TCP').toLowerCase());

export type Direction = 'ingress' | 'egress';

/** Pods that a rule names. Equal selectors have equal ids, whoever writes them. */
export interface PodSelection {
  readonly id: string;
  /** Pods of this namespace only; undefined: of every namespace whose labels match. */
  readonly namespace: string | undefined;
  readonly matches: (pod: PolicyPod, namespaceLabels: Labels) => boolean;
}

/** First and last of ports. */
export type Span = readonly [number, number];
/** First and last of addresses. */
export type AddressSpan = readonly [bigint, bigint];

export type Peer =
  | { readonly is: 'pods'; readonly pods: PodSelection }
  | { readonly is: 'addresses'; readonly spans: readonly AddressSpan[] };

/** `spans`: absent for every port of the protocol. `names`: whatever number the pod that is reached has under it. */
export interface Ports {
  readonly protocol: Protocol;
  readonly spans: readonly Span[] | undefined;
  readonly names: readonly string[];
}

/** Lets through what is from (or to) one of the peers, and to one of the ports. Absent: any; empty: none. */
export interface Allowance {
  readonly peers: readonly Peer[] | undefined;
  readonly ports: readonly Ports[] | undefined;
}

export interface CompiledPolicy {
  readonly namespace: string;
  readonly selects: (labels: Labels) => boolean;
  /** A direction that the policy does not speak of is absent. */
  readonly allows: Readonly<Partial<Record<Direction, readonly Allowance[]>>>;
}

/** As one family sees it: ranges of the other hold no address. */
export function compilePolicy({ metadata, spec }: V1NetworkPolicy, family: Family): CompiledPolicy {
  const namespace = metadata?.namespace ?? '';
  const types = spec?.policyTypes ?? (spec?.egress ? ['Ingress', 'Egress'] : ['Ingress']);
  const allowances = (
    rules: readonly {
      readonly peers: readonly V1NetworkPolicyPeer[] | undefined;
      readonly ports: readonly V1NetworkPolicyPort[] | undefined;
    }[],
  ): readonly Allowance[] =>
    rules.map(({ peers = [], ports = [] }) => ({
      peers: peers.length === 0 ? undefined : peers.flatMap((peer) => peerOf(peer, namespace, family) ?? []),
      ports: ports.length === 0 ? undefined : portsOf(ports),
    }));
  return {
    namespace,
    selects: compileSelector(selectorOf(spec?.podSelector ?? {})),
    allows: {
      ...(types.includes('Ingress')
        ? { ingress: allowances((spec?.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }))) }
        : {}),
      ...(types.includes('Egress') ? { egress: allowances((spec?.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }))) } : {}),
    },
  };
}

export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Undefined for a peer that no pod can be. */
function peerOf({ podSelector, namespaceSelector, ipBlock }: V1NetworkPolicyPeer, namespace: string, family: Family): Peer | undefined {
  if (ipBlock) return { is: 'addresses', spans: blockSpans(ipBlock, family) };
  if (!podSelector && !namespaceSelector) return undefined;
  return { is: 'pods', pods: selectionOf(podSelector ?? {}, namespaceSelector, namespace) };
}

function selectionOf(podSelector: V1LabelSelector, namespaceSelector: V1LabelSelector | undefined, own: string): PodSelection {
  const pods = selectorOf(podSelector);
  const isPod = compileSelector(pods);
  if (!namespaceSelector) {
    return { id: hashOf(JSON.stringify([own, pods])), namespace: own, matches: ({ labels }) => isPod(labels) };
  }
  const namespaces = selectorOf(namespaceSelector);
  const isNamespace = compileSelector(namespaces);
  return {
    id: hashOf(JSON.stringify([namespaces, pods])),
    namespace: undefined,
    matches: ({ labels }, namespaceLabels) => isNamespace(namespaceLabels) && isPod(labels),
  };
}

function blockSpans({ cidr, except = [] }: V1IPBlock, family: Family): readonly AddressSpan[] {
  const spanOf = (text: string): readonly AddressSpan[] => {
    const range = parseRange(text);
    return range?.family === family.name ? [[range.first, lastOf(range)]] : [];
  };
  const holes = except.flatMap(spanOf);
  return holes.reduce<readonly AddressSpan[]>(without, spanOf(cidr));
}

function without(spans: readonly AddressSpan[], [from, to]: AddressSpan): readonly AddressSpan[] {
  return spans.flatMap(([first, last]): readonly AddressSpan[] => {
    if (to < first || from > last) return [[first, last]];
    const before: readonly AddressSpan[] = first < from ? [[first, from - 1n]] : [];
    return to < last ? [...before, [to + 1n, last]] : before;
  });
}

/** In order, none touching another: the kernel refuses ranges that overlap. */
export function mergeSpans(spans: readonly Span[]): readonly Span[] {
  const merged: Span[] = [];
  for (const [first, last] of [...spans].sort(([a], [b]) => a - b)) {
    const before = merged.at(-1);
    if (before && first <= before[1] + 1) merged[merged.length - 1] = [before[0], Math.max(before[1], last)];
    else merged.push([first, last]);
  }
  return merged;
}

/** It becomes a part of a set's name: nothing else may. No pod has a port of another name. */
const portName = /^[a-z0-9-]{1,15}$/;

/** One entry a protocol. */
function portsOf(ports: readonly V1NetworkPolicyPort[]): readonly Ports[] {
  return protocols.flatMap((protocol): readonly Ports[] => {
    const own = ports.filter((port) => protocolOf(port.protocol) === protocol);
    if (own.length === 0) return [];
    if (own.some(({ port }) => port === undefined)) return [{ protocol, spans: undefined, names: [] }];
    const spans = own.flatMap(({ port, endPort = port }): readonly Span[] =>
      typeof port === 'number' && typeof endPort === 'number' && isPort(port) && isPort(endPort) && port <= endPort
        ? [[port, endPort]]
        : [],
    );
    const names = own.flatMap(({ port }) => (typeof port === 'string' && portName.test(port) ? [port] : []));
    return [{ protocol, spans: mergeSpans(spans), names: [...new Set(names)].sort() }];
  });
}
