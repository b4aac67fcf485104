// From policies, namespaces and pods to the smallest change of the packet filter. Pure; keeps what it has been told, and looks again only at
// what a change concerns: a pod that comes or goes costs its own elements.
import type { Labels, V1NetworkPolicy } from '../../api/mod.ts';
import type { Family } from '../addresses/family.ts';
import { type Difference, type Item, Ledger } from './ledger.ts';
import { type CompiledPolicy, compilePolicy, type PodSelection, type PolicyPod } from './model.ts';
import { Multimap } from './multimap.ts';
import {
  directions,
  groupChain,
  groupRules,
  judgeName,
  namedPortSet,
  peersSet,
  policyChain,
  policyRules,
  selvesSet,
  views,
} from './rules.ts';

/** What a policy needs of sets besides its own chains. */
interface Needs {
  readonly selections: readonly PodSelection[];
  readonly named: readonly string[];
}

/** Of one family. */
export class PolicyProgram {
  readonly #family: Family;
  readonly #ledger = new Ledger();
  readonly #namespaces = new Map<string, Labels>();
  readonly #pods = new Map<string, PolicyPod>();
  readonly #podsOf = new Multimap();
  readonly #policies = new Map<string, CompiledPolicy & Needs>();
  readonly #policiesOf = new Multimap();
  /** Who says that an address is theirs: the last to come has it. */
  readonly #claimants = new Multimap();
  readonly #selections = new Map<string, { readonly selection: PodSelection; readonly users: Set<string> }>();
  readonly #named = new Multimap();
  readonly #dirty = new Set<string>();

  constructor(family: Family) {
    this.#family = family;
  }

  setNamespace(name: string, labels: Labels | undefined): void {
    if (labels) this.#namespaces.set(name, labels);
    else this.#namespaces.delete(name);
    this.#touch(this.#podsOf.get(name));
  }

  setPod(key: string, pod: PolicyPod | undefined): void {
    const before = this.#pods.get(key);
    if (before && before.address !== pod?.address) this.#withdraw(key, before.address);
    if (pod) {
      this.#pods.set(key, pod);
      this.#podsOf.add(pod.namespace, key);
      if (before?.address !== pod.address) {
        this.#touch(this.#claimants.get(pod.address));
        this.#claimants.add(pod.address, key);
      }
    } else if (before) {
      this.#pods.delete(key);
      this.#podsOf.delete(before.namespace, key);
    }
    this.#dirty.add(key);
  }

