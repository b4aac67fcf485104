// What may be set of each plugin, with upstream's defaults and limits.
// Source: https://kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1/
import {
  ConfigFields,
  type FieldError,
  invalidValue,
  required,
  type V1NodeAffinity,
  type V1TopologySpreadConstraint,
} from '../../api/mod.ts';
import { parseDurationMs } from '../../base/mod.ts';

export interface WeightedResource {
  readonly name: string;
  readonly weight: number;
}

/** `utilization` in percent; `score` from 0 to 10. */
export interface ShapePoint {
  readonly utilization: number;
  readonly score: number;
}

export const strategies = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'] as const;

export interface FitArgs {
  readonly ignoredResources: readonly string[];
  /** Domains: every resource `domain/...` is ignored. */
  readonly ignoredResourceGroups: readonly string[];
  readonly strategy: (typeof strategies)[number];
  readonly resources: readonly WeightedResource[];
  readonly shape: readonly ShapePoint[];
}

export interface PluginArgs {
  readonly NodeResourcesFit: FitArgs;
  readonly NodeResourcesBalancedAllocation: { readonly resources: readonly WeightedResource[] };
  /** Undefined: upstream's own constraints. */
  readonly PodTopologySpread: { readonly defaultConstraints: readonly V1TopologySpreadConstraint[] | undefined };
  readonly InterPodAffinity: { readonly hardPodAffinityWeight: number; readonly ignorePreferredTermsOfExistingPods: boolean };
  readonly NodeAffinity: { readonly addedAffinity: V1NodeAffinity | undefined };
  readonly DefaultPreemption: { readonly minCandidateNodesPercentage: number; readonly minCandidateNodesAbsolute: number };
  readonly VolumeBinding: { readonly bindTimeoutSeconds: number };
  readonly DynamicResources: { readonly bindingTimeoutMs: number };
}

const cpuAndMemory: readonly WeightedResource[] = [
  { name: 'cpu', weight: 1 },
  { name: 'memory', weight: 1 },
];

export const defaultArgs: PluginArgs = {
  NodeResourcesFit: { ignoredResources: [], ignoredResourceGroups: [], strategy: 'LeastAllocated', resources: cpuAndMemory, shape: [] },
  NodeResourcesBalancedAllocation: { resources: cpuAndMemory },
  PodTopologySpread: { defaultConstraints: undefined },
  InterPodAffinity: { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false },
  NodeAffinity: { addedAffinity: undefined },
  DefaultPreemption: { minCandidateNodesPercentage: 10, minCandidateNodesAbsolute: 100 },
  VolumeBinding: { bindTimeoutSeconds: 600 },
  DynamicResources: { bindingTimeoutMs: 600_000 },
};

const int32Max = 2 ** 31 - 1;

type Reader<T> = (fields: ConfigFields) => T;

const readers: { readonly [Name in keyof PluginArgs]: Reader<PluginArgs[Name]> } = {
  NodeResourcesFit: readFit,
  NodeResourcesBalancedAllocation: (fields) => ({ resources: readResources(fields, { min: 1, max: 1 }) }),
  PodTopologySpread: readSpread,
  InterPodAffinity: (fields) => ({
    hardPodAffinityWeight: fields.integer('hardPodAffinityWeight', { min: 0, max: 100, default: 1 }),
    ignorePreferredTermsOfExistingPods: fields.flag('ignorePreferredTermsOfExistingPods'),
  }),
  NodeAffinity: (fields) => ({ addedAffinity: readAffinity(fields) }),
  DefaultPreemption: readPreemption,
  DynamicResources: readDynamicResources,
  VolumeBinding: (fields) => {
    // What it would score by, the capacity of storage, is not known here: read, so that a wrong one is told.
    readShape(fields);
    return { bindTimeoutSeconds: fields.integer('bindTimeoutSeconds', { min: 0, max: int32Max, default: 600 }) };
  },
};

