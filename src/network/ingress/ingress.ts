// The ingress controller: follows Ingresses of its class, serves them by a reverse proxy, and says in their status where. While there is
// none, it listens nowhere and nothing of it is loaded.
import {
  endpointslices,
  hasReason,
  ingressclasses,
  ingresses as ingressType,
  secrets,
  serviceNameLabel,
  services,
  type V1EndpointSlice,
  type V1IngressLoadBalancerIngress,
} from '../../api/mod.ts';
import { Backoff, type Clock, errorText, type Logger, type Random, sleep } from '../../base/mod.ts';
import type { ProxyCertificate, ReverseProxy, ReverseProxyOptions } from '../../base/ports/reverse-proxy.ts';
import { type Client, cacheKeyOf, createEventRecorder, type EventRecorder, type Informers, referenceTo } from '../../client/mod.ts';
import { Dirty } from '../nftables/keep-table.ts';
import { sliceIndex } from '../proxy/proxy.ts';
import { certificateFor, type IngressPlan, isOurs, planIngresses } from './plan.ts';
import { ingressServiceKey, publishClass, publishService, withdrawService } from './publish.ts';
import { Router } from './route.ts';

const coalesceMs = 10;
const closeGraceMs = 5_000;
const retry = { baseMs: 200, maxMs: 30_000, jitter: 0.5 };

