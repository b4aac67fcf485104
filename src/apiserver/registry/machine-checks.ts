// Validation that needs the machine: its cryptography, its time zones. The rest is the kinds' own.
import { type FieldError, invalidValue, type KubeObject, type V1CertificateSigningRequest, type V1CronJob } from '../../api/mod.ts';
import { certificateRequestProblem } from '../../base/ports/certificate-request.ts';
import { zoneOffset } from '../../base/ports/time-zone.ts';
import type { ServerHooks } from './hooks.ts';

/** A request must be signed with the key that it asks a certificate for. */
export const certificateRequestHooks: ServerHooks = {
  validate: (object, old) => {
    const { request } = (object as V1CertificateSigningRequest).spec ?? {};
    if (old !== undefined || request === undefined) return [];
    const der = /-----BEGIN CERTIFICATE REQUEST-----([^-]*)-----END CERTIFICATE REQUEST-----/.exec(
      Buffer.from(request, 'base64').toString('latin1'),
    );
    // Text that is no request at all is told by the kind.
    const problem = der ? certificateRequestProblem(Buffer.from(der[1] ?? '', 'base64')) : undefined;
    return problem === undefined ? [] : [invalidValue('spec.request', request, problem)];
  },
};

const zoneOf = (object: KubeObject | undefined): string | undefined => (object as V1CronJob | undefined)?.spec?.timeZone;

/** A zone that was known once may stay. */
export const cronJobHooks: ServerHooks = {
  validate: (object, old): readonly FieldError[] => {
    const zone = zoneOf(object);
    if (!zone || zone === zoneOf(old) || zone.toLowerCase() === 'local' || zoneOffset(zone)) return [];
    return [invalidValue('spec.timeZone', zone, `unknown time zone ${zone}`)];
  },
};
