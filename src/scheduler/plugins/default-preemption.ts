// DefaultPreemption: pods of lower priority make room for a more important one.
import type { V1PodDisruptionBudget } from '../../api/mod.ts';
import type { Plugin } from '../framework.ts';
import { findPreemption } from '../preemption.ts';

export const defaultPreemption = (budgets: () => readonly V1PodDisruptionBudget[]): Plugin => ({
  name: 'DefaultPreemption',
  postFilter: (pod, request) => findPreemption(pod, { ...request, budgets: budgets() }),
});
