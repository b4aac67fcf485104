// The cluster role aggregation controller: roles that gather the rules of others have them.
import { clusterroles as clusterRoleType, hasReason, sameMeaning } from '../../api/mod.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { aggregatedRules } from './plan.ts';

/** It may give roles more than it has itself: its client's user must be allowed to `escalate`. */
export const aggregationAccount = 'clusterrole-aggregation-controller';

/** The index of the roles that gather others' rules. */
const gathering = 'gathering';

export async function runClusterRoleAggregation(context: ControllerContext): Promise<void> {
  const { client, informers } = context;
  const roles = informers.of(clusterRoleType);
  roles.addIndex(gathering, (role) => (role.aggregationRule ? [gathering] : []));
  const controller = startController(context, {
    name: aggregationAccount,
    caches: [cache(roles)],
    reconcile: async (name, signal) => {
      const role = roles.get(name);
      const rules = role && aggregatedRules(role, [...roles.list()]);
      if (!rules || sameMeaning(rules, role.rules ?? [])) return done;
      const wanted = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules };
      const query = { fieldManager: aggregationAccount, force: 'true' };
      try {
        await client.patch(clusterRoleType, { name }, 'application/apply-patch+yaml', wanted, { signal, query });
      } catch (error) {
        if (!hasReason(error, 'NotFound')) throw error;
      }
      return done;
    },
  });
  // Any role may begin or cease to be a part of any that gathers; there are few of those.
  controller.on(roles, () => {
    for (const role of roles.byIndex(gathering, gathering)) controller.queue.add(cacheKeyOf(role));
  });
  await controller.stopped;
}
