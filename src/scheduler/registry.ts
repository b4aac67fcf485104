// Which plugins there are, in the order and with the weights of upstream's default profile.
import { namespaces, poddisruptionbudgets } from '../api/mod.ts';
import type { Clock } from '../base/mod.ts';
import type { Client, Informers } from '../client/mod.ts';
import { createDefaultSelector } from './default-selector.ts';
import type { Profile } from './framework.ts';
import { defaultBinder } from './plugins/default-binder.ts';
import { defaultPreemption } from './plugins/default-preemption.ts';
import { imageLocality } from './plugins/image-locality.ts';
import { interPodAffinity } from './plugins/inter-pod-affinity.ts';
import { nodeAffinity } from './plugins/node-affinity.ts';
import { nodeName } from './plugins/node-name.ts';
import { nodePorts } from './plugins/node-ports.ts';
import { nodeResourcesBalancedAllocation } from './plugins/node-resources-balanced.ts';
import { nodeResourcesFit } from './plugins/node-resources-fit.ts';
import { nodeUnschedulable } from './plugins/node-unschedulable.ts';
import { podTopologySpread } from './plugins/pod-topology-spread.ts';
import { schedulingGates } from './plugins/scheduling-gates.ts';
import { taintToleration } from './plugins/taint-toleration.ts';
import { volumeBinding } from './plugins/volume-binding.ts';
import { nodeVolumeLimits } from './plugins/volume-limits.ts';
import { volumeRestrictions } from './plugins/volume-restrictions.ts';
import { volumeZone } from './plugins/volume-zone.ts';
import { volumeCaches } from './volumes.ts';

export const defaultSchedulerName = 'default-scheduler';

export interface ProfileOptions {
  readonly client: Client;
  readonly informers: Informers;
  readonly clock: Clock;
}

/** A new scheduler plugin is one file in `plugins/` and one line here. */
export function defaultProfile({ client, informers, clock }: ProfileOptions): Profile {
  const namespaceCache = informers.of(namespaces);
  const budgets = informers.of(poddisruptionbudgets);
  const volumes = volumeCaches(informers);
  return {
    schedulerName: defaultSchedulerName,
    plugins: [
      { plugin: schedulingGates, weight: 0 },
      { plugin: nodeUnschedulable, weight: 0 },
      { plugin: nodeName, weight: 0 },
      { plugin: taintToleration, weight: 3 },
      { plugin: nodeAffinity, weight: 2 },
      { plugin: nodePorts, weight: 0 },
      { plugin: nodeResourcesFit, weight: 1 },
      { plugin: volumeRestrictions(volumes), weight: 0 },
      { plugin: nodeVolumeLimits(volumes), weight: 0 },
      { plugin: volumeBinding({ caches: volumes, client, clock }), weight: 0 },
      { plugin: volumeZone(volumes), weight: 0 },
      { plugin: podTopologySpread(createDefaultSelector(informers)), weight: 2 },
      { plugin: interPodAffinity((name) => namespaceCache.get(name)?.metadata.labels), weight: 2 },
      { plugin: nodeResourcesBalancedAllocation, weight: 1 },
      { plugin: imageLocality, weight: 1 },
      { plugin: defaultPreemption(() => budgets.list()), weight: 0 },
      { plugin: defaultBinder(client), weight: 0 },
    ],
  };
}
