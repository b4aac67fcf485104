// DefaultPreemption: pods of lower priority make room for a more important one.
import type { V1PodDisruptionBudget } from '../../api/mod.ts';
import { defaultArgs, type PluginArgs } from '../config/plugin-args.ts';
import type { Plugin } from '../framework.ts';
import { findPreemption } from '../preemption.ts';

export const defaultPreemption = (
  budgets: () => readonly V1PodDisruptionBudget[],
  args: PluginArgs['DefaultPreemption'] = defaultArgs.DefaultPreemption,
): Plugin => ({
  name: 'DefaultPreemption',
  postFilter: (pod, request) => findPreemption(pod, { ...request, args, budgets: budgets() }),
});
