// Which devices of a node would satisfy claims: a search that goes back where a choice leads nowhere. Pure.
import type {
  V1AllocationResult,
  V1DeviceAttribute,
  V1DeviceClass,
  V1DeviceConstraint,
  V1DeviceRequestAllocationResult,
  V1DeviceSelector,
  V1ExactDeviceRequest,
  V1NodeSelectorTerm,
  ResourceV1ResourceClaim as V1ResourceClaim,
} from '../../api/mod.ts';
import { isTolerated, type NodeDevices, type PoolDevice } from './devices.ts';
import { type Holding, Holdings, type Taken } from './holdings.ts';

/** Choices that one search may try: what it cannot find by then counts as not there. */
const stepsMax = 20_000;
/** Devices of one claim. Source: the limit of a claim's results. */
const resultsMax = 32;

export interface AllocateRequest {
  readonly claims: readonly V1ResourceClaim[];
  readonly available: NodeDevices;
  readonly taken: Taken;
  readonly classOf: (name: string) => V1DeviceClass | undefined;
  /** Whether every selector likes the device. Throws when one cannot be evaluated. */
  readonly selects: (selectors: readonly V1DeviceSelector[], device: PoolDevice) => boolean;
}

/** One entry of a claim, or one alternative of it, under the name that results have. */
interface Ask {
  readonly name: string;
  readonly of: V1ExactDeviceRequest;
}

interface Choice {
  readonly ask: Ask;
  readonly device: PoolDevice;
  /** Undefined for an administrator, who takes nothing. */
  readonly holding: Holding | undefined;
}

/** By claim, in order; undefined when the devices do not suffice. */
export function allocate(request: AllocateRequest): readonly V1AllocationResult[] | undefined {
  const search = new Search(request);
  const chosen = search.claim(0);
  return chosen && request.claims.map((claim, i) => resultOf(claim, chosen[i] ?? [], request.classOf));
}

class Search {
  readonly #request: AllocateRequest;
  readonly #holdings: Holdings;
  readonly #eligible = new Map<Ask, readonly PoolDevice[]>();
  #chosen: Choice[] = [];
  readonly #done: Choice[][] = [];
  #steps = 0;

  constructor(request: AllocateRequest) {
    this.#request = request;
    this.#holdings = new Holdings(request.taken, request.available.counters);
  }

  /** Devices of this claim and of all that follow. */
  claim(index: number): readonly (readonly Choice[])[] | undefined {
    const claim = this.#request.claims[index];
    if (!claim) return this.#done.map((choices) => [...choices]);
    this.#chosen = [];
    return this.#entry(claim, { index, entry: 0 });
  }

