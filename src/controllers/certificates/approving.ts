// Approves kubelets' requests for client certificates by themselves, where the asker may have them: a node for itself
// (`selfnodeclient`), or a machine that joins (`nodeclient`). All others wait for `kubectl certificate approve`.
import { subjectaccessreviews as accessReviewType, type V1CertificateSigningRequest } from '../../api/mod.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { autoApprovals, condition, isDecided, signers } from './plan.ts';
import { namesIn, requestType } from './ports.ts';

/** Rights may be given later: who has asked in vain is asked about again. */
const lookAgainMs = 60_000;

const isCandidate = (request: V1CertificateSigningRequest): boolean =>
  request.spec.signerName === signers.kubeletClient && !isDecided(request) && !request.status?.certificate;

export async function runCertificateApproving(context: ControllerContext): Promise<void> {
  const { client, clock, informers } = context;
  const requests = informers.of(requestType);
  const mayHave = async ({ spec }: V1CertificateSigningRequest, subresource: string, signal: AbortSignal): Promise<boolean> => {
    const { username: user, uid, groups, extra } = spec;
    const resourceAttributes = { group: requestType.group, resource: requestType.resource, version: '*', verb: 'create', subresource };
    const review = await client.create(
      accessReviewType,
      { spec: { ...(user && { user }), ...(uid && { uid }), ...(groups && { groups }), ...(extra && { extra }), resourceAttributes } },
      { signal },
    );
    return review.status?.allowed === true;
  };
  const controller = startController(context, {
    name: 'certificatesigningrequest-approving-controller',
    caches: [cache(requests)],
    reconcile: async (key, signal) => {
      const request = requests.get(key);
      if (!request || !isCandidate(request)) return done;
      const approvals = autoApprovals(request, await namesIn(request));
      for (const { subresource, message } of approvals) {
        if (!(await mayHave(request, subresource, signal))) continue;
        const conditions = [...(request.status?.conditions ?? []), condition('Approved', 'AutoApproved', message, clock.nowMs())];
        await client.update(requestType, { ...request, status: { ...request.status, conditions } }, { subresource: 'approval', signal });
        return done;
      }
      return approvals.length === 0 ? done : againAfter(lookAgainMs);
    },
  });
  controller.on(requests, ({ next }) => {
    if (next && isCandidate(next)) controller.queue.add(cacheKeyOf(next));
  });
  await controller.stopped;
}