/** How long a search for devices may take is bounded by its steps here: `filterTimeout` is read, so that a wrong one is told. */
function readDynamicResources(fields: ConfigFields): PluginArgs['DynamicResources'] {
  readDuration(fields, 'filterTimeout', { minMs: 0, otherwiseMs: 10_000 });
  return { bindingTimeoutMs: readDuration(fields, 'bindingTimeout', { minMs: 1_000, otherwiseMs: 600_000 }) };
}

function readDuration(fields: ConfigFields, name: string, of: { readonly minMs: number; readonly otherwiseMs: number }): number {
  const text = fields.text(name);
  const ms = text === undefined ? of.otherwiseMs : parseDurationMs(text);
  if (ms !== undefined && ms >= of.minMs) return ms;
  fields.errors.push(invalidValue(fields.at(name), text, `must be a duration of at least ${of.minMs / 1000}s, such as "10s"`));
  return of.otherwiseMs;
}

const hasArgs = (name: string): name is keyof PluginArgs => Object.hasOwn(readers, name);

/** The `pluginConfig` of a profile over the defaults. */
export function readPluginArgs(profile: ConfigFields): PluginArgs {
  const args: { -readonly [Name in keyof PluginArgs]: PluginArgs[Name] } = { ...defaultArgs };
  const seen = new Set<string>();
  profile.list('pluginConfig', (value, path) => {
    const one = new ConfigFields(value, path, profile.errors);
    const name = one.requiredText('name');
    const fields = one.object('args');
    one.end();
    if (name === '') return;
    if (seen.has(name)) profile.errors.push(invalidValue(one.at('name'), name, 'repeated config for plugin'));
    seen.add(name);
    if (!hasArgs(name)) {
      profile.errors.push(invalidValue(one.at('name'), name, `takes no args; those that do are ${Object.keys(readers).join(', ')}`));
      return;
    }
    const kind = fields.text('kind');
    if (kind !== undefined && kind !== `${name}Args`) profile.errors.push(invalidValue(fields.at('kind'), kind, `must be ${name}Args`));
    fields.ignore('apiVersion');
    Object.assign(args, { [name]: readers[name](fields) });
    fields.end();
  });
  return args;
}

function readFit(fields: ConfigFields): FitArgs {
  const of = fields.object('scoringStrategy');
  const strategy = of.choice('type', strategies, 'LeastAllocated');
  const resources = readResources(of, { min: 1, max: 100 });
  const ratio = of.object('requestedToCapacityRatio');
  const shape = readShape(ratio);
  if (strategy === 'RequestedToCapacityRatio' && shape.length === 0)
    fields.errors.push(required(ratio.at('shape'), 'at least one point must be specified'));
  ratio.end();
  of.end();
  return {
    ignoredResources: fields.texts('ignoredResources'),
    ignoredResourceGroups: readGroups(fields),
    strategy,
    resources,
    shape,
  };
}

function readGroups(fields: ConfigFields): readonly string[] {
  const groups = fields.texts('ignoredResourceGroups');
  groups.forEach((group, i) => {
    if (group.includes('/'))
      fields.errors.push(invalidValue(`${fields.at('ignoredResourceGroups')}[${i}]`, group, "resource group name can't contain '/'"));
  });
  return groups;
}

function readResources(fields: ConfigFields, weights: { readonly min: number; readonly max: number }): readonly WeightedResource[] {
  const seen = new Set<string>();
  const resources = fields.list('resources', (value, path) => {
    const one = new ConfigFields(value, path, fields.errors);
    const name = one.requiredText('name');
    const weight = one.integer('weight', { ...weights, default: 1 });
    one.end();
    if (seen.has(name)) fields.errors.push(invalidValue(one.at('name'), name, 'is there twice'));
    seen.add(name);
    return { name, weight };
  });
  return resources.length > 0 ? resources : cpuAndMemory;
}

