import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { builtinKinds } from '../../api/mod.ts';
import { certificateRequestProblem } from '../../base/ports/certificate-request.ts';
import { bodyOf, type Loose, startTestCore, type TestCore } from '../testing/fixture.ts';

let t: TestCore;
beforeEach(async () => {
  t = await startTestCore({ kinds: builtinKinds });
});
afterEach(() => t.stop());
const kindOf = (resource: string) => {
  const kind = builtinKinds.find((each) => each.resource === resource);
  if (!kind) throw new Error(`no kind ${resource}`);
  return kind;
};

/** Requests as openssl makes them, for the subject O=dev, CN=jane. */
const requests = [
  [
    'P-256',
    'MIHWMH8CAQAwHTENMAsGA1UEAwwEamFuZTEMMAoGA1UECgwDZGV2MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEiIptBsSEF+NeYJnhYIKzkD54x7FP0BwFllC0WxW5zT3gYSnLC03eA0bNXqhhvoXPXv+AmfCx1GoczKhTv1RrZ6AAMAoGCCqGSM49BAMCA0cAMEQCIEVb4nb3s0kY8Lxny2YbtyilJplxCPZrnnEOW25ZfjGwAiAgpS2YxiMJMBnBvFOy/c2xsEMWEldKnoRcdN11l2tUtg==',
  ],
  [
    'RSA',
    'MIICYjCCAUoCAQAwHTENMAsGA1UEAwwEamFuZTEMMAoGA1UECgwDZGV2MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEArRTgxSM1iS3sqB8k4Nv8lUW0Ial4OL054A72xR74pch74ViEXx71YUfBttLXVAo5+fdd6xe/+d+ln9UDDaFjJ362eH06dBX4kej8YiaxVarXPapgSzfDBMdAs2hWYCb+dU8S6TMpXtXdEXmvkEU7yTDrAPUTXf+WIgzGBepXZC6to1sCkax1VgEtld4pSnyyjgvQfo+FSQaXBVVspIT21z2xb/KbwsK82JNMiDR+z1HjjTPhEAkqzI7EWRKh8QBqtslmPWAo9m/WjFdowivXjB/xHubjxn5TruMP9VORLaEncra9+DgBAvt/jjAF646njWiCCOR2LFSs20sZ4PjCYQIDAQABoAAwDQYJKoZIhvcNAQELBQADggEBACvbcbipyKLIxwiH48QcwET0+OJ/hGWJ0229DJ7vnovGZmWu1JuR+hjVQ1+pcCBwNHOMJPCySdrwfDmL1G3Q/2NTqkJdJ8jFib2KaYTIekZq9v1BUkaPhRRFoEK3O4XyWarRHKbyckAu16fm9D4JETULPO/4PK6hB3Vw63FJBswiy0cIrGyP9Wi/POzh0iNJAM3L8JjgGY2XrohdWesKJ/bXRmmfYF7vrRwTKJOxYLVykHHZhugIZP8kQ9N+B2SASjFIQsO1VPs9G+xVRZjxM6N+MDobY4SQ/qS1n9zOWZo4+7CN6qcghRl6OWYRA7u+PkLhdsULuMJnIOC0E1JroNs=',
  ],
  [
    'Ed25519',
    'MIGcMFACAQAwHTENMAsGA1UEAwwEamFuZTEMMAoGA1UECgwDZGV2MCowBQYDK2VwAyEAAttafcTKpQQME0+CEk0nIW1NtmHOPLFOncmeuIMBJi6gADAFBgMrZXADQQCVt0crnOGqGLpcWa0xIKLI3tgqO5RRdkMrmc9WWbyFXGdtpTd7XaqK8P3cLhQsfoo6+xR9liv4zQTuhTn9MQcG',
  ],
] as const;

describe('certificate requests', () => {
  test.each(requests)('%s: signed, changed, cut off, followed', (_name, base64) => {
    const der = Buffer.from(base64, 'base64');
    expect(certificateRequestProblem(der)).toBeUndefined();
    const changed = Buffer.from(der);
    // A letter of the name.
    changed.write('x', der.indexOf('jane'), 'latin1');
    expect(certificateRequestProblem(changed)).toBe('x509: the signature does not verify');
    for (let length = 0; length < der.length; length += 7) expect(certificateRequestProblem(der.subarray(0, length))).toContain('asn1');
    expect(certificateRequestProblem(Buffer.concat([der, der]))).toContain('asn1');
  });

  test('one that its key has not signed is refused', async () => {
    const der = Buffer.from(requests[0][1], 'base64');
    const send = (bytes: Uint8Array) => {
      const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
      const spec = { request: Buffer.from(pem).toString('base64'), signerName: 'example.com/x', usages: ['client auth'] };
      return {
        verb: 'create',
        kind: kindOf('certificatesigningrequests'),
        body: bodyOf({ metadata: { name: 'c' }, spec } as Loose),
      } as const;
    };
    const changed = Buffer.from(der);
    changed.write('x', der.indexOf('jane'), 'latin1');
    expect((await t.fail(send(changed))).message).toMatch(/spec\.request: Invalid value: .*: x509: the signature does not verify$/);
    expect((await t.call(send(der))).metadata?.name).toBe('c');
  });
});

test('a CronJob has a zone that there is', async () => {
  const container = { name: 'c', image: 'i', imagePullPolicy: 'Always', terminationMessagePolicy: 'File' };
  const template = { spec: { containers: [container], restartPolicy: 'Never' } };
  const send = (timeZone: string) => {
    const spec = { schedule: '* * * * *', timeZone, jobTemplate: { spec: { template } } };
    return { verb: 'create', kind: kindOf('cronjobs'), body: bodyOf({ metadata: { name: 'j' }, spec } as Loose) } as const;
  };
  expect((await t.fail(send('Europe/Atlantis'))).message).toBe(
    'CronJob.batch "j" is invalid: spec.timeZone: Invalid value: "Europe/Atlantis": unknown time zone Europe/Atlantis',
  );
  expect((await t.call(send('Europe/Berlin'))).spec.timeZone).toBe('Europe/Berlin');
});
