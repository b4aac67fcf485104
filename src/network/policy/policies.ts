// Network policies of this node's pods: follows policies, namespaces and pods, and keeps the kernel's table equal to them. Without policies
// there is no table, and no pod is looked at.
import { namespaces, networkpolicies, pods, type V1Namespace, type V1Pod } from '../../api/mod.ts';
import type { Clock, Logger, Random } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { Processes } from '../../base/ports/process.ts';
import { cacheKeyOf, type Informer, type Informers } from '../../client/mod.ts';
import { Dirty, keepTable, type WantedTable } from '../cni/keep-table.ts';
import { readListing, sameListing } from '../cni/listing.ts';
import { createNft, type Nft } from '../cni/nft.ts';
import type { GateKeeper, PodGate, SandboxClaim } from './gate.ts';
import { type PolicyPod, policyPod } from './model.ts';
import { expectedListing, policiesTableName, renderDetourRemoval, renderDifference, renderTable, renderTableRemoval } from './nftables.ts';
import { PolicyProgram } from './program.ts';
import { bringIntoSight } from './sight.ts';

export interface NetworkPoliciesOptions {
  readonly clusterId: string;
  readonly nodeName: string;
  readonly bridge: string;
  readonly podCidr: string;
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
  await nft(renderTableRemoval(table));
  // Where the kernel has no such tables, none was made.
  await nft(renderDetourRemoval(table)).catch(() => {});
}

interface Following {
  readonly program: PolicyProgram;
  readonly offs: readonly (() => void)[];
  readonly podCache: Informer<V1Pod>;
  readonly namespaceCache: Informer<V1Namespace>;
}

interface Follower {
  readonly dirty: Dirty;
  /** Undefined when there are no policies. */
  program(): PolicyProgram | undefined;
  /** False while policies are there, but pods and namespaces are not known yet. */
  catchUp(): boolean;
  stop(): void;
}

const policyMark = 'policy ';
const podMark = 'pod ';
const namespaceMark = 'namespace ';

function follow({ informers, nodeName, gate }: NetworkPoliciesOptions): Follower {
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
    const program = new PolicyProgram();
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
    for (const policy of policyCache.list()) program.setPolicy(cacheKeyOf(policy), policy);
    for (const key of gate.claimed()) dirty.mark(podMark + key);
    following = { program, offs, podCache, namespaceCache };
  };
  return {
    dirty,
    program: () => following?.program,
    catchUp() {
      const hasPolicies = policyCache.list().length > 0;
      if (!hasPolicies) leave();
      else if (!following) begin();
      const marks = dirty.take();
      if (!following) return !hasPolicies;
      const { program, namespaceCache } = following;
      for (const mark of marks) {
        const key = mark.slice(mark.indexOf(' ') + 1);
        if (mark.startsWith(podMark)) program.setPod(key, podOf(following.podCache.get(key), gate.claimOf(key), nodeName));
        else if (mark.startsWith(policyMark)) program.setPolicy(key, policyCache.get(key));
        else {
          const namespace = namespaceCache.get(key);
          program.setNamespace(key, namespace && (namespace.metadata.labels ?? {}));
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

function podOf(pod: V1Pod | undefined, claim: SandboxClaim | undefined, nodeName: string): PolicyPod | undefined {
  if (pod) return policyPod(pod, nodeName, claim?.ip);
  // A static pod whose mirror is not there yet.
  return claim && policyPod({ metadata: claim, spec: { nodeName, containers: [] } }, nodeName, claim.ip);
}

/** What of a pod policies see. */
const shown = ({ metadata, spec, status }: V1Pod): string =>
  JSON.stringify([metadata?.labels, spec?.nodeName, status?.podIP, status?.phase, metadata?.uid]);

function wantedTable(options: NetworkPoliciesOptions, follower: Follower, nft: Nft): WantedTable {
  const { bridge, clusterId, gate } = options;
  const name = policiesTableName(clusterId);
  let stands = false;
  let inSight = false;
  const all = (): string => {
    const program = follower.program();
    stands = program !== undefined;
    if (!program) return renderTableRemoval(name);
    program.difference();
    return renderTable(name, bridge, program.standing());
  };
  return {
    what: 'network policies',
    name,
    catchUp() {
      if (follower.catchUp()) gate.take();
    },
    all,
    change() {
      const program = follower.program();
      if ((program !== undefined) !== stands) return all();
      const difference = program?.difference();
      return difference && renderDifference(name, difference);
    },
    async written() {
      if (stands && !inSight) await bringIntoSight({ ...options, nft, table: name });
      inSight = stands;
      gate.release();
    },
    changed: (signal) => follower.dirty.marked(signal),
    get isUntouched() {
      const program = follower.program();
      if (!program) return undefined;
      return async () => {
        const found = readListing(await nft.list('table', 'inet', name), () => true);
        return sameListing(found, expectedListing(bridge, program.standing()));
      };
    },
  };
}
