// Where one request goes: its target in the routing table, and the endpoints that are ready for it now, each in its turn.
import type { V1EndpointSlice, V1Service } from '../../api/mod.ts';
import type { Random } from '../../base/mod.ts';
import type { ProxiedRequest, ProxyBackend, ProxyRoute } from '../../base/ports/reverse-proxy.ts';
import { ipv4, ipv6 } from '../addresses/family.ts';
import { selectBackends } from '../proxy/backends.ts';
import { servicePort } from './plan.ts';
import { type BackendRef, findTarget, makeTable, type RoutingTable, refText } from './table.ts';

export interface RouterOptions {
  /** By `namespace/name`. */
  readonly service: (key: string) => V1Service | undefined;
  readonly slices: (key: string) => readonly V1EndpointSlice[];
  readonly nodeName: string;
  readonly random: Random;
}

/** https://kubernetes.io/docs/concepts/services-networking/service/#application-protocol */
const isSecure = (appProtocol = ''): boolean => ['https', 'kubernetes.io/wss'].includes(appProtocol.toLowerCase());

interface Known {
  readonly backends: readonly ProxyBackend[];
  turn: number;
}

export class Router {
  readonly #options: RouterOptions;
  #table: RoutingTable = makeTable([], undefined);
  /** By service, by reference: what has been asked for since the service last changed. */
  readonly #known = new Map<string, Map<string, Known>>();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  use(table: RoutingTable): void {
    this.#table = table;
    this.#known.clear();
  }

  /** The service or its endpoints have changed. */
  forget(serviceKey: string): void {
    this.#known.delete(serviceKey);
  }

  route({ host, path }: ProxiedRequest): ProxyRoute {
    const target = findTarget(this.#table, host, path);
    if (!target) return { to: 'answer', status: 404, text: `No Ingress is for the host "${host}" and the path "${path}".` };
    if (target.to === 'nothing') return { to: 'answer', status: 503, text: `${target.why}.` };
    const { ref } = target;
    const key = `${ref.namespace}/${ref.service}`;
    const known = this.#of(key, ref);
    if (typeof known === 'string') return { to: 'answer', status: 503, text: known };
    const { backends } = known;
    const first = known.turn++ % backends.length;
    return { to: 'backends', name: `The service "${key}"`, backends: [...backends.slice(first), ...backends.slice(0, first)] };
  }

  #of(key: string, ref: BackendRef): Known | string {
    const text = refText(ref);
    const known = this.#known.get(key)?.get(text);
    if (known) return known;
    const service = this.#options.service(key);
    if (!service) return `There is no service "${key}".`;
    const port = servicePort(service, ref);
    if (!port) return `The service "${key}" has no port ${ref.port.name ?? ref.port.number}.`;
    const { nodeName, random } = this.#options;
    // This process asks them itself: by the service's main family.
    const family = service.spec?.ipFamilies?.[0] === 'IPv6' ? ipv6 : ipv4;
    const found = selectBackends(this.#options.slices(key), port, { nodeName, zone: undefined, family }).all;
    const backends = isSecure(port.appProtocol) ? found.map((backend) => ({ ...backend, secure: true })) : found;
    if (backends.length === 0) return `The service "${key}" has no ready endpoints.`;
    // Not always the first one after a change.
    const made = { backends, turn: random.below(backends.length) };
    const ofService = this.#known.get(key) ?? new Map<string, Known>();
    this.#known.set(key, ofService.set(text, made));
    return made;
  }
}
