// NodeMetrics and PodMetrics: what nodes and pods use at the moment. Nothing is stored; each read asks the nodes.
// Source: https://github.com/kubernetes/metrics/blob/master/pkg/apis/metrics/v1beta1/types.go; names and columns as metrics-server serves them.
import type { CustomShape, KindDefinition } from '../kind.ts';
import { nameColumn } from '../meta/columns.ts';
import type { KubeObject, Persisted } from '../meta/object.ts';
import { addQuantities, canonicalQuantity, formatQuantity, parseQuantity, quantityOf } from '../meta/quantity.ts';
import { formatTime } from '../meta/time.ts';
import type { PodUsage, UsageFigures } from './node-usage.ts';

/** Quantities by resource: `cpu` and `memory`. */
export type ResourceUsage = Readonly<Record<string, string>>;

export interface NodeMetrics extends KubeObject {
  readonly timestamp: string;
  /** A Go duration: `15s`. */
  readonly window: string;
  readonly usage: ResourceUsage;
}

export interface PodMetrics extends KubeObject {
  readonly timestamp: string;
  readonly window: string;
  readonly containers: readonly { readonly name: string; readonly usage: ResourceUsage }[];
}

const apiVersion = 'metrics.k8s.io/v1beta1';
/** For measurements that do not say: the period of upstream's housekeeping. */
const windowDefaultMs = 10_000;

const windowOf = (figures: readonly UsageFigures[]): string =>
  `${Math.max(...figures.map(({ windowMs = windowDefaultMs }) => windowMs)) / 1000}s`;

const usageOf = ({ nanoCores = 0, workingSetBytes }: UsageFigures): ResourceUsage => ({
  cpu: canonicalQuantity(`${nanoCores}n`),
  memory: formatQuantity(quantityOf(workingSetBytes, 'BinarySI')),
});

/** The name and labels are the object's own, the creation is now. */
const metadataOf = ({ metadata }: Persisted<KubeObject>, nowMs: number) => ({
  name: metadata.name,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  creationTimestamp: formatTime(nowMs),
  ...(metadata.labels ? { labels: metadata.labels } : {}),
});

/** Undefined while the node's speed is not known. */
export function nodeMetricsOf(node: Persisted<KubeObject>, usage: UsageFigures, nowMs: number): NodeMetrics | undefined {
  if (usage.nanoCores === undefined) return undefined;
  return {
    ...{ kind: 'NodeMetrics', apiVersion, metadata: metadataOf(node, nowMs) },
    ...{ timestamp: formatTime(usage.atMs), window: windowOf([usage]), usage: usageOf(usage) },
  };
}

/** Undefined while not all of its containers are known: a part of a pod would look like a pod that uses little. */
export function podMetricsOf(pod: Persisted<KubeObject>, { containers }: PodUsage, nowMs: number): PodMetrics | undefined {
  const figures = containers.map(({ usage }) => usage);
  if (figures.length === 0 || figures.some(({ nanoCores }) => nanoCores === undefined)) return undefined;
  return {
    ...{ kind: 'PodMetrics', apiVersion, metadata: metadataOf(pod, nowMs) },
    timestamp: formatTime(Math.max(...figures.map(({ atMs }) => atMs))),
    window: windowOf(figures),
    containers: [...containers].sort((a, b) => (a.name < b.name ? -1 : 1)).map(({ name, usage }) => ({ name, usage: usageOf(usage) })),
  };
}

const sum = (texts: readonly (string | undefined)[]): string =>
  formatQuantity(texts.map((text) => parseQuantity(text ?? '0')).reduce((a, b) => addQuantities(a, b)));

const shared = {
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  verbs: ['get', 'list'],
  hasGeneration: false,
  virtual: true,
} as const;

const timeSchema = { type: 'string', format: 'date-time' };
const usageSchema = {
  description: 'The use of each resource: cpu and memory.',
  type: 'object',
  additionalProperties: { 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] },
};
const takenSchemas = {
  timestamp: { ...timeSchema, description: 'The end of the window in which the use was measured.' },
  window: { type: 'string', description: 'For how long it was measured: the use is the average of that time.' },
};

/** What OpenAPI says of a kind of which no client library has the types. */
const shapeOf = (kind: string, description: string, properties: Readonly<Record<string, object>>): CustomShape => ({
  groupVersionKind: { group: shared.group, version: shared.version, kind },
  goName: kind,
  listKind: `${kind}List`,
  schema: { type: 'object', description, properties: { ...takenSchemas, ...properties } } as CustomShape['schema'],
  fields: undefined,
  conform: (value) => ({ value, unknownFields: [] }),
});

export const nodemetrics: KindDefinition<NodeMetrics> = {
  ...shared,
  kind: 'NodeMetrics',
  resource: 'nodes',
  singular: '',
  namespaced: false,
  schema: '',
  custom: shapeOf('NodeMetrics', 'What a node uses.', { usage: usageSchema }),
  columns: [
    nameColumn,
    { name: 'cpu', type: 'string', format: 'quantity', cell: ({ usage }) => usage.cpu ?? '' },
    { name: 'memory', type: 'string', format: 'quantity', cell: ({ usage }) => usage.memory ?? '' },
    { name: 'Window', type: 'string', format: 'duration', cell: ({ window }) => window },
  ],
};

export const podmetrics: KindDefinition<PodMetrics> = {
  ...shared,
  kind: 'PodMetrics',
  resource: 'pods',
  singular: '',
  namespaced: true,
  schema: '',
  custom: shapeOf('PodMetrics', 'What the containers of a pod use.', {
    containers: { type: 'array', items: { type: 'object', properties: { name: { type: 'string' }, usage: usageSchema } } },
  }),
  columns: [
    nameColumn,
    { name: 'cpu', type: 'string', format: 'quantity', cell: ({ containers }) => sum(containers.map(({ usage }) => usage.cpu)) },
    { name: 'memory', type: 'string', format: 'quantity', cell: ({ containers }) => sum(containers.map(({ usage }) => usage.memory)) },
    { name: 'Window', type: 'string', format: 'duration', cell: ({ window }) => window },
  ],
};
