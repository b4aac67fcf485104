// The lane of one namespace: charges the writes that wait to the namespace's quotas, by compare-and-swap on their status.
import {
  addQuantityMap,
  asAmounts,
  compareQuantities,
  conflict,
  countedNames,
  isNegativeQuantity,
  type KindDefinition,
  type KubeObject,
  modifiedMessage,
  type Quantity,
  type QuantityMap,
  quantitiesOf,
  quantityOf,
  type StatusError,
  subtractQuantities,
  tooManyRequests,
  totalUsage,
  type V1ResourceQuota,
} from '../../../api/mod.ts';
import type { Clock } from '../../../base/mod.ts';
import { type Revision, RevisionMismatchError } from '../../../store/mod.ts';
import type { Reservation } from '../../registry/hooks.ts';
import { ask, type Demand } from './check.ts';

/** Writes of one namespace that may wait for their charge. */
const waitingMax = 4096;
/** The quota's controller and users write its status too. */
const attemptsMax = 20;

export interface QuotaEntry {
  readonly revision: Revision;
  readonly object: KubeObject;
}

/** Reads are never behind an acknowledged write of this server. */
export interface QuotaStore {
  readonly clock: Clock;
  readonly quotas: (namespace: string) => readonly QuotaEntry[];
  readonly objects: (kind: KindDefinition, namespace: string) => readonly KubeObject[];
  /** Throws RevisionMismatchError when the quota no longer stands as in `old`. */
  readonly write: (old: QuotaEntry, next: V1ResourceQuota) => Promise<QuotaEntry>;
  /** Resolves when reads show this revision. */
  readonly reach: (revision: Revision) => Promise<void>;
}

export interface QuotaRequest extends Demand {
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly refuse: (why: string) => StatusError;
}

/** What one quota was charged for one write, until the write is stored or has failed. */
interface Charge {
  readonly quotaUid: string;
  readonly quotaName: string;
  readonly amounts: QuantityMap;
  readonly demand: Demand;
}

