// Approves nodes' requests for the certificates of their kubelets' ports: each for its own name and addresses, nothing else.
// Elsewhere somebody has to look at them: the right to approve is given to the account only where machines may join.
import { hasReason, nodes as nodeType, type V1CertificateSigningRequest } from '../../api/mod.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { condition, isDecided, isOwnServing, nodeOfUser, signers } from './plan.ts';
import { namesIn, requestType } from './ports.ts';

/** A node may tell its addresses later; rights may come later, too. */
const lookAgainMs = 5_000;

const isCandidate = (request: V1CertificateSigningRequest): boolean =>
  request.spec.signerName === signers.kubeletServing &&
  nodeOfUser(request.spec.username) !== undefined &&
  !isDecided(request) &&
  !request.status?.certificate;

export async function runServingApproving(context: ControllerContext): Promise<void> {
  const { client, clock, informers } = context;
  const requests = informers.of(requestType);
  const nodes = informers.of(nodeType);
  const controller = startController(context, {
    name: 'kubelet-serving-approving-controller',
    workers: 1,
    caches: [cache(requests), cache(nodes)],
    reconcile: async (key, signal) => {
      const request = requests.get(key);
      if (!request || !isCandidate(request)) return done;
      const addresses = nodes.get(nodeOfUser(request.spec.username) ?? '')?.status?.addresses ?? [];
      if (!isOwnServing(request, await namesIn(request), addresses)) return againAfter(lookAgainMs);
      const message = 'Auto approving kubelet serving certificate for the addresses of its own node.';
      const conditions = [...(request.status?.conditions ?? []), condition('Approved', 'AutoApproved', message, clock.nowMs())];
      try {
        await client.update(requestType, { ...request, status: { ...request.status, conditions } }, { subresource: 'approval', signal });
      } catch (error) {
        if (!hasReason(error, 'Forbidden')) throw error;
        return againAfter(lookAgainMs);
      }
      return done;
    },
  });
  controller.on(requests, ({ next }) => {
    if (next && isCandidate(next)) controller.queue.add(cacheKeyOf(next));
  });
  await controller.stopped;
}
