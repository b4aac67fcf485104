// The disruption controller: keeps each PodDisruptionBudget's status true, by which evictions are allowed or refused.
import {
  compileLabelSelector,
  controllerOf,
  deployments,
  equal,
  formatTime,
  type KubeObject,
  type Persisted,
  poddisruptionbudgets,
  replicasets,
  replicationcontrollers,
  statefulsets,
  type V1Pod,
  type V1PodDisruptionBudget,
} from '../../api/mod.ts';
import { cacheKeyOf, type Informer, referenceTo } from '../../client/mod.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { podType } from '../runtime/resource-types.ts';
import { planBudget } from './plan.ts';

export async function runDisruptionController(context: ControllerContext): Promise<void> {
  const { client, clock, informers } = context;
  const budgets = informers.of(poddisruptionbudgets);
  const pods = informers.of(podType);
  const scales = createScales(context);
  const controller = startController(context, {
    name: 'disruption-controller',
    component: 'controllermanager',
    caches: [cache(budgets), cache(pods), ...scales.caches],
    reconcile: async (key, signal) => {
      const budget = budgets.get(key);
      if (!budget) return done;
      const matched = matching(budget, pods);
      if (matched.length === 0)
        controller.events.record(referenceTo(poddisruptionbudgets, budget), 'Normal', 'NoPods', 'No matching pods found');
      const nowMs = clock.nowMs();
      const plan = planBudget({ budget, pods: matched, expectedScale: scales.of(matched), nowMs, nowTime: formatTime(nowMs) });
      if (!plan) return done;
      if (!equal(plan.status, budget.status))
        await client.updateStatus(poddisruptionbudgets, { ...budget, status: plan.status }, { signal });
      return plan.againMs === undefined ? done : againAfter(plan.againMs);
    },
  });
  const wakeFor = (pod: Persisted<V1Pod>) => {
    for (const budget of budgets.list(pod.metadata.namespace)) if (selects(budget, pod)) controller.queue.add(cacheKeyOf(budget));
  };
  controller.on(budgets, ({ next }) => {
    if (next) controller.queue.add(cacheKeyOf(next));
  });
  controller.on(pods, ({ old, next }) => {
    if (old) wakeFor(old);
    if (next) wakeFor(next);
  });
  scales.onChange((namespace) => {
    for (const budget of budgets.list(namespace)) controller.queue.add(cacheKeyOf(budget));
  }, controller.on);
  await controller.stopped;
}

const selects = (budget: V1PodDisruptionBudget, pod: V1Pod): boolean => compileLabelSelector(budget.spec?.selector)(pod.metadata?.labels);

const matching = (budget: Persisted<V1PodDisruptionBudget>, pods: Informer<V1Pod>): readonly Persisted<V1Pod>[] => {
  const matches = compileLabelSelector(budget.spec?.selector);
  return pods
    .list(budget.metadata.namespace)
    .filter((pod) => matches(pod.metadata.labels) && pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed');
};

type Workload = KubeObject & { readonly spec?: { readonly replicas?: number | undefined } | undefined };

interface Scales {
  readonly caches: readonly Informer<never>[];
  /** The sum over the controllers of these pods; undefined when one of them is not known. */
  of(pods: readonly V1Pod[]): number | undefined;
  onChange(
    changed: (namespace: string) => void,
    on: <T extends KubeObject>(informer: Informer<T>, handler: (change: { old: T | undefined; next: T | undefined }) => void) => void,
  ): void;
}

/** How many pods a workload wants: for a ReplicaSet of a Deployment, what the Deployment wants. */
function createScales({ informers }: ControllerContext): Scales {
  const byKind: Readonly<Record<string, Informer<Workload>>> = {
    Deployment: informers.of(deployments) as unknown as Informer<Workload>,
    ReplicaSet: informers.of(replicasets) as unknown as Informer<Workload>,
    StatefulSet: informers.of(statefulsets) as unknown as Informer<Workload>,
    ReplicationController: informers.of(replicationcontrollers) as unknown as Informer<Workload>,
  };
  const find = (namespace: string, object: KubeObject): Workload | undefined => {
    const owner = controllerOf(object);
    const workload = owner && byKind[owner.kind]?.get(`${namespace}/${owner.name}`);
    return workload?.metadata.uid === owner?.uid ? workload : undefined;
  };
  return {
    caches: Object.values(byKind).map((informer) => cache(informer)),
    of(pods) {
      const wanted = new Map<string, number>();
      for (const pod of pods) {
        if (!controllerOf(pod)) continue;
        const namespace = pod.metadata?.namespace ?? '';
        const direct = find(namespace, pod);
        if (!direct) return undefined;
        const top = find(namespace, direct) ?? direct;
        wanted.set(top.metadata?.uid ?? '', top.spec?.replicas ?? 1);
      }
      return [...wanted.values()].reduce((sum, replicas) => sum + replicas, 0);
    },
    onChange(changed, on) {
      for (const informer of Object.values(byKind)) {
        on(informer, ({ old, next }) => {
          if (old?.spec?.replicas !== next?.spec?.replicas) changed((next ?? old)?.metadata?.namespace ?? '');
        });
      }
    },
  };
}
