// What aggregated servers serve, in the form of the aggregated discovery document. Kept from the last answer when a server stops answering.
import type { ApiPriority } from '../discovery/priorities.ts';
import type { RemoteApi } from './api-services.ts';

/** One group version of another server, as discovery tells of it. */
export interface RemoteVersion {
  readonly group: string;
  readonly version: string;
  readonly priority: ApiPriority;
  /** As the aggregated document lists them. */
  readonly resources: readonly object[];
  /** Stale: the server does not answer; this is what it said last, if anything. */
  readonly freshness: 'Current' | 'Stale';
}

interface ListedResource {
  readonly name?: string;
  readonly singularName?: string;
  readonly namespaced?: boolean;
  readonly kind?: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

/** An APIResourceList, whatever the server has made of it, in the aggregated form: subresources stand below their resource. Pure. */
export function resourcesOf(document: unknown, of: { readonly group: string; readonly version: string }): readonly object[] {
  const listed = (document as { resources?: unknown } | undefined)?.resources;
  const resources = (Array.isArray(listed) ? listed : []).filter((one): one is ListedResource => typeof one?.name === 'string');
  const kindOf = ({ group, version, kind = '' }: ListedResource) => ({ group: group || of.group, version: version || of.version, kind });
  const below = new Map<string, object[]>();
  for (const one of resources) {
    const [name = '', subresource] = (one.name ?? '').split('/', 2);
    if (subresource === undefined) continue;
    const list = below.get(name) ?? [];
    below.set(name, [...list, { subresource, responseKind: kindOf(one), verbs: one.verbs ?? [] }]);
  }
  return resources
    .filter(({ name }) => !name?.includes('/'))
    .map((one) => ({
      resource: one.name,
      responseKind: kindOf(one),
      scope: one.namespaced ? 'Namespaced' : 'Cluster',
      singularResource: one.singularName ?? '',
      verbs: one.verbs ?? [],
      ...(one.shortNames?.length ? { shortNames: one.shortNames } : {}),
      ...(one.categories?.length ? { categories: one.categories } : {}),
      ...(below.has(one.name ?? '') ? { subresources: below.get(one.name ?? '') } : {}),
    }));
}

export interface RemoteDiscovery {
  /** The same list until something changes. */
  versions(): readonly RemoteVersion[];
  /** The server's own document, or undefined when it does not answer. */
  learn(remote: RemoteApi, document: unknown): void;
}

export function createRemoteDiscovery(remotes: () => ReadonlyMap<string, RemoteApi>): RemoteDiscovery {
  const resources = new Map<string, { readonly text: string; readonly list: readonly object[] }>();
  let made: { readonly from: ReadonlyMap<string, RemoteApi>; readonly versions: readonly RemoteVersion[] } | undefined;
  return {
    versions() {
      const from = remotes();
      if (made?.from === from) return made.versions;
      for (const key of resources.keys()) if (!from.has(key)) resources.delete(key);
      const versions = [...from].map(([key, { group, version, priority, available }]): RemoteVersion => {
        const list = resources.get(key)?.list ?? [];
        return { group, version, priority, resources: list, freshness: available ? 'Current' : 'Stale' };
      });
      made = { from, versions: versions.length === 0 && made?.versions.length === 0 ? made.versions : versions };
      return made.versions;
    },
    learn(remote, document) {
      if (document === undefined) return;
      const key = `${remote.group}/${remote.version}`;
      const list = resourcesOf(document, remote);
      const text = JSON.stringify(list);
      if (resources.get(key)?.text === text) return;
      resources.set(key, { text, list });
      made = undefined;
    },
  };
}