function readShape(fields: ConfigFields): readonly ShapePoint[] {
  const shape = fields.list('shape', (value, path) => {
    const one = new ConfigFields(value, path, fields.errors);
    const point = {
      utilization: one.integer('utilization', { min: 0, max: 100, default: 0 }),
      score: one.integer('score', { min: 0, max: 10, default: 0 }),
    };
    one.end();
    return point;
  });
  shape.forEach(({ utilization }, i) => {
    const before = shape[i - 1];
    if (before && utilization <= before.utilization)
      fields.errors.push(
        invalidValue(`${fields.at('shape')}[${i}].utilization`, utilization, 'utilization values must be sorted in increasing order'),
      );
  });
  return shape;
}

function readSpread(fields: ConfigFields): PluginArgs['PodTopologySpread'] {
  const type = fields.choice('defaultingType', ['System', 'List'], 'System');
  const constraints = fields.list('defaultConstraints', (value, path) => readConstraint(value, path, fields.errors));
  if (type === 'List') return { defaultConstraints: constraints };
  if (constraints.length > 0) {
    const detail = 'when .defaultingType is System, must be empty';
    fields.errors.push(invalidValue(fields.at('defaultConstraints'), fields.raw('defaultConstraints'), detail));
  }
  return { defaultConstraints: undefined };
}

function readConstraint(value: unknown, path: string, errors: FieldError[]): V1TopologySpreadConstraint {
  const one = new ConfigFields(value, path, errors);
  const constraint = {
    maxSkew: one.integer('maxSkew', { min: 1, max: int32Max, default: 1 }),
    topologyKey: one.requiredText('topologyKey'),
    whenUnsatisfiable: one.choice('whenUnsatisfiable', ['DoNotSchedule', 'ScheduleAnyway'], 'ScheduleAnyway'),
  };
  if (!one.has('maxSkew')) errors.push(required(one.at('maxSkew')));
  if (!one.has('whenUnsatisfiable')) errors.push(required(one.at('whenUnsatisfiable')));
  if (one.has('labelSelector')) {
    const detail = 'constraint must not define a selector, as they deduced for each pod';
    errors.push(invalidValue(one.at('labelSelector'), one.raw('labelSelector'), detail));
  }
  one.end();
  return constraint;
}

function readAffinity(fields: ConfigFields): V1NodeAffinity | undefined {
  if (!fields.has('addedAffinity')) return undefined;
  const affinity = fields.object('addedAffinity');
  const requiredTerms = affinity.object('requiredDuringSchedulingIgnoredDuringExecution');
  if (affinity.has('requiredDuringSchedulingIgnoredDuringExecution')) {
    if (requiredTerms.list('nodeSelectorTerms', (term) => term).length === 0)
      fields.errors.push(required(requiredTerms.at('nodeSelectorTerms')));
    requiredTerms.end();
  }
  affinity.list('preferredDuringSchedulingIgnoredDuringExecution', (value, path) => {
    const one = new ConfigFields(value, path, fields.errors);
    one.integer('weight', { min: 1, max: 100, default: 1 });
    if (!one.has('preference')) fields.errors.push(required(one.at('preference')));
    one.end();
  });
  affinity.end();
  return fields.raw('addedAffinity') as V1NodeAffinity;
}

function readPreemption(fields: ConfigFields): PluginArgs['DefaultPreemption'] {
  const minCandidateNodesPercentage = fields.integer('minCandidateNodesPercentage', { min: 0, max: 100, default: 10 });
  const minCandidateNodesAbsolute = fields.integer('minCandidateNodesAbsolute', { min: 0, max: int32Max, default: 100 });
  if (minCandidateNodesPercentage === 0 && minCandidateNodesAbsolute === 0) {
    const detail = 'cannot be zero at the same time as minCandidateNodesAbsolute';
    fields.errors.push(invalidValue(fields.at('minCandidateNodesPercentage'), 0, detail));
  }
  return { minCandidateNodesPercentage, minCandidateNodesAbsolute };
}
