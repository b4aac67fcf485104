// Discovery: what is served, in the documents that clients ask for. Made from the kinds, once for each list of kinds.
// Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
import { createHash } from 'node:crypto';
import { apiVersionOf, type KindDefinition, subresourcesOf, verbsOf } from '../../api/mod.ts';
import type { RemoteVersion } from '../aggregation/remote-discovery.ts';
import { type ApiPriority, inDiscoveryOrder, priorityOf } from './priorities.ts';

export const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** A document with its tag for `If-None-Match`. */
export interface TaggedDocument {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

export interface DiscoveryDocuments {
  /** By path: `/api`, `/api/v1`, `/apis`, `/apis/apps`, `/apis/apps/v1`. Each is the text of one JSON document. */
  readonly legacy: ReadonlyMap<string, Uint8Array>;
  /** By path: `/api` (the core group) and `/apis` (all others). */
  readonly aggregated: ReadonlyMap<string, TaggedDocument>;
  /** True when some kind of this group and version is served. */
  hasVersion(group: string, version: string): boolean;
}

interface Group {
  readonly name: string;
  /** The preferred one first. */
  readonly versions: readonly Version[];
}
interface Version {
  readonly group: string;
  readonly version: string;
  readonly priority: ApiPriority;
  readonly kinds: readonly KindDefinition[];
  /** Another server answers for it. */
  readonly remote?: RemoteVersion;
}

/** `serverAddress` is what clients inside the cluster are told: `10.0.0.1:6443`. `remotes` are answered by other servers. */
export function discoveryDocuments(
  kinds: readonly KindDefinition[],
  serverAddress: string,
  remotes: readonly RemoteVersion[] = [],
): DiscoveryDocuments {
  const groups = groupsOf(kinds, remotes);
  const core = groups.filter(({ name }) => name === '');
  const named = groups.filter(({ name }) => name !== '');
  const legacy = new Map<string, Uint8Array>();
  legacy.set(
    '/api',
    text({
      kind: 'APIVersions',
      versions: core.flatMap((group) => group.versions.map(({ version }) => version)),
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
    }),
  );
  legacy.set('/apis', text({ kind: 'APIGroupList', apiVersion: 'v1', groups: named.map(apiGroup) }));
  for (const group of groups) {
    if (group.name !== '') legacy.set(`/apis/${group.name}`, text({ kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(group) }));
    for (const version of group.versions) {
      if (version.remote) continue;
      const path = group.name === '' ? `/api/${version.version}` : `/apis/${group.name}/${version.version}`;
      legacy.set(path, text(resourceList(group, version)));
    }
  }
  return {
    legacy,
    aggregated: new Map([
      ['/api', aggregated(core)],
      ['/apis', aggregated(named)],
    ]),
    hasVersion: (group, version) =>
      groups.some(({ name, versions }) => name === group && versions.some((one) => one.version === version && !one.remote)),
  };
}

const text = (object: unknown): Uint8Array => Buffer.from(`${JSON.stringify(object)}\n`);

/** Groups and versions in the order of their priorities. */
function groupsOf(kinds: readonly KindDefinition[], remotes: readonly RemoteVersion[]): readonly Group[] {
  const versions = new Map<string, Version & { readonly kinds: KindDefinition[] }>();
  for (const kind of kinds) {
    const { group, version } = kind;
    const key = apiVersionOf(kind);
    const of = versions.get(key) ?? { group, version, priority: priorityOf(group, version), kinds: [] };
    versions.set(key, of);
    of.kinds.push(kind);
  }
  for (const remote of remotes) versions.set(apiVersionOf(remote), { ...remote, kinds: [], remote });
  for (const { kinds: of } of versions.values()) of.sort((a, b) => (a.resource < b.resource ? -1 : 1));
  return inDiscoveryOrder([...versions.values()]);
}

function apiGroup(group: Group): { name: string; versions: readonly object[]; preferredVersion: object | undefined } {
  const versions = group.versions.map(({ version }) => ({ groupVersion: apiVersionOf({ group: group.name, version }), version }));
  return { name: group.name, versions, preferredVersion: versions[0] };
}

function resourceList(group: Group, { version, kinds }: Version): object {
  const resources = kinds.flatMap((kind) => [
    {
      name: kind.resource,
      singularName: kind.singular,
      namespaced: kind.namespaced,
      kind: kind.kind,
      verbs: verbsOf(kind),
      ...listed('shortNames', kind.shortNames),
      ...listed('categories', kind.categories),
    },
    ...subresourcesOf(kind).map((subresource) => ({
      name: `${kind.resource}/${subresource.name}`,
      singularName: '',
      namespaced: kind.namespaced,
      ...(subresource.group === undefined ? {} : { group: subresource.group, version: subresource.version }),
      kind: subresource.kind,
      verbs: subresource.verbs,
    })),
  ]);
  const groupVersion = apiVersionOf({ group: group.name, version });
  // The core group's document has never had an apiVersion.
  return { kind: 'APIResourceList', ...(group.name === '' ? {} : { apiVersion: 'v1' }), groupVersion, resources };
}

const listed = (name: string, values: readonly unknown[] | undefined): object =>
  values === undefined || values.length === 0 ? {} : { [name]: values };

function aggregated(groups: readonly Group[]): TaggedDocument {
  const bytes = text({
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map((group) => ({
      metadata: group.name === '' ? {} : { name: group.name },
      versions: group.versions.map(({ version, kinds, remote }) => ({
        version,
        resources: remote?.resources ?? kinds.map(aggregatedResource),
        freshness: remote?.freshness ?? 'Current',
      })),
    })),
  });
  return { bytes, etag: `"${createHash('sha512').update(bytes).digest('hex').toUpperCase()}"` };
}

function aggregatedResource(kind: KindDefinition): object {
  const subresources = subresourcesOf(kind).map((subresource) => ({
    subresource: subresource.name,
    responseKind: { group: subresource.group ?? kind.group, version: subresource.version ?? kind.version, kind: subresource.kind },
    verbs: subresource.verbs,
  }));
  return {
    resource: kind.resource,
    responseKind: { group: kind.group, version: kind.version, kind: kind.kind },
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    ...listed('shortNames', kind.shortNames),
    ...listed('categories', kind.categories),
    ...listed('subresources', subresources),
  };
}