interface Waiter {
  readonly request: QuotaRequest;
  readonly charges: Charge[];
  readonly resolve: (reservation: Reservation | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Whether a quota's `status.used` can be believed. It holds while nobody but this lane has written the quota: another writer, such
 * as the controller, may have counted without the writes that are under way, and then the objects themselves are counted once.
 */
interface Trust {
  readonly revision: Revision;
  /** By kind: what its objects use at least. */
  readonly floors: Map<string, QuantityMap>;
}

const quotaOf = (entry: QuotaEntry): V1ResourceQuota => entry.object as V1ResourceQuota;
const nameOf = (entry: QuotaEntry): string => entry.object.metadata?.name ?? '';
const uidOf = (object: KubeObject): string => object.metadata?.uid ?? '';
const keyOf = ({ group, resource }: KindDefinition): string => `${group}/${resource}`;
const nothing: QuantityMap = new Map();

export class Lane {
  readonly #namespace: string;
  readonly #store: QuotaStore;
  readonly #underWay = new Set<Charge>();
  readonly #trusts = new Map<string, Trust>();
  #waiting: Waiter[] = [];
  #working = false;

  constructor(namespace: string, store: QuotaStore) {
    this.#namespace = namespace;
    this.#store = store;
  }

  get idle(): boolean {
    return !this.#working && this.#underWay.size === 0;
  }

  /** Resolves with what is to be committed or released; with nothing when no quota is concerned. */
  reserve(request: QuotaRequest): Promise<Reservation | undefined> {
    if (this.#waiting.length >= waitingMax) throw tooManyRequests(`too many writes wait for the quotas of namespace ${this.#namespace}`, 1);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, charges: [], resolve, reject });
      if (!this.#working) void this.#work();
    });
  }

  /** What comes while quotas are written waits, and is charged together. */
  async #work(): Promise<void> {
    this.#working = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#settle(batch);
      } catch (error) {
        for (const waiter of batch) this.#fail(waiter, error);
      }
    }
    this.#working = false;
  }

  async #settle(batch: readonly Waiter[]): Promise<void> {
    let waiters = batch.filter((waiter) => !waiter.request.signal.aborted || this.#fail(waiter, waiter.request.signal.reason));
    const names = this.#store.quotas(this.#namespace).map(nameOf);
    // Whoever one quota refuses in any case is not charged to another first.
    for (const name of names) waiters = waiters.filter((waiter) => this.#mayPass(name, waiter));
    for (const name of names) waiters = await this.#charge(name, waiters);
    for (const waiter of waiters) waiter.resolve(waiter.charges.length === 0 ? undefined : this.#reservation(waiter.charges));
  }

  /** Always false. What was charged to other quotas is given back. */
  #fail(waiter: Waiter, error: unknown): false {
    const refunds = waiter.charges.splice(0).map((charge) => this.#refund(charge));
    void Promise.allSettled(refunds).then(() => waiter.reject(error));
    return false;
  }

  #mayPass(name: string, waiter: Waiter): boolean {
    const entry = this.#find(name);
    if (!entry) return true;
    const used = this.#usedOf(entry, [waiter]);
    const answer = ask(quotaOf(entry), used, waiter.request, this.#store.clock.nowMs());
    return answer.is !== 'refused' || this.#fail(waiter, waiter.request.refuse(answer.why));
  }

  /** Gives those that the quota lets pass. */
  async #charge(name: string, waiters: readonly Waiter[]): Promise<Waiter[]> {
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const entry = this.#find(name);
      if (!entry) return [...waiters];
      const used = this.#usedOf(entry, waiters);
      const charges = new Map<Waiter, Charge>();
      const refusals = new Map<Waiter, string>();
      for (const waiter of waiters) {
        const demand = waiter.request;
        const answer = ask(quotaOf(entry), used, demand, this.#store.clock.nowMs());
        if (answer.is === 'refused') refusals.set(waiter, answer.why);
        if (answer.is !== 'charged' || demand.dryRun) continue;
        addQuantityMap(used, answer.amounts);
        charges.set(waiter, { quotaUid: uidOf(entry.object), quotaName: name, amounts: answer.amounts, demand });
      }
      if (charges.size > 0 && !(await this.#write(entry, used))) continue;
      for (const [waiter, charge] of charges) {
        waiter.charges.push(charge);
        this.#underWay.add(charge);
      }
      for (const [waiter, why] of refusals) this.#fail(waiter, waiter.request.refuse(why));
      return waiters.filter((waiter) => !refusals.has(waiter));
    }
    const error = conflict({ group: '', resource: 'resourcequotas', name }, modifiedMessage);
    for (const waiter of waiters) this.#fail(waiter, error);
    return [];
  }

  #reservation(charges: readonly Charge[]): Reservation {
    return {
      commit: () => {
        for (const charge of charges) this.#underWay.delete(charge);
      },
      release: async () => {
        for (const charge of charges) await this.#refund(charge);
      },
    };
  }

  /** Where another has written the quota since, it was without this object, which is not there. */
  async #refund(charge: Charge): Promise<void> {
    this.#underWay.delete(charge);
    for (let attempt = 1; attempt <= attemptsMax; attempt++) {
      const entry = this.#find(charge.quotaName);
      if (!entry || uidOf(entry.object) !== charge.quotaUid) return;
      if (this.#trusts.get(charge.quotaName)?.revision !== entry.revision) return;
      const used = new Map(quantitiesOf(quotaOf(entry).status?.used));
      for (const [name, amount] of charge.amounts) {
        const rest = subtractQuantities(used.get(name) ?? quantityOf(0), amount);
        used.set(name, isNegativeQuantity(rest) ? quantityOf(0) : rest);
      }
      if (await this.#write(entry, used)) return;
    }
  }

  #find(name: string): QuotaEntry | undefined {
    return this.#store.quotas(this.#namespace).find((entry) => nameOf(entry) === name);
  }

  /** False when the quota has changed meanwhile. One that is gone needs nothing any more. */
  async #write(entry: QuotaEntry, used: QuantityMap): Promise<boolean> {
    const quota = quotaOf(entry);
    try {
      const written = await this.#store.write(entry, { ...quota, status: { ...quota.status, used: asAmounts(used) } });
      const trust = this.#trusts.get(nameOf(entry));
      const kinds = trust?.revision === entry.revision ? [...trust.floors.keys()] : [];
      this.#trusts.set(nameOf(entry), { revision: written.revision, floors: new Map(kinds.map((kind) => [kind, nothing])) });
      return true;
    } catch (error) {
      if (!(error instanceof RevisionMismatchError)) throw error;
      if (error.current) await this.#store.reach(error.current.revision);
      return error.current === undefined;
    }
  }

  /** What is charged already: the quota's status, or more where its objects and what is under way say so. A map of the caller's own. */
  #usedOf(entry: QuotaEntry, waiters: readonly Waiter[]): Map<string, Quantity> {
    const name = nameOf(entry);
    let trust = this.#trusts.get(name);
    if (trust?.revision !== entry.revision) {
      trust = { revision: entry.revision, floors: new Map() };
      this.#trusts.set(name, trust);
    }
    for (const { request } of waiters) {
      const { kind } = request;
      if (!trust.floors.has(keyOf(kind))) trust.floors.set(keyOf(kind), this.#count(quotaOf(entry), kind));
    }
    const used = new Map(quantitiesOf(quotaOf(entry).status?.used));
    for (const floor of trust.floors.values()) {
      for (const [each, amount] of floor) {
        const standing = used.get(each);
        if (standing && compareQuantities(standing, amount) < 0) used.set(each, amount);
      }
    }
    return used;
  }

  #count(quota: V1ResourceQuota, kind: KindDefinition): QuantityMap {
    const names = countedNames(Object.keys(quota.status?.hard ?? {}), kind);
    if (names.length === 0) return nothing;
    const objects = this.#store.objects(kind, this.#namespace);
    const total = new Map(totalUsage(quota, names, [{ of: kind, objects }], this.#store.clock.nowMs()));
    const charges = [...this.#underWay].filter(({ quotaUid, demand }) => quotaUid === uidOf(quota) && demand.kind === kind);
    if (charges.length === 0) return total;
    const versions = new Map(objects.map((object) => [uidOf(object), object.metadata?.resourceVersion]));
    for (const { amounts, demand } of charges) {
      const version = versions.get(uidOf(demand.object));
      // Stored already, and counted: the answer to its writer is on its way.
      const isStored = demand.old ? version !== demand.old.metadata?.resourceVersion : version !== undefined;
      if (!isStored) addQuantityMap(total, amounts);
    }
    return total;
  }
}
