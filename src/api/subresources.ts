// The subresources of a kind: those that its definition implies, and those that stream or act and have a body of their own.
import type { KindDefinition } from './kind.ts';
import { qualifiedResource } from './meta/status.ts';

export interface Subresource {
  /** `status` */
  readonly name: string;
  /** What its endpoint takes and gives. */
  readonly kind: string;
  /** Where that kind is of another group and version than the resource. */
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
  /** True when it is a connection to the node or a pod and not a verb on an object. */
  readonly connects?: boolean;
  /** True when any path may follow it, and any method is taken: what listens there knows them. */
  readonly passesOn?: boolean;
}

const defaultVerbs: readonly string[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const objectVerbs: readonly string[] = ['get', 'patch', 'update'];
const connectVerbs: readonly string[] = ['create', 'get'];
const proxyOf = (kind: string): Subresource => ({
  ...{ name: 'proxy', kind, verbs: ['create', 'delete', 'get', 'patch', 'update'] },
  ...{ connects: true, passesOn: true },
});

/** By qualified resource. */
const acting: Readonly<Record<string, readonly Subresource[]>> = {
  pods: [
    { name: 'attach', kind: 'PodAttachOptions', verbs: connectVerbs, connects: true },
    { name: 'binding', kind: 'Binding', verbs: ['create'] },
    { name: 'eviction', kind: 'Eviction', group: 'policy', version: 'v1', verbs: ['create'] },
    { name: 'exec', kind: 'PodExecOptions', verbs: connectVerbs, connects: true },
    { name: 'log', kind: 'Pod', verbs: ['get'], connects: true },
    { name: 'portforward', kind: 'PodPortForwardOptions', verbs: connectVerbs, connects: true },
    proxyOf('PodProxyOptions'),
  ],
  services: [proxyOf('ServiceProxyOptions')],
  nodes: [proxyOf('NodeProxyOptions')],
  serviceaccounts: [{ name: 'token', kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] }],
  namespaces: [{ name: 'finalize', kind: 'Namespace', verbs: ['update'] }],
};

export const verbsOf = (kind: KindDefinition): readonly string[] => [...(kind.verbs ?? defaultVerbs)].sort();

/** Sorted by name. */
export function subresourcesOf(kind: KindDefinition): readonly Subresource[] {
  const found: Subresource[] = [...(acting[qualifiedResource(kind)] ?? [])];
  const add = (subresource: Subresource) => {
    if (!found.some(({ name }) => name === subresource.name)) found.push(subresource);
  };
  if (kind.status) add({ name: 'status', kind: kind.kind, verbs: objectVerbs });
  if (kind.scale) add({ name: 'scale', kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: objectVerbs });
  for (const name of Object.keys(kind.subresources ?? {})) add({ name, kind: kind.kind, verbs: objectVerbs });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
