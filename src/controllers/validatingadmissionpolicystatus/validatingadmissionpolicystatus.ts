// The validating admission policy status controller: tells in a policy's status what CEL's type checker has to say of it.
import { customresourcedefinitions, hasReason, isConditionTrue, validatingadmissionpolicies } from '../../api/mod.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';

export async function runValidatingAdmissionPolicyStatus(context: ControllerContext): Promise<void> {
  const { client, informers, kinds } = context;
  const policies = informers.of(validatingadmissionpolicies);
  const definitions = informers.of(customresourcedefinitions);
  const controller = startController(context, {
    name: 'validatingadmissionpolicy-status-controller',
    caches: [cache(policies), cache(definitions)],
    reconcile: async (name, signal) => {
      const policy = policies.get(name);
      const { generation } = policy?.metadata ?? {};
      if (!policy || generation === undefined || (policy.status?.observedGeneration ?? 0) >= generation) return done;
      // Loaded with CEL when there is a policy to check.
      const { checkedKindsOf, policyTypeWarnings } = await import('../../api/admissionregistration/mod.ts');
      const established = definitions.list().filter(({ status }) => isConditionTrue(status?.conditions, 'Established'));
      const expressionWarnings = policyTypeWarnings(policy, [...kinds, ...established.flatMap(checkedKindsOf)]);
      const typeChecking = expressionWarnings.length > 0 ? { expressionWarnings } : {};
      try {
        const status = { ...policy.status, observedGeneration: generation, typeChecking };
        await client.updateStatus(validatingadmissionpolicies, { ...policy, status }, { signal });
      } catch (error) {
        if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
      }
      return done;
    },
  });
  controller.on(policies, ({ next }) => {
    if (next) controller.queue.add(cacheKeyOf(next));
  });
  await controller.stopped;
}
