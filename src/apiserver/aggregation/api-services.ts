// The APIServices as requests need them: which group versions another server answers, and where. Made anew only when one has changed.
import { isConditionTrue, type V1APIService, type V1APIServiceSpec } from '../../api/mod.ts';
import { type ApiPriority, customPriority } from '../discovery/priorities.ts';
import type { Registry } from '../registry/registry.ts';

const portDefault = 443;

export interface RemoteApi {
  readonly object: V1APIService;
  /** `v1alpha1.wardle.example.com` */
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly priority: ApiPriority;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
  /** `api.wardle.svc`: what its certificate must say. */
  readonly serverName: string;
  /** PEM; undefined leaves it to the machine's own list. */
  readonly ca: string | undefined;
  readonly insecure: boolean;
  readonly available: boolean;
}

export interface ApiServices {
  /** By `group/version`; the same map until an APIService changes. */
  remotes(): ReadonlyMap<string, RemoteApi>;
  all(): readonly V1APIService[];
}

export function createApiServices(registry: Registry): ApiServices {
  const cache = registry.find({ group: 'apiregistration.k8s.io', version: 'v1', resource: 'apiservices' })?.cache;
  let known: ReadonlyMap<string, RemoteApi> = new Map();
  let seen = -1;
  const all = () => (cache?.page({}).entries ?? []).map((entry) => entry.object as V1APIService);
  return {
    all,
    remotes() {
      if (cache && cache.lastChange !== seen) {
        seen = cache.lastChange;
        known = new Map(
          all()
            .flatMap((object) => remoteOf(object) ?? [])
            .map((one) => [`${one.group}/${one.version}`, one]),
        );
      }
      return known;
    },
  };
}

/** Undefined for what this server answers itself: the core group always is. */
export function remoteOf(object: V1APIService): RemoteApi | undefined {
  const spec: Partial<V1APIServiceSpec> = object.spec ?? {};
  const { group = '', version = '', service, caBundle, insecureSkipTLSVerify } = spec;
  if (group === '' || !service) return undefined;
  const { name = '', namespace = '', port = portDefault } = service;
  return {
    ...{ object, name: object.metadata?.name ?? '', group, version },
    priority: { group: spec.groupPriorityMinimum ?? customPriority.group, version: spec.versionPriority ?? customPriority.version },
    service: { namespace, name, port },
    serverName: `${name}.${namespace}.svc`,
    ca: caBundle ? Buffer.from(caBundle, 'base64').toString('utf8') : undefined,
    insecure: insecureSkipTLSVerify === true,
    available: isConditionTrue(object.status?.conditions, 'Available'),
  };
}
