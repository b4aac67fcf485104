// Network policies judged pod by pod straight from the API's words, for comparison with the rules.
import {
  compileLabelSelector,
  type Labels,
  parseRange,
  rangesOverlap,
  type V1NetworkPolicy,
  type V1NetworkPolicyPeer,
  type V1NetworkPolicyPort,
} from '../../api/mod.ts';
import type { Packet } from '../proxy/trace.fake.ts';
import type { PolicyPod } from './model.ts';

export interface World {
  readonly namespaces: Readonly<Record<string, Labels>>;
  readonly pods: Readonly<Record<string, PolicyPod>>;
  readonly policies: Readonly<Record<string, V1NetworkPolicy>>;
}

/** Whether a packet from one address to another is to be let through by a node that has the pods that are here. */
export function isAllowed(world: World, packet: Packet): boolean {
  const podAt = (address: string) => Object.values(world.pods).find((pod) => pod.address === address);
  const [from, to] = [podAt(packet.from), podAt(packet.to)];
  if (from !== undefined && from === to) return true;
  const speaks = (pod: PolicyPod | undefined, type: 'Ingress' | 'Egress') =>
    pod?.isHere !== true
      ? []
      : Object.values(world.policies).filter(
          ({ metadata, spec }) =>
            metadata?.namespace === pod.namespace &&
            compileLabelSelector(spec?.podSelector ?? {})(pod.labels) &&
            (spec?.policyTypes ?? ['Ingress']).includes(type),
        );
  const isPeer = (peers: readonly V1NetworkPolicyPeer[] = [], own: string, address: string) =>
    peers.length === 0 || peers.some((peer) => matchesPeer(world, peer, own, address));
  const isPort = (ports: readonly V1NetworkPolicyPort[] = []) => ports.length === 0 || ports.some((port) => matchesPort(port, packet, to));
  const egress = speaks(from, 'Egress');
  const ingress = speaks(to, 'Ingress');
  const leaves = egress.some(({ metadata, spec }) =>
    spec?.egress?.some((rule) => isPeer(rule.to, metadata?.namespace ?? '', packet.to) && isPort(rule.ports)),
  );
  const arrives = ingress.some(({ metadata, spec }) =>
    spec?.ingress?.some((rule) => isPeer(rule.from, metadata?.namespace ?? '', packet.from) && isPort(rule.ports)),
  );
  return (egress.length === 0 || leaves) && (ingress.length === 0 || arrives);
}

function matchesPeer({ pods, namespaces }: World, peer: V1NetworkPolicyPeer, own: string, address: string): boolean {
  const { ipBlock, podSelector, namespaceSelector } = peer;
  if (ipBlock) return isIn(address, ipBlock.cidr) && !(ipBlock.except ?? []).some((hole) => isIn(address, hole));
  const pod = Object.values(pods).find((one) => one.address === address);
  if (!pod) return false;
  const inNamespace = namespaceSelector ? compileLabelSelector(namespaceSelector)(namespaces[pod.namespace] ?? {}) : pod.namespace === own;
  return inNamespace && compileLabelSelector(podSelector ?? {})(pod.labels);
}

function matchesPort({ protocol = 'TCP', port, endPort }: V1NetworkPolicyPort, packet: Packet, to: PolicyPod | undefined): boolean {
  if (packet.kind === 'icmp' || protocol.toLowerCase() !== packet.protocol) return false;
  if (port === undefined) return true;
  if (typeof port === 'number') return port <= packet.port && packet.port <= (endPort ?? port);
  return to?.ports.some((one) => one.name === port && one.protocol === packet.protocol && one.port === packet.port) === true;
}

function isIn(address: string, cidr: string): boolean {
  const [a, b] = [parseRange(address), parseRange(cidr)];
  return a !== undefined && b !== undefined && rangesOverlap(a, b);
}
