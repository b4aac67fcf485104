// Signs approved requests to the cluster's own signers; what breaks a signer's rules is marked as failed.
import type { V1CertificateSigningRequest } from '../../api/mod.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { awaitsSigning, condition, isOwnSigner, signerProblem, validityOf } from './plan.ts';
import { type CertificateSigner, namesIn, pemOf, requestType } from './ports.ts';

const isCandidate = (request: V1CertificateSigningRequest): boolean => isOwnSigner(request.spec.signerName) && awaitsSigning(request);

export interface SigningContext extends ControllerContext {
  readonly signer: CertificateSigner;
}

export async function runCertificateSigning(context: SigningContext): Promise<void> {
  const { client, clock, informers, signer } = context;
  const requests = informers.of(requestType);
  const statusOf = async (request: V1CertificateSigningRequest) => {
    const { signerName, usages = [], expirationSeconds } = request.spec;
    const nowMs = clock.nowMs();
    const problem = signerProblem(signerName, await namesIn(request), usages);
    if (problem !== undefined) {
      const failed = condition('Failed', 'SignerValidationFailure', problem, nowMs);
      return { ...request.status, conditions: [...(request.status?.conditions ?? []), failed] };
    }
    const validity = validityOf(expirationSeconds, nowMs, signer.authorityEndMs);
    const pem = await signer.sign({ requestPem: pemOf(request), usages, ...validity });
    return { ...request.status, certificate: Buffer.from(pem).toString('base64') };
  };
  const controller = startController(context, {
    name: 'certificatesigningrequest-signing-controller',
    caches: [cache(requests)],
    reconcile: async (key, signal) => {
      const request = requests.get(key);
      if (!request || !isCandidate(request)) return done;
      await client.updateStatus(requestType, { ...request, status: await statusOf(request) }, { signal });
      return done;
    },
  });
  controller.on(requests, ({ next }) => {
    if (next && isCandidate(next)) controller.queue.add(cacheKeyOf(next));
  });
  await controller.stopped;
}