export interface IngressOptions {
  readonly nodeName: string;
  /** Where it listens, on ports of its own: the service `kube-system/minke-ingress` leads there. */
  readonly address: string;
  /** Listened to besides, 0 none, at an address of the machine itself. */
  readonly hostPorts: { readonly address: string; readonly http: number; readonly https: number };
  /** For names that no Ingress has a certificate for. */
  readonly defaultCertificate: () => Promise<ProxyCertificate>;
  /** Asked when there is something to serve. */
  readonly openProxy: (options: ReverseProxyOptions) => Promise<ReverseProxy>;
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Runs until the signal fires. */
export async function runIngress(options: IngressOptions): Promise<void> {
  const { clock, random, log, signal, informers } = options;
  const recorder = createEventRecorder({ ...options, component: 'minke-ingress' });
  const follower = follow(options);
  const controller = new Controller(options, recorder);
  const backoff = new Backoff(retry, random);
  try {
    await informers.synced();
    while (!signal.aborted) {
      try {
        follower.dirty.take();
        await controller.bring();
        follower.watchOf(controller.plan, controller.router);
        backoff.reset();
      } catch (error) {
        if (signal.aborted) break;
        log.warn('Ingresses could not be brought up to date; will try again', { error: errorText(error) });
        await sleep(clock, backoff.nextMs(), signal);
        continue;
      }
      await follower.dirty.marked(signal);
      await sleep(clock, coalesceMs, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    follower.stop();
    await controller.stop();
    await recorder.stopped;
  }
}

interface Follower {
  readonly dirty: Dirty;
  /** Of services, secrets and slices only what the plan names matters. */
  watchOf(plan: IngressPlan, router: Router): void;
  stop(): void;
}

function follow({ informers }: IngressOptions): Follower {
  const dirty = new Dirty();
  let plan: IngressPlan | undefined;
  let router: Router | undefined;
  const mark = () => dirty.mark('');
  const offs = [
    informers.of(ingressType).onChange(mark),
    informers.of(ingressclasses).onChange(mark),
    informers.of(services).onChange(({ old, next }) => {
      const key = cacheKeyOf(next ?? old ?? {});
      if (!plan?.services.has(key) && key !== ingressServiceKey) return;
      router?.forget(key);
      mark();
    }),
    informers.of(endpointslices).onChange(({ old, next }) => {
      for (const slice of [old, next]) if (slice) router?.forget(serviceKeyOf(slice));
    }),
    informers.of(secrets).onChange(({ old, next }) => {
      if (plan?.secrets.has(cacheKeyOf(next ?? old ?? {}))) mark();
    }),
  ];
  return {
    dirty,
    watchOf(nextPlan, nextRouter) {
      plan = nextPlan;
      router = nextRouter;
    },
    stop() {
      for (const off of offs) off();
    },
  };
}

const serviceKeyOf = ({ metadata }: V1EndpointSlice): string =>
  `${metadata?.namespace ?? ''}/${metadata?.labels?.[serviceNameLabel] ?? ''}`;

interface Open {
  readonly proxy: ReverseProxy;
  /** What of the host's own ports is listened to. */
  readonly onHost: boolean;
}

class Controller {
  readonly router: Router;
  plan: IngressPlan;
  readonly #options: IngressOptions;
  readonly #recorder: EventRecorder;
  #open: Open | undefined;
  #hasClass = false;
  /** Each is told once, as long as it lasts. */
  #told = new Set<string>();

  constructor(options: IngressOptions, recorder: EventRecorder) {
    const { informers, nodeName, random } = options;
    this.#options = options;
    this.#recorder = recorder;
    this.plan = planIngresses({ ingresses: [], classes: [], service: () => undefined, secret: () => undefined });
    const [serviceCache, sliceCache] = [informers.of(services), informers.of(endpointslices)];
    sliceCache.addIndex(sliceIndex, (slice) => [serviceKeyOf(slice)]);
    const slices = (key: string) => sliceCache.byIndex(sliceIndex, key);
    this.router = new Router({ service: (key) => serviceCache.get(key), slices, nodeName, random });
  }

  /** Makes what is served what the objects say. */
  async bring(): Promise<void> {
    const { informers, client, signal } = this.#options;
    if (!this.#hasClass) await publishClass(client, signal);
    this.#hasClass = true;
    const [serviceCache, secretCache] = [informers.of(services), informers.of(secrets)];
    this.plan = planIngresses({
      ingresses: informers.of(ingressType).list(),
      classes: informers.of(ingressclasses).list(),
      service: (key) => serviceCache.get(key),
      secret: (key) => secretCache.get(key),
    });
    this.router.use(this.plan.table);
    if (this.plan.ingresses.length > 0) await this.#serve();
    else if (this.#open || serviceCache.get(ingressServiceKey)) await this.#rest();
    this.#tell();
    await this.#writeStatuses();
  }

  async stop(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.proxy.close(0);
  }

  async #serve(): Promise<void> {
    if (this.#open) return;
    const { address, clock, client, hostPorts, log, signal, defaultCertificate, openProxy } = this.#options;
    const ownCertificate = await defaultCertificate();
    const proxy = await openProxy({
      clock,
      route: (request) => this.router.route(request),
      certificate: (name) => certificateFor(this.plan, name) ?? ownCertificate,
    });
    try {
      const httpPort = await proxy.listen({ host: address, port: 0, secure: false });
      const httpsPort = await proxy.listen({ host: address, port: 0, secure: true });
      let onHost = false;
      for (const [port, secure] of [
        [hostPorts.http, false],
        [hostPorts.https, true],
      ] as const) {
        if (port === 0) continue;
        const done = await proxy.listen({ host: hostPorts.address, port, secure }).catch((error: unknown) => {
          log.warn('The ingress controller cannot have a port of the machine; it goes on without', { error: errorText(error) });
        });
        onHost ||= done !== undefined;
      }
      await publishService(client, { address, httpPort, httpsPort }, signal);
      this.#open = { proxy, onHost };
      log.info('Ingresses are served', { address, httpPort, httpsPort });
    } catch (error) {
      await proxy.close(0);
      throw error;
    }
  }

  async #rest(): Promise<void> {
    const { client, signal, log } = this.#options;
    await withdrawService(client, signal);
    const open = this.#open;
    this.#open = undefined;
    await open?.proxy.close(closeGraceMs);
    log.info('There is no Ingress left to serve');
  }

  #tell(): void {
    const now = new Set<string>();
    for (const { ingress, reason, message } of this.plan.problems) {
      const key = `${ingress.metadata.uid} ${message}`;
      now.add(key);
      if (!this.#told.has(key)) this.#recorder.record(referenceTo(ingressType, ingress), 'Warning', reason, message);
    }
    this.#told = now;
  }

  /** Where Ingresses are reached, once the service has its address. */
  #addresses(): readonly V1IngressLoadBalancerIngress[] {
    const { informers, hostPorts } = this.#options;
    const given = informers.of(services).get(ingressServiceKey)?.status?.loadBalancer?.ingress ?? [];
    const ips = [...given.flatMap(({ ip }) => ip ?? []), ...(this.#open?.onHost ? [hostPorts.address] : [])];
    return ips.map((ip) => ({ ip }));
  }

  async #writeStatuses(): Promise<void> {
    const { informers, client, signal } = this.#options;
    const addresses = this.#addresses();
    const known = new Set(addresses.map(({ ip }) => ip));
    const classes = informers.of(ingressclasses).list();
    for (const ingress of informers.of(ingressType).list()) {
      const ours = isOurs(ingress, classes);
      const standing = ingress.status?.loadBalancer?.ingress ?? [];
      // One that is another controller's now does not keep our address.
      const wanted = ours ? addresses : standing.filter(({ ip }) => !known.has(ip));
      if (ingress.metadata.deletionTimestamp || sameIps(wanted, standing)) continue;
      try {
        const status = { loadBalancer: wanted.length > 0 ? { ingress: [...wanted] } : {} };
        await client.updateStatus(ingressType, { ...ingress, status }, { signal });
      } catch (error) {
        // It has changed or gone: its next event brings it here again.
        if (!hasReason(error, 'Conflict') && !hasReason(error, 'NotFound')) throw error;
      }
    }
  }
}

const sameIps = (a: readonly V1IngressLoadBalancerIngress[], b: readonly V1IngressLoadBalancerIngress[]): boolean =>
  a.length === b.length && a.every(({ ip }, i) => ip === b[i]?.ip);