  #entry(claim: V1ResourceClaim, at: { readonly index: number; readonly entry: number }): readonly (readonly Choice[])[] | undefined {
    const entry = claim.spec.devices?.requests?.[at.entry];
    if (!entry) {
      const mine = this.#chosen;
      this.#done.push(mine);
      const found = this.claim(at.index + 1);
      if (!found) this.#done.pop();
      this.#chosen = mine;
      return found;
    }
    const asks: readonly Ask[] = entry.exactly
      ? [{ name: entry.name, of: entry.exactly }]
      : (entry.firstAvailable ?? []).map((one) => ({ name: `${entry.name}/${one.name}`, of: one }));
    const next = () => this.#entry(claim, { index: at.index, entry: at.entry + 1 });
    for (const ask of asks) {
      const found =
        ask.of.allocationMode === 'All' ? this.#all(claim, ask, next) : this.#some(claim, { ask, left: ask.of.count ?? 1, from: 0 }, next);
      if (found) return found;
    }
    return undefined;
  }

  /** Every device that the selectors like: there must be one, and none may be taken. */
  #all(claim: V1ResourceClaim, ask: Ask, next: () => readonly (readonly Choice[])[] | undefined) {
    const devices = this.#eligibleFor(ask);
    if (devices.length === 0 || this.#request.available.incomplete) return undefined;
    const before = this.#chosen.length;
    const fit = devices.every((device) => this.#take(claim, ask, device));
    const found = fit ? next() : undefined;
    if (!found) while (this.#chosen.length > before) this.#giveBack();
    return found;
  }

  #some(
    claim: V1ResourceClaim,
    { ask, left, from }: { readonly ask: Ask; readonly left: number; readonly from: number },
    next: () => readonly (readonly Choice[])[] | undefined,
  ): readonly (readonly Choice[])[] | undefined {
    if (left === 0) return next();
    const devices = this.#eligibleFor(ask);
    for (let i = from; i < devices.length; i++) {
      const device = devices[i] as PoolDevice;
      if (++this.#steps > stepsMax) return undefined;
      if (!this.#take(claim, ask, device)) continue;
      // A device that several may share may serve one request more than once.
      const again = device.device.allowMultipleAllocations === true ? i : i + 1;
      const found = this.#some(claim, { ask, left: left - 1, from: again }, next);
      if (found) return found;
      this.#giveBack();
    }
    return undefined;
  }

  #take(claim: V1ResourceClaim, ask: Ask, device: PoolDevice): boolean {
    if (this.#chosen.length >= resultsMax) return false;
    const choice: Choice = { ask, device, holding: undefined };
    const fits = (claim.spec.devices?.constraints ?? []).every((constraint) => satisfies(constraint, [...this.#chosen, choice]));
    if (!fits) return false;
    const holding = ask.of.adminAccess ? undefined : this.#holdings.take(device, ask.of);
    if (!ask.of.adminAccess && !holding) return false;
    this.#chosen.push({ ...choice, holding });
    return true;
  }

  #giveBack(): void {
    const holding = this.#chosen.pop()?.holding;
    if (holding) this.#holdings.giveBack(holding);
  }

  #eligibleFor(ask: Ask): readonly PoolDevice[] {
    const known = this.#eligible.get(ask);
    if (known) return known;
    const { available, classOf, selects } = this.#request;
    const { deviceClassName, selectors = [], tolerations = [] } = ask.of;
    const all = [...(classOf(deviceClassName)?.spec.selectors ?? []), ...selectors];
    const devices = available.devices.filter((one) => isTolerated(one.device, tolerations) && selects(all, one));
    // Those that are ready as they are come before those that somebody has to make ready first.
    devices.sort((a, b) => waitsToBind(a) - waitsToBind(b));
    this.#eligible.set(ask, devices);
    return devices;
  }
}

const waitsToBind = ({ device }: PoolDevice): number => ((device.bindingConditions ?? []).length > 0 ? 1 : 0);

/** `gpu` stands for itself and for its alternatives. */
const names = (references: readonly string[] | undefined, request: string): boolean =>
  (references ?? []).length === 0 || references?.includes(request) === true || references?.includes(request.split('/')[0] ?? '') === true;

function satisfies({ requests, matchAttribute, distinctAttribute }: V1DeviceConstraint, choices: readonly Choice[]): boolean {
  const attribute = matchAttribute ?? distinctAttribute;
  const concerned = choices.filter(({ ask }) => names(requests, ask.name));
  if (attribute === undefined || concerned.length === 0) return true;
  const values = concerned.map(({ device }) => attributeValue(device, attribute));
  if (values.includes(undefined)) return false;
  const different = new Set(values).size;
  return matchAttribute === undefined ? different === values.length : different === 1;
}

/** The attribute with its type, as text; the driver's own domain may be left out where the device names it. */
function attributeValue({ device, driver }: PoolDevice, name: string): string | undefined {
  const [domain, id = ''] = name.split('/');
  const attribute: V1DeviceAttribute | undefined = device.attributes?.[name] ?? (domain === driver ? device.attributes?.[id] : undefined);
  return attribute && JSON.stringify(attribute);
}

function resultOf(claim: V1ResourceClaim, choices: readonly Choice[], classOf: AllocateRequest['classOf']): V1AllocationResult {
  const results = choices.map(({ ask, device, holding }): V1DeviceRequestAllocationResult => {
    const { adminAccess, tolerations = [] } = ask.of;
    const { bindingConditions, bindingFailureConditions } = device.device;
    const amounts = holding?.amounts;
    return {
      request: ask.name,
      driver: device.driver,
      pool: device.pool,
      device: device.device.name,
      ...(adminAccess === undefined ? {} : { adminAccess }),
      ...(tolerations.length === 0 ? {} : { tolerations }),
      ...(bindingConditions ? { bindingConditions } : {}),
      ...(bindingFailureConditions ? { bindingFailureConditions } : {}),
      ...(amounts ? { consumedCapacity: Object.fromEntries([...amounts].map(([name, { text }]) => [name, text])) } : {}),
    };
  });
  const ofClasses = [...new Map(choices.map(({ ask }) => [ask.name, ask.of.deviceClassName]))].flatMap(([request, name]) =>
    (classOf(name)?.spec.config ?? []).map((config) => ({ ...config, source: 'FromClass', requests: [request] })),
  );
  const ofClaim = (claim.spec.devices?.config ?? []).map((config) => ({ ...config, source: 'FromClaim' }));
  const config = [...ofClasses, ...ofClaim];
  const nodeSelector = joined(choices.map(({ device }) => device));
  return { devices: { results, ...(config.length === 0 ? {} : { config }) }, ...(nodeSelector ? { nodeSelector } : {}) };
}

/** A node from which every device can be reached: one term that says all that each of them says. */
function joined(devices: readonly PoolDevice[]) {
  const terms = new Map(
    devices.flatMap(({ nodeSelector }) => (nodeSelector?.nodeSelectorTerms ?? []).map((term) => [JSON.stringify(term), term] as const)),
  );
  if (terms.size === 0) return undefined;
  const merged = [...terms.values()].reduce<V1NodeSelectorTerm>(
    (sum, { matchExpressions = [], matchFields = [] }) => ({
      ...(matchExpressions.length + (sum.matchExpressions?.length ?? 0) > 0
        ? { matchExpressions: [...(sum.matchExpressions ?? []), ...matchExpressions] }
        : {}),
      ...(matchFields.length + (sum.matchFields?.length ?? 0) > 0 ? { matchFields: [...(sum.matchFields ?? []), ...matchFields] } : {}),
    }),
    {},
  );
  return { nodeSelectorTerms: [merged] };
}
