// Which plugins there are, in the order and with the weights of upstream's default profile; profiles are made of them.
import { namespaces, poddisruptionbudgets } from '../api/mod.ts';
import type { Clock, Random } from '../base/mod.ts';
import type { Client, Informers } from '../client/mod.ts';
import { defaultConfiguration, parseSchedulerConfiguration, type SchedulerConfiguration } from './config/configuration.ts';
import type { PluginArgs } from './config/plugin-args.ts';
import { enabledPlugins } from './config/profile-plugins.ts';
import { createDefaultSelector } from './default-selector.ts';
import { ClaimBook } from './dra/claim-book.ts';
import type { EnabledPlugin, Profile } from './framework.ts';
import { defaultBinder } from './plugins/default-binder.ts';
import { defaultPreemption } from './plugins/default-preemption.ts';
import { dynamicResources } from './plugins/dynamic-resources.ts';
import { imageLocality } from './plugins/image-locality.ts';
import { interPodAffinity } from './plugins/inter-pod-affinity.ts';
import { createNodeAffinity } from './plugins/node-affinity.ts';
import { nodeName } from './plugins/node-name.ts';
import { nodePorts } from './plugins/node-ports.ts';
import { createNodeResourcesBalancedAllocation } from './plugins/node-resources-balanced.ts';
import { createNodeResourcesFit } from './plugins/node-resources-fit.ts';
import { nodeUnschedulable } from './plugins/node-unschedulable.ts';
import { podTopologySpread } from './plugins/pod-topology-spread.ts';
import { schedulingGates } from './plugins/scheduling-gates.ts';
import { taintToleration } from './plugins/taint-toleration.ts';
import { createPromised, volumeBinding } from './plugins/volume-binding.ts';
import { nodeVolumeLimits } from './plugins/volume-limits.ts';
import { volumeRestrictions } from './plugins/volume-restrictions.ts';
import { volumeZone } from './plugins/volume-zone.ts';
import { volumeCaches } from './volumes.ts';

export interface ProfileOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
  readonly random: Random;
}

/** A new scheduler plugin is one file in `plugins/` and one line here. Gives what makes the plugins of one profile by its arguments. */
function createPlugins({ client, informers, clock, random }: ProfileOptions): (args: PluginArgs) => readonly EnabledPlugin[] {
  const namespaceCache = informers.of(namespaces);
  const budgets = informers.of(poddisruptionbudgets);
  const volumes = volumeCaches(informers);
  const defaultSelector = createDefaultSelector(informers);
  const promised = createPromised();
  const claimBook = new ClaimBook({ client, informers, random, clock });
  return (args) => [
    { plugin: schedulingGates, weight: 0 },
    { plugin: nodeUnschedulable, weight: 0 },
    { plugin: nodeName, weight: 0 },
    { plugin: taintToleration, weight: 3 },
    { plugin: createNodeAffinity(args.NodeAffinity), weight: 2 },
    { plugin: nodePorts, weight: 0 },
    { plugin: createNodeResourcesFit(args.NodeResourcesFit), weight: 1 },
    { plugin: volumeRestrictions(volumes), weight: 0 },
    { plugin: nodeVolumeLimits(volumes), weight: 0 },
    { plugin: volumeBinding({ caches: volumes, client, clock, promised, ...args.VolumeBinding }), weight: 0 },
    { plugin: volumeZone(volumes), weight: 0 },
    {
      plugin: dynamicResources({ book: claimBook, nodeOf: (name) => volumes.nodes.get(name), clock, args: args.DynamicResources }),
      weight: 0,
    },
    { plugin: podTopologySpread(defaultSelector, args.PodTopologySpread), weight: 2 },
    { plugin: interPodAffinity((name) => namespaceCache.get(name)?.metadata.labels, args.InterPodAffinity), weight: 2 },
    { plugin: createNodeResourcesBalancedAllocation(args.NodeResourcesBalancedAllocation), weight: 1 },
    { plugin: imageLocality, weight: 1 },
    { plugin: defaultPreemption(() => budgets.list(), args.DefaultPreemption), weight: 0 },
    { plugin: defaultBinder(client), weight: 0 },
  ];
}

/** Throws SchedulerConfigurationError when a profile names a plugin that is not there, or leaves out one that it needs. */
export function createProfiles(options: ProfileOptions, configuration: SchedulerConfiguration = defaultConfiguration): readonly Profile[] {
  const pluginsOf = createPlugins(options);
  return configuration.profiles.map((profile) => ({
    schedulerName: profile.schedulerName,
    percentageOfNodesToScore: profile.percentageOfNodesToScore ?? configuration.percentageOfNodesToScore,
    ...enabledPlugins(profile, pluginsOf(profile.args)),
  }));
}

/** What plugins are made of when only their names and points matter: none of them is run. */
const inert = { client: {}, clock: {}, informers: { of: () => ({}) } } as unknown as ProfileOptions;

/** Reads a decoded KubeSchedulerConfiguration. Throws SchedulerConfigurationError: each error names the field, its value, and what is wanted. */
export function readSchedulerConfiguration(value: unknown): SchedulerConfiguration {
  const configuration = parseSchedulerConfiguration(value);
  createProfiles(inert, configuration);
  return configuration;
}
