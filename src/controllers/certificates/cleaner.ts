// Deletes certificate requests that are old: an hour after the decision, a day when nobody decides, at once when the certificate ends.
import type { V1CertificateSigningRequest } from '../../api/mod.ts';
import { readCertificate } from '../../base/ports/certificate-reader.ts';
import { cacheKeyOf } from '../../client/mod.ts';
import { againAfter, type ControllerContext, cache, done, startController } from '../runtime/controller.ts';
import { expiresInMs } from './plan.ts';
import { requestType } from './ports.ts';

export async function runCertificateCleaner(context: ControllerContext): Promise<void> {
  const { client, clock, informers } = context;
  const requests = informers.of(requestType);
  const controller = startController(context, {
    name: 'certificatesigningrequest-cleaner-controller',
    caches: [cache(requests)],
    workers: 1,
    reconcile: async (key, signal) => {
      const request = requests.get(key);
      if (!request) return done;
      const ms = expiresInMs(request, certificateEndMs(request), clock.nowMs());
      if (ms > 0) return againAfter(ms);
      const { name, uid, resourceVersion } = request.metadata;
      await client.delete(requestType, { name }, { preconditions: { uid, resourceVersion }, signal });
      return done;
    },
  });
  controller.on(requests, ({ next }) => {
    if (next) controller.queue.add(cacheKeyOf(next));
  });
  await controller.stopped;
}

/** Undefined where there is none, or none that can be read. */
function certificateEndMs({ status }: V1CertificateSigningRequest): number | undefined {
  if (!status?.certificate) return undefined;
  try {
    return readCertificate(Buffer.from(status.certificate, 'base64').toString('latin1')).notAfterMs;
  } catch {
    return undefined;
  }
}
