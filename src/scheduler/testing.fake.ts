// Builders for tests: `pod('web').cpu('100m').build()`.
import type { KubeObject, V1Namespace, V1Node, V1Pod, V1Taint } from '../api/mod.ts';
import { cacheKeyOf, type Informer, type Informers } from '../client/mod.ts';

export interface NodeShape {
  readonly cpu?: string;
  readonly memory?: string;
  readonly pods?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly V1Taint[];
  readonly unschedulable?: boolean;
}

export const makeNode = (name: string, shape: NodeShape = {}): V1Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name, uid: name, labels: { 'kubernetes.io/hostname': name, ...shape.labels } },
  spec: { taints: shape.taints, unschedulable: shape.unschedulable },
  status: { allocatable: { cpu: shape.cpu ?? '4', memory: shape.memory ?? '8Gi', pods: shape.pods ?? '110' } },
});

export interface PodShape extends Partial<NonNullable<V1Pod['spec']>> {
  readonly cpu?: string;
  readonly memory?: string;
  readonly hostPort?: number;
}

export function makePod(name: string, shape: PodShape = {}): V1Pod {
  const { cpu, memory, hostPort, ...spec } = shape;
  const requests = { ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) };
  const ports = hostPort === undefined ? [] : [{ containerPort: 80, hostPort }];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: name, generation: 1 },
    spec: { schedulerName: 'default-scheduler', containers: [{ name: 'c', image: 'i', resources: { requests }, ports }], ...spec },
    status: { phase: 'Pending' },
  };
}

export const makeNamespace = (name: string, labels: Readonly<Record<string, string>> = {}): V1Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});

/** Informers over objects that do not change. */
export function makeInformers(objects: readonly KubeObject[]): Informers {
  const of = (type: { readonly kind: string }): Partial<Informer<KubeObject>> => {
    const mine = objects.filter((object) => object.kind === type.kind);
    return {
      get: (key) => mine.find((object) => cacheKeyOf(object) === key) as never,
      list: (namespace) => mine.filter((object) => namespace === undefined || object.metadata?.namespace === namespace) as never,
    };
  };
  return { of: of as Informers['of'], synced: async () => {}, release: () => {} };
}
