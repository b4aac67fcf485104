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

/** Another server's word: everything in it is checked before clients are told. */
type Listed = Readonly<Record<string, unknown>>;

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const textsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.filter((one) => typeof one === 'string') : []);
const listed = (name: string, values: readonly unknown[]): object => (values.length === 0 ? {} : { [name]: values });

/** An APIResourceList, whatever the server has made of it, in the aggregated form: subresources stand below their resource. Pure. */
export function resourcesOf(document: unknown, of: { readonly group: string; readonly version: string }): readonly object[] {
  const sent = (document as { resources?: unknown } | null | undefined)?.resources;
  const resources = (Array.isArray(sent) ? sent : []).filter((one): one is Listed => textOf(one?.name) !== '');
  const responseKind = ({ group, version, kind }: Listed) => ({
    ...{ group: textOf(group) || of.group, version: textOf(version) || of.version, kind: textOf(kind) },
  });
  const below = new Map<string, object[]>();
  for (const one of resources) {
    const [name = '', subresource] = textOf(one.name).split('/', 2);
    if (subresource === undefined) continue;
    const list = below.get(name) ?? [];
    list.push({ subresource, responseKind: responseKind(one), verbs: textsOf(one.verbs) });
    below.set(name, list);
  }
  return resources
    .filter(({ name }) => !textOf(name).includes('/'))
    .map((one) => ({
      resource: one.name,
      responseKind: responseKind(one),
      scope: one.namespaced === true ? 'Namespaced' : 'Cluster',
      singularResource: textOf(one.singularName),
      verbs: textsOf(one.verbs),
      ...listed('shortNames', textsOf(one.shortNames)),
      ...listed('categories', textsOf(one.categories)),
      ...listed('subresources', below.get(textOf(one.name)) ?? []),
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
