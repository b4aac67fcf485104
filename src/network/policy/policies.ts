// Network policies of this node's pods: follows policies, namespaces and pods, and keeps the kernel's table equal to them. Without policies
// there is no table, and no pod is looked at.
import { namespaces, networkpolicies, pods, type V1Namespace, type V1Pod } from '../../api/mod.ts';
import type { Clock, Logger, Random } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes } from '../../base/ports/process.ts';
import { cacheKeyOf, type Informer, type Informers } from '../../client/mod.ts';
import { type Family, familyOf, ipv4, ipv6 } from '../addresses/family.ts';
import { Dirty, keepTable, type WantedTable } from '../nftables/keep-table.ts';
import { readListing, sameListing } from '../nftables/listing.ts';
import { createNft, type Nft } from '../nftables/nft.ts';
import type { GateKeeper, PodGate, SandboxClaim } from './gate.ts';
import { type PolicyPlace, type PolicyPod, policyPod } from './model.ts';
import {
  expectedListing,
  listedTable,
  policiesTableName,
  renderDetourRemoval,
  renderDifference,
  renderTable,
  renderTableRemoval,
} from './nftables.ts';
import { PolicyProgram } from './program.ts';
import { bringIntoSight } from './sight.ts';

export interface NetworkPoliciesOptions {
  readonly clusterId: string;
  readonly nodeName: string;
  readonly bridge: string;
  /** Of this node's pods, one of each family that they have. */
  readonly podCidrs: readonly string[];
  readonly gate: PodGate;
  readonly informers: Informers;
  readonly fs: FileSystem;
  readonly processes: Processes;
  readonly programs: { readonly ip: string; readonly nft: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Firing it ends the work. The rules stay: pods go on without Minke. */
  readonly signal: AbortSignal;
}

/** Runs until the signal fires. */
export async function runNetworkPolicies(options: NetworkPoliciesOptions): Promise<void> {
  const { informers, processes, programs, signal, gate } = options;
  const follower = follow(options);
  try {
    await informers.synced();
    if (!follower.catchUp()) await informers.synced(); // Pods and namespaces: without them the standing rules would be emptied.
    const nft = createNft(processes, programs.nft);
    await keepTable(wantedTable(options, follower, nft), { ...options, nft });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    gate.detach();
    follower.stop();
  }
}

/** Takes the tables away. Repeating it is harmless. */
export async function removePolicyRules(clusterId: string, processes: Processes, nftPath: string): Promise<void> {
  const nft = createNft(processes, nftPath);
  const table = policiesTableName(clusterId);
  await nft(renderTableRemoval(ipv4, table));
  // Where the kernel has no such tables, none was made.
  for (const text of [renderTableRemoval(ipv6, table), renderDetourRemoval(table)]) await nft(text).catch(() => {});
}

/** What stands for one family. */
interface Part {
  readonly family: Family;
  readonly program: PolicyProgram;
}

interface Following {
  readonly parts: readonly Part[];
  readonly offs: readonly (() => void)[];
  readonly podCache: Informer<V1Pod>;
  readonly namespaceCache: Informer<V1Namespace>;
}

interface Follower {
  readonly dirty: Dirty;
  /** Undefined when there are no policies. */
  parts(): readonly Part[] | undefined;
  /** False while policies are there, but pods and namespaces are not known yet. */
  catchUp(): boolean;
  stop(): void;
}

const policyMark = 'policy ';
const podMark = 'pod ';
const namespaceMark = 'namespace ';

function follow({ informers, nodeName, podCidrs, gate }: NetworkPoliciesOptions): Follower {
  const dirty = new Dirty();
  const policyCache = informers.of(networkpolicies);
  let following: Following | undefined;
  const leave = () => {
    for (const off of following?.offs ?? []) off();
    following = undefined;
  };
  const offPolicies = policyCache.onChange(({ old, next }) => dirty.mark(policyMark + cacheKeyOf(next ?? old ?? {})));
  const keeper: GateKeeper = {
    isOpen: () => policyCache.hasSynced && policyCache.list().length === 0,
    changed: (key) => dirty.mark(podMark + key),
  };
  gate.attach(keeper);
  const begin = () => {
    const parts = podCidrs.map(familyOf).map((family): Part => ({ family, program: new PolicyProgram(family) }));
    const [podCache, namespaceCache] = [informers.of(pods), informers.of(namespaces)];
    if (!podCache.hasSynced || !namespaceCache.hasSynced) {
      // That the process ends first is no error.
      Promise.all([podCache.synced, namespaceCache.synced]).then(
        () => dirty.mark(policyMark),
        () => {},
      );
      return;
    }
    const offs = [
      namespaceCache.onChange(({ old, next }) => dirty.mark(namespaceMark + cacheKeyOf(next ?? old ?? {}))),
      podCache.onChange(({ old, next }) => {
        const key = cacheKeyOf(next ?? old ?? {});
        if (!next) gate.forget(key);
        if (!old || !next || shown(old) !== shown(next)) dirty.mark(podMark + key);
      }),
    ];
    for (const policy of policyCache.list()) for (const { program } of parts) program.setPolicy(cacheKeyOf(policy), policy);
    for (const key of gate.claimed()) dirty.mark(podMark + key);
    following = { parts, offs, podCache, namespaceCache };
  };
  return {
    dirty,
    parts: () => following?.parts,
    catchUp() {
      const hasPolicies = policyCache.list().length > 0;
      if (!hasPolicies) leave();
      else if (!following) begin();
      const marks = dirty.take();
      if (!following) return !hasPolicies;
      const { parts, podCache, namespaceCache } = following;
      for (const mark of marks) {
        const key = mark.slice(mark.indexOf(' ') + 1);
        for (const { program, family } of parts) {
          if (mark.startsWith(podMark)) program.setPod(key, podOf(podCache.get(key), gate.claimOf(key), { nodeName, family }));
          else if (mark.startsWith(policyMark)) program.setPolicy(key, policyCache.get(key));
          else {
            const namespace = namespaceCache.get(key);
            program.setNamespace(key, namespace && (namespace.metadata.labels ?? {}));
          }
        }
      }
      return true;
    },
    stop() {
      offPolicies();
      leave();
    },
  };
}

function podOf(pod: V1Pod | undefined, claim: SandboxClaim | undefined, place: PolicyPlace): PolicyPod | undefined {
  if (pod) return policyPod(pod, place, claim?.ips);
  // A static pod whose mirror is not there yet.
  return claim && policyPod({ metadata: claim, spec: { nodeName: place.nodeName, containers: [] } }, place, claim.ips);
}

/** What of a pod policies see. */
const shown = ({ metadata, spec, status }: V1Pod): string =>
  JSON.stringify([metadata?.labels, spec?.nodeName, status?.podIPs ?? status?.podIP, status?.phase, metadata?.uid]);

function wantedTable(options: NetworkPoliciesOptions, follower: Follower, nft: Nft): WantedTable {
  const { clusterId, gate, podCidrs } = options;
  const name = policiesTableName(clusterId);
  const families = podCidrs.map(familyOf);
  const base = { ...options, hasIpv6: families.includes(ipv6) };
  let stands = false;
  let inSight = false;
  const all = (): string => {
    const parts = follower.parts();
    stands = parts !== undefined;
    if (!parts) return families.map((family) => renderTableRemoval(family, name)).join('');
    return parts
      .map(({ family, program }) => {
        program.difference();
        return renderTable(family, name, base, program.standing());
      })
      .join('');
  };
  return {
    what: 'network policies',
    name,
    catchUp() {
      if (follower.catchUp()) gate.take();
    },
    all,
    change() {
      const parts = follower.parts();
      if ((parts !== undefined) !== stands) return all();
      const texts = (parts ?? []).flatMap(({ family, program }) => {
        const difference = program.difference();
        return difference ? [renderDifference(family, name, difference)] : [];
      });
      return texts.length === 0 ? undefined : texts.join('');
    },
    async written() {
      if (stands && !inSight) await bringIntoSight({ ...options, nft, table: name });
      inSight = stands;
      gate.release();
    },
    changed: (signal) => follower.dirty.marked(signal),
    get isUntouched() {
      const parts = follower.parts();
      if (!parts) return undefined;
      return async () => {
        for (const { family, program } of parts) {
          const found = readListing(await nft.list(...listedTable(family, name)), () => true);
          if (!sameListing(found, expectedListing(family, base, program.standing()))) return false;
        }
        return true;
      };
    },
  };
}
