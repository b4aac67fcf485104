// Which plugins a profile runs at which point, and how much their scores weigh: multiPoint first, then what each point says itself.
// Source: https://kubernetes.io/docs/reference/scheduling/config/#multipoint
import { type FieldError, invalidValue, required } from '../../api/mod.ts';
import type { EnabledPlugin, Plugin, PluginChain, PluginPoint, PointOrder } from '../framework.ts';
import {
  type ExtensionPoint,
  extensionPoints,
  type PluginRef,
  type PluginSet,
  type ProfileConfiguration,
  SchedulerConfigurationError,
} from './configuration.ts';

/** The order of the queue is no plugin of ours: it is always this one. */
const prioritySort = 'PrioritySort';
const nothing: PluginSet = { enabled: [], disabled: [] };

/** What belongs to a point beside the member of its name. */
const membersOf: Readonly<Partial<Record<ExtensionPoint, readonly (keyof Plugin)[]>>> = {
  score: ['score', 'normalize'],
  reserve: ['reserve', 'unreserve'],
  preBind: ['preBind', 'waitsLong'],
  queueSort: [],
};
/** What a point relies on where a plugin has both. */
const reliesOn: readonly (readonly [ExtensionPoint, ExtensionPoint])[] = [
  ['filter', 'preFilter'],
  ['score', 'preScore'],
  ['preBind', 'reserve'],
];

const membersAt = (point: ExtensionPoint): readonly (keyof Plugin)[] => membersOf[point] ?? [point as keyof Plugin];
const takesPart = (plugin: Plugin, point: ExtensionPoint): boolean => membersAt(point).some((member) => plugin[member] !== undefined);
const isDisabled = ({ disabled }: PluginSet, name: string): boolean => disabled.includes('*') || disabled.includes(name);

/** Throws {@link SchedulerConfigurationError}. */
export function enabledPlugins(profile: ProfileConfiguration, offered: readonly EnabledPlugin[]): PluginChain {
  const errors: FieldError[] = [];
  checkNames(profile, offered, errors);
  const { multiPoint = nothing } = profile.plugins;
  const multi = mergeWithDefaults(multiPoint, offered);
  const active = new Map(extensionPoints.map((point) => [point, refsAt(profile, point, multi)] as const));
  const enabled: EnabledPlugin[] = [];
  for (const { plugin } of inOrder(multi, offered)) {
    const points = extensionPoints.filter((point) => takesPart(plugin, point) && active.get(point)?.has(plugin.name));
    if (points.length === 0) continue;
    for (const [point, needed] of reliesOn) {
      if (points.includes(point) && takesPart(plugin, needed) && !points.includes(needed)) {
        const detail = `the ${point} of ${plugin.name} is enabled and needs it`;
        errors.push(invalidValue(`${profile.path}.plugins.${needed}.disabled`, plugin.name, detail));
      }
    }
    // A score that is enabled without a weight counts once.
    enabled.push({ plugin: atPoints(plugin, points), weight: points.includes('score') ? active.get('score')?.get(plugin.name) || 1 : 0 });
  }
  if (!enabled.some(({ plugin }) => plugin.bind))
    errors.push(required(`${profile.path}.plugins.bind`, 'at least one bind plugin is needed'));
  if (errors.length > 0) throw new SchedulerConfigurationError(errors);
  return { plugins: enabled, order: orderOf(profile, multi, enabled) };
}

/**
 * At each point: what the point itself names of multiPoint's comes first, in the point's order; then the rest of multiPoint; then
 * what the point adds. Points at which that is the order of the whole are left out.
 */
