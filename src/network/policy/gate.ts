// Between a pod's sandbox and its first container: holds the pod until the policies that concern its address are in the kernel.
import type { Labels } from '../../api/mod.ts';
import { type Clock, withDeadline } from '../../base/mod.ts';

/** Then the sandbox fails, and the kubelet tries again: rather no pod than one without its policies. */
const holdMaxMs = 20_000;

/** A sandbox that has an address, and no container yet. */
export interface SandboxClaim {
  readonly id: string;
  readonly ips: readonly string[];
  readonly namespace: string;
  readonly name: string;
  /** Of the pod, with those that the kubelet adds. */
  readonly labels: Labels;
}

/** Who decides about pods. */
export interface GateKeeper {
  /** True when there are no policies at all: nobody has to wait. */
  isOpen(): boolean;
  /** The pod of this key (`namespace/name`) has claimed an address, or given it up. */
  changed(key: string): void;
}

const keyOf = ({ namespace, name }: Pick<SandboxClaim, 'namespace' | 'name'>): string => `${namespace}/${name}`;

/** Outlives the keeper, which may have to be started again; meanwhile pods wait. */
export class PodGate {
  readonly #clock: Clock;
  /** A claim is newer than the pod's status: the status of a new sandbox is written later, that of an old one is about another address. */
  readonly #claims = new Map<string, SandboxClaim>();
  #keeper: GateKeeper | undefined;
  #waiting: (() => void)[] = [];
  #taken: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False when addresses need not be told. */
  get isClosed(): boolean {
    return this.#keeper?.isOpen() !== true;
  }

  /** Resolves when the pod may send and get its first packet; rejects after a while. */
  async add(claim: SandboxClaim): Promise<void> {
    if (!this.isClosed) return;
    this.#claims.set(keyOf(claim), claim);
    const decided = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#keeper?.changed(keyOf(claim));
    const what = `Bringing the network policies of pod "${keyOf(claim)}" into the kernel`;
    await withDeadline({ clock: this.#clock, ms: holdMaxMs, what }, () => decided);
  }

  /** The sandbox is gone. */
  remove(sandboxId: string): void {
    for (const [key, { id }] of this.#claims) if (id === sandboxId) this.forget(key);
  }

  /** The pod is gone. */
  forget(key: string): void {
    if (this.#claims.delete(key)) this.#keeper?.changed(key);
  }

  claimOf(key: string): SandboxClaim | undefined {
    return this.#claims.get(key);
  }

  claimed(): Iterable<string> {
    return this.#claims.keys();
  }

  attach(keeper: GateKeeper): void {
    this.#keeper = keeper;
    for (const key of this.#claims.keys()) keeper.changed(key);
  }

  detach(): void {
    this.#keeper = undefined;
  }

  /** What waits now is being decided. */
  take(): void {
    this.#taken.push(...this.#waiting.splice(0));
  }

  /** What was being decided is in the kernel. */
  release(): void {
    for (const resolve of this.#taken.splice(0)) resolve();
  }
}
