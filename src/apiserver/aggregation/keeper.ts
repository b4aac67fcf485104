// The loops behind aggregation: APIServices of what is served here, and the Available condition of those that are served elsewhere.
import {
  apiVersionOf,
  formatTime,
  type KindDefinition,
  type KubeObject,
  StatusError,
  setCondition,
  type V1APIService,
} from '../../api/mod.ts';
import { Backoff, childController, errorText, type Random, sleep, Tasks } from '../../base/mod.ts';
import type { ResourceCore } from '../http/core-port.ts';
import type { Registry } from '../registry/registry.ts';
import type { RequestContext, ResourceRequest } from '../request.ts';
import { type ServiceView, serviceView } from '../webhooks/resolve-service.ts';
import type { ApiServices, RemoteApi } from './api-services.ts';
import { discover, unreachable, type Verdict } from './availability.ts';
import { automanagedLabel, planServices } from './local-services.ts';
import type { AggregatorMetrics } from './metrics.ts';
import type { RemoteDiscovery } from './remote-discovery.ts';
import type { RemoteServers } from './remote-servers.ts';

/** How often a server that answers is asked again. */
const recheckMs = 30_000;
/** How often one that does not. */
const retry = { baseMs: 1_000, maxMs: recheckMs };
const watchAgainMs = 1_000;
const burstMs = 50;

export interface KeeperOptions {
  readonly core: ResourceCore;
  readonly registry: Registry;
  readonly apiServices: ApiServices;
  readonly servers: RemoteServers;
  readonly discovery: RemoteDiscovery;
  readonly metrics: AggregatorMetrics | undefined;
  /** The server's own; its signal stops the loops. */
  readonly context: RequestContext;
  readonly random: Random;
}

/** Resolves when the context's signal has fired and all has ended. */
export async function runKeeper(options: KeeperOptions): Promise<void> {
  const keeper = new Keeper(options);
  await keeper.run();
}

/** What is known of one remote: what was looked at, and when to look again. */
interface Looked {
  readonly at: string;
  readonly verdict: Verdict;
  readonly againMs: number;
  readonly backoff: Backoff;
}