function orderOf(profile: ProfileConfiguration, multi: readonly PluginRef[], enabled: readonly EnabledPlugin[]): PointOrder {
  const order: Partial<Record<PluginPoint, readonly EnabledPlugin[]>> = {};
  const ofMulti = new Set(multi.map(({ name }) => name));
  for (const point of extensionPoints) {
    const named = (profile.plugins[point]?.enabled ?? []).map(({ name }) => name);
    if (point === 'queueSort' || named.length === 0) continue;
    const first = named.filter((name) => ofMulti.has(name));
    const rest = multi.map(({ name }) => name).filter((name) => !first.includes(name));
    const names = [...first, ...rest, ...named.filter((name) => !ofMulti.has(name))];
    order[point] = names.flatMap((name) => enabled.find(({ plugin }) => plugin.name === name && takesPart(plugin, point)) ?? []);
  }
  return order;
}

/** The default plugins but for those that are disabled; those that are enabled again have the weight that is given there. */
function mergeWithDefaults(set: PluginSet, offered: readonly EnabledPlugin[]): readonly PluginRef[] {
  const given = new Map(set.enabled.map((ref) => [ref.name, ref]));
  const kept = offered.filter(({ plugin }) => !isDisabled(set, plugin.name));
  const named = new Set(kept.map(({ plugin }) => plugin.name));
  return [
    ...kept.map(({ plugin: { name }, weight }) => given.get(name) ?? { name, weight }),
    ...set.enabled.filter(({ name }) => !named.has(name)),
  ];
}

/** By name, with the weight that the point or multiPoint gives; 0 for none. */
function refsAt(profile: ProfileConfiguration, point: ExtensionPoint, multi: readonly PluginRef[]): ReadonlyMap<string, number> {
  const set = profile.plugins[point] ?? nothing;
  const refs = multi.filter(({ name }) => !isDisabled(set, name)).map(({ name, weight }) => [name, weight] as const);
  return new Map([...refs, ...set.enabled.map(({ name, weight }) => [name, weight] as const)]);
}

/** Those of multiPoint in its order, then what single points add. */
function inOrder(multi: readonly PluginRef[], offered: readonly EnabledPlugin[]): readonly EnabledPlugin[] {
  const names = multi.map(({ name }) => name);
  const named = names.flatMap((name) => offered.find(({ plugin }) => plugin.name === name) ?? []);
  return [...named, ...offered.filter(({ plugin }) => !names.includes(plugin.name))];
}

/** The plugin without the points at which it does not run. */
function atPoints(plugin: Plugin, points: readonly ExtensionPoint[]): Plugin {
  const left = extensionPoints.filter((point) => !points.includes(point) && takesPart(plugin, point)).flatMap(membersAt);
  if (left.length === 0) return plugin;
  return Object.fromEntries(Object.entries(plugin).filter(([member]) => !left.includes(member as keyof Plugin))) as unknown as Plugin;
}

function checkNames(profile: ProfileConfiguration, offered: readonly EnabledPlugin[], errors: FieldError[]): void {
  const known = new Map(offered.map(({ plugin }) => [plugin.name, plugin]));
  for (const point of [...extensionPoints, 'multiPoint'] as const) {
    const set = profile.plugins[point] ?? nothing;
    const at = `${profile.path}.plugins.${point}`;
    set.enabled.forEach(({ name }, i) => {
      const path = `${at}.enabled[${i}].name`;
      if (set.enabled.findIndex((one) => one.name === name) < i) errors.push(invalidValue(path, name, 'is enabled twice'));
      if (name === prioritySort && (point === 'queueSort' || point === 'multiPoint')) return;
      const plugin = known.get(name);
      if (!plugin) errors.push(invalidValue(path, name, `no such plugin; there are ${[...known.keys(), prioritySort].join(', ')}`));
      else if (point !== 'multiPoint' && !takesPart(plugin, point)) errors.push(invalidValue(path, name, `takes no part in ${point}`));
    });
    set.disabled.forEach((name, i) => {
      if (name !== '*' && name !== prioritySort && !known.has(name))
        errors.push(invalidValue(`${at}.disabled[${i}].name`, name, 'no such plugin'));
    });
  }
}