  #withdraw(key: string, address: string): void {
    this.#claimants.delete(address, key);
    this.#touch(this.#claimants.get(address));
  }

  setPolicy(key: string, policy: V1NetworkPolicy | undefined): void {
    const before = this.#policies.get(key);
    const compiled = policy && compilePolicy(policy, this.#family);
    const needs = compiled ? needsOf(compiled) : { selections: [], named: [] };
    this.#need(key, before ?? { selections: [], named: [] }, needs);
    if (compiled) {
      this.#policies.set(key, { ...compiled, ...needs });
      this.#policiesOf.add(compiled.namespace, key);
    } else if (before) {
      this.#policies.delete(key);
      this.#policiesOf.delete(before.namespace, key);
    }
    this.#ledger.hold(`policy ${key}`, compiled ? policyItems(this.#family, key, { ...compiled, ...needs }) : []);
    for (const pod of this.#podsOf.get(compiled?.namespace ?? before?.namespace ?? ''))
      if (this.#pods.get(pod)?.isHere) this.#dirty.add(pod);
  }

  /** Pods are looked at again when a selection or a named port comes into use or goes out of it. */
  #need(policy: string, before: Needs, after: Needs): void {
    const touchAll = (namespace: string | undefined) =>
      this.#touch(namespace === undefined ? this.#pods.keys() : this.#podsOf.get(namespace));
    for (const selection of after.selections) {
      const known = this.#selections.get(selection.id);
      if (known) known.users.add(policy);
      else {
        this.#selections.set(selection.id, { selection, users: new Set([policy]) });
        touchAll(selection.namespace);
      }
    }
    const still = new Set(after.selections.map(({ id }) => id));
    for (const { id, namespace } of before.selections) {
      const known = this.#selections.get(id);
      if (!known || still.has(id)) continue;
      known.users.delete(policy);
      if (known.users.size > 0) continue;
      this.#selections.delete(id);
      touchAll(namespace);
    }
    for (const set of after.named) if (!before.named.includes(set) && this.#named.add(set, policy) === 1) touchAll(undefined);
    for (const set of before.named) if (!after.named.includes(set) && this.#named.delete(set, policy) === 0) touchAll(undefined);
  }

  #touch(pods: Iterable<string>): void {
    for (const key of pods) this.#dirty.add(key);
  }

  /** What leads from the last call to now; undefined when nothing does. */
  difference(): Difference | undefined {
    for (const key of this.#dirty) this.#ledger.hold(`pod ${key}`, this.#podItems(key));
    this.#dirty.clear();
    return this.#ledger.difference();
  }

  /** All that the differences so far come to. */
  standing(): Difference {
    return this.#ledger.standing();
  }

  #podItems(key: string): readonly Item[] {
    const pod = this.#pods.get(key);
    if (!pod || [...this.#claimants.get(pod.address)].at(-1) !== key) return [];
    const namespaceLabels = this.#namespaces.get(pod.namespace) ?? {};
    const items: Item[] = [];
    for (const { selection } of this.#selections.values()) {
      if (selection.namespace !== undefined && selection.namespace !== pod.namespace) continue;
      if (selection.matches(pod, namespaceLabels))
        items.push({ kind: 'element', set: peersSet(selection.id), key: pod.address, value: '' });
    }
    for (const { name, protocol, port } of pod.ports) {
      const set = namedPortSet(protocol, name);
      if (this.#named.has(set)) items.push({ kind: 'element', set, key: `${pod.address} . ${port}`, value: '' });
    }
    return pod.isHere ? [...items, ...this.#isolation(pod)] : items;
  }

  #isolation(pod: PolicyPod): readonly Item[] {
    const selecting = [...this.#policiesOf.get(pod.namespace)].filter((key) => this.#policies.get(key)?.selects(pod.labels)).sort();
    const items = directions.flatMap((direction) => {
      const speaking = selecting.filter((key) => this.#policies.get(key)?.allows[direction] !== undefined);
      if (speaking.length === 0) return [];
      return views.flatMap((view): readonly Item[] => {
        const name = groupChain(speaking, direction, view);
        return [
          { kind: 'chain', name, rules: groupRules(speaking, direction, view) },
          { kind: 'element', set: judgeName(direction, view), key: pod.address, value: `goto ${name}` },
        ];
      });
    });
    if (items.length === 0) return [];
    return [...items, { kind: 'element', set: selvesSet, key: `${pod.address} . ${pod.address}`, value: '' }];
  }
}

function needsOf({ allows }: CompiledPolicy): Needs {
  const all = directions.flatMap((direction) => allows[direction] ?? []);
  const selections = all.flatMap(({ peers }) => (peers ?? []).flatMap((peer) => (peer.is === 'pods' ? [peer.pods] : [])));
  const named = all.flatMap(({ ports }) =>
    (ports ?? []).flatMap(({ protocol, names }) => names.map((name) => namedPortSet(protocol, name))),
  );
  return { selections: [...new Map(selections.map((one) => [one.id, one])).values()], named: [...new Set(named)] };
}

function policyItems(family: Family, key: string, { allows, selections, named }: CompiledPolicy & Needs): readonly Item[] {
  const chains = directions.flatMap((direction) => {
    const allowances = allows[direction];
    if (!allowances) return [];
    return views.map(
      (view): Item => ({ kind: 'chain', name: policyChain(key, direction, view), rules: policyRules(family, allowances, direction, view) }),
    );
  });
  return [
    ...chains,
    ...selections.map(({ id }): Item => ({ kind: 'set', name: peersSet(id), type: family.type })),
    ...named.map((name): Item => ({ kind: 'set', name, type: `${family.type} . inet_service` })),
  ];
}