class Keeper {
  readonly #options: KeeperOptions;
  readonly #tasks: Tasks;
  readonly #looked = new Map<string, Looked>();
  #wake: (() => void) | undefined;
  #rung = false;
  /** Watches of services and slices: only while some server is elsewhere. */
  #watching: AbortController | undefined;
  #started = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#tasks = new Tasks(options.context.log);
  }

  async run(): Promise<void> {
    const { context } = this.#options;
    const { signal, clock, log } = context;
    this.#follow({ group: 'apiregistration.k8s.io', resource: 'apiservices' }, signal);
    this.#follow({ group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' }, signal);
    while (!signal.aborted) {
      this.#rung = false;
      try {
        await this.#syncLocal();
        await this.#syncRemote();
      } catch (error) {
        if (!signal.aborted) log.warn('APIServices could not be looked after', { error: errorText(error) });
      }
      const next = Math.min(...[...this.#looked.values()].map(({ againMs }) => againMs), clock.monotonicMs() + recheckMs);
      await this.#rest(next - clock.monotonicMs());
    }
    await this.#tasks.settled();
  }

  /** Until something changes, or for that long. */
  async #rest(ms: number): Promise<void> {
    const { signal, clock } = this.#options.context;
    if (!this.#rung) {
      const { controller, unlink } = childController(signal);
      this.#wake = () => controller.abort();
      await sleep(clock, Math.max(0, ms), controller.signal).catch(() => {});
      this.#wake = undefined;
      unlink();
    }
    // Endpoints change in bursts: one look for each is enough.
    if (this.#rung) await sleep(clock, burstMs, signal).catch(() => {});
  }

  readonly #ring = (): void => {
    this.#rung = true;
    this.#wake?.();
  };

  /** Rings at every change of the resource. */
  #follow(of: { readonly group: string; readonly resource: string }, signal: AbortSignal): void {
    const { core, context } = this.#options;
    const kind = core.find({ ...of, version: 'v1' });
    if (!kind) return;
    this.#tasks.run(`watch ${of.resource}`, signal, async () => {
      while (!signal.aborted) {
        try {
          const result = await core.execute({ verb: 'watch', kind, query: {} }, { ...context, signal });
          if (result.as === 'watch') for await (const frames of result.frames) if (frames.length > 0) this.#ring();
        } catch (error) {
          if (!signal.aborted) context.log.debug('Watch broke off', { resource: of.resource, error: errorText(error) });
        }
        await sleep(context.clock, watchAgainMs, signal).catch(() => {});
      }
    });
  }

  async #syncLocal(): Promise<void> {
    const { core, apiServices, context } = this.#options;
    const kind = core.find({ group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices' });
    if (!kind) return;
    const plan = planServices(core.kinds, apiServices.all(), !this.#started);
    await Promise.all([
      ...plan.create.map((object) => this.#write(kind, { verb: 'create', body: object })),
      ...plan.update.map((object) => this.#write(kind, { verb: 'update', body: object })),
      ...plan.delete.map((object) => this.#write(kind, { verb: 'delete', name: object.metadata?.name })),
    ]);
    if (!this.#started) context.log.debug('APIServices registered', { label: automanagedLabel, count: plan.create.length });
    this.#started = true;
  }

  async #syncRemote(): Promise<void> {
    const { apiServices, context } = this.#options;
    const remotes = apiServices.remotes();
    this.#watchEndpoints(remotes.size > 0);
    for (const name of this.#looked.keys()) if (![...remotes.values()].some((one) => one.name === name)) this.#looked.delete(name);
    await Promise.all(
      [...remotes.values()].map(async (remote) => {
        try {
          await this.#look(remote);
        } catch (error) {
          if (!context.signal.aborted) context.log.warn('APIService could not be checked', { name: remote.name, error: errorText(error) });
        }
      }),
    );
  }

  #watchEndpoints(wanted: boolean): void {
    if (wanted === (this.#watching !== undefined)) return;
    this.#watching?.abort();
    this.#watching = undefined;
    if (!wanted) return;
    this.#watching = childController(this.#options.context.signal).controller;
    this.#follow({ group: '', resource: 'services' }, this.#watching.signal);
    this.#follow({ group: 'discovery.k8s.io', resource: 'endpointslices' }, this.#watching.signal);
  }

  /** Asks the server when something about it has changed, or it is time. */
  async #look(remote: RemoteApi): Promise<void> {
    const { servers, discovery, context, random } = this.#options;
    const { clock, signal } = context;
    const view = serviceView(this.#options.registry, remote.service);
    const at = fingerprint(remote, view);
    const before = this.#looked.get(remote.name);
    // Somebody else may have written the object, and what stood in it is gone, or was not written then.
    if (before?.at === at && before.againMs > clock.monotonicMs()) return this.#report(remote, before.verdict);
    const why = unreachable(remote, view);
    const { verdict, document } = why ? { verdict: why, document: undefined } : await discover(remote, { servers, clock, signal });
    const backoff = before?.at === at ? before.backoff : new Backoff(retry, random);
    if (verdict.status === 'True') backoff.reset();
    discovery.learn(remote, document);
    const delayMs = verdict.status === 'True' ? recheckMs : backoff.nextMs();
    this.#looked.set(remote.name, { at, verdict, backoff, againMs: clock.monotonicMs() + delayMs });
    await this.#report(remote, verdict);
  }

  async #report(remote: RemoteApi, verdict: Verdict): Promise<void> {
    const { core, context, metrics } = this.#options;
    const kind = core.find({ group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices' });
    const nowTime = formatTime(context.clock.nowMs());
    const { object } = remote;
    const conditions = setCondition(object.status?.conditions, { type: 'Available', ...verdict }, nowTime);
    if (!kind || conditions === object.status?.conditions) return;
    const before = object.status?.conditions?.find(({ type }) => type === 'Available')?.status;
    if (verdict.status === 'False' && before === 'True') metrics?.unavailable(remote.name, verdict.reason);
    await this.#write(kind, {
      verb: 'update',
      subresource: 'status',
      body: { ...object, status: { ...object.status, conditions } } as V1APIService,
    });
  }

  /** What somebody else has changed meanwhile is looked at again: its change rings. */
  async #write(
    kind: KindDefinition,
    {
      verb,
      subresource,
      body,
      name = body?.metadata?.name,
    }: Pick<ResourceRequest, 'verb' | 'subresource' | 'name'> & { readonly body?: KubeObject },
  ): Promise<void> {
    const { core, context } = this.#options;
    const object = body && { ...body, apiVersion: apiVersionOf(kind), kind: kind.kind };
    try {
      await core.execute(
        { verb, kind, name: verb === 'create' ? undefined : name, subresource, query: {}, body: object && { as: 'object', object } },
        context,
      );
    } catch (error) {
      if (!(error instanceof StatusError) || (error.code !== 404 && error.code !== 409)) throw error;
    }
  }
}

/** Changes when the answer may have: not with the condition that is written here. */
const fingerprint = ({ object }: RemoteApi, { service, slices }: ServiceView): string =>
  JSON.stringify([
    object.metadata?.uid,
    object.spec,
    service?.metadata?.resourceVersion,
    slices.map(({ metadata }) => metadata?.resourceVersion),
  ]);
