// The plugins that set or refuse one thing each.
import { describe, expect, test } from 'vitest';
import {
  certificatesigningrequests,
  type Draft,
  ingresses,
  type KindDefinition,
  type KubeObject,
  pods,
  type V1CertificateSigningRequest,
  type V1Ingress,
  type V1IngressClass,
} from '../../api/mod.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts';
import type { AdmissionAttributes } from './chain.ts';
import { defaultIngressClass } from './networking.ts';
import { podTopologyLabels } from './pod-topology-labels.ts';

const attributesFor = (kind: unknown, more: object = {}): AdmissionAttributes =>
  ({
    operation: 'CREATE',
    kind: kind as KindDefinition,
    name: 'x',
    subresource: undefined,
    user: { name: 'u', groups: [] },
    ...more,
  }) as unknown as AdmissionAttributes;

describe('DefaultIngressClass', () => {
  const ingressClass = (name: string, isDefault: string, day: number): V1IngressClass => ({
    metadata: {
      name,
      creationTimestamp: `2026-01-0${day}T00:00:00Z`,
      annotations: { 'ingressclass.kubernetes.io/is-default-class': isDefault },
    },
  });
  const admit = (ingress: V1Ingress, ...classes: V1IngressClass[]): string | undefined => {
    const draft = structuredClone(ingress) as Draft<V1Ingress>;
    defaultIngressClass({ all: () => classes }).mutate?.(attributesFor(ingresses), draft);
    return draft.spec?.ingressClassName;
  };
  test.each<[string, V1Ingress, V1IngressClass[], string | undefined]>([
    ['the default', { spec: {} }, [ingressClass('a', 'false', 1), ingressClass('b', 'true', 1)], 'b'],
    [
      'of several the newest, of equals the first by name',
      { spec: {} },
      [ingressClass('c', 'true', 2), ingressClass('a', 'true', 1), ingressClass('b', 'true', 2)],
      'b',
    ],
    ['none where there is no default', { spec: {} }, [ingressClass('a', 'false', 1)], undefined],
    ['what it says', { spec: { ingressClassName: 'x' } }, [ingressClass('a', 'true', 1)], 'x'],
    [
      'none besides the old annotation',
      { metadata: { annotations: { 'kubernetes.io/ingress.class': 'x' } }, spec: {} },
      [ingressClass('a', 'true', 1)],
      undefined,
    ],
  ])('an ingress gets %s', (_what, ingress, classes, want) => {
    expect(admit(ingress, ...classes)).toBe(want);
  });
});

describe('PodTopologyLabels', () => {
  const labels = { 'topology.kubernetes.io/zone': 'z', 'topology.kubernetes.io/region': 'r', other: 'o' };
  const admit = (object: KubeObject, subresource?: string) => {
    const draft = structuredClone(object) as Draft<KubeObject>;
    podTopologyLabels({ get: (name) => (name === 'n' ? { metadata: { labels } } : undefined) }).mutate?.(
      attributesFor(pods, { subresource }),
      draft,
    );
    return draft.metadata?.labels;
  };
  const { other: _, ...wanted } = labels;
  test('a binding carries those of the node over to the pod', () => {
    expect(admit({ target: { name: 'n' } } as KubeObject, 'binding')).toEqual(wanted);
    expect(admit({ target: { name: 'gone' } } as KubeObject, 'binding')).toBeUndefined();
  });
  test('a pod that comes with its node has them at once, instead of its own', () => {
    expect(
      admit({ metadata: { labels: { 'topology.kubernetes.io/zone': 'mine', a: 'b' } }, spec: { nodeName: 'n' } } as KubeObject),
    ).toEqual({ ...wanted, a: 'b' });
    expect(admit({ spec: {} } as KubeObject)).toBeUndefined();
  });
});

describe('certificates', () => {
  const authorizer = (...allowed: string[]): Authorizer => ({
    decide: (asked) => ({
      decision: asked.as === 'resource' && allowed.includes(`${asked.verb} ${asked.resource}/${asked.name}`) ? 'allow' : 'noOpinion',
    }),
  });
  const request = (more: Partial<V1CertificateSigningRequest> = {}): V1CertificateSigningRequest => ({
    spec: { signerName: 'example.com/mine', request: '', usages: [] },
    ...more,
  });
  const update = (subresource: string) => attributesFor(certificatesigningrequests, { operation: 'UPDATE', subresource, old: request() });
  const refusal = async (work: unknown): Promise<string | undefined> => {
    try {
      await work;
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  };

  test('approval is for those who may approve for the signer, or its whole domain', async () => {
    const judge = (...allowed: string[]) => refusal(certificateApproval(authorizer(...allowed)).validate?.(update('approval'), request()));
    expect(await judge()).toBe(
      'certificatesigningrequests.certificates.k8s.io "x" is forbidden: user not permitted to approve requests with signerName "example.com/mine"',
    );
    expect(await judge('approve signers/example.com/mine')).toBeUndefined();
    expect(await judge('approve signers/example.com/*')).toBeUndefined();
    expect(await judge('sign signers/example.com/mine')).toMatch(/not permitted to approve/);
  });

  test('a certificate is written only by those who may sign', async () => {
    const judge = (next: V1CertificateSigningRequest, ...allowed: string[]) =>
      refusal(certificateSigning(authorizer(...allowed)).validate?.(update('status'), next));
    const signed = request({ status: { certificate: 'PEM' } });
    expect(await judge(signed)).toMatch(/user not permitted to sign requests with signerName "example.com\/mine"/);
    expect(await judge(signed, 'sign signers/example.com/*')).toBeUndefined();
    expect(await judge(request())).toBeUndefined();
    expect(await judge(request({ status: { conditions: [{ type: 'Failed', status: 'True' }] } }))).toMatch(/not permitted to sign/);
  });

  test('nobody asks to be a superuser', async () => {
    const judge = (signerName: string, organization: string) => {
      const spec = { signerName, request: Buffer.from(requests[organization] ?? '').toString('base64'), usages: [] };
      return refusal(certificateSubjectRestriction.validate?.(attributesFor(certificatesigningrequests), { spec } as KubeObject));
    };
    expect(await judge('kubernetes.io/kube-apiserver-client', 'system:masters')).toMatch(
      /use of kubernetes.io\/kube-apiserver-client signer with system:masters group is not allowed/,
    );
    expect(await judge('kubernetes.io/kube-apiserver-client', 'dev')).toBeUndefined();
    expect(await judge('example.com/mine', 'system:masters')).toBeUndefined();
  });
});

/** Made with openssl: /CN=jane and the organization, prime256v1. */
const requests: Readonly<Record<string, string>> = {
  'system:masters': `-----BEGIN CERTIFICATE REQUEST-----
MIHkMIGKAgEAMCgxDTALBgNVBAMMBGphbmUxFzAVBgNVBAoMDnN5c3RlbTptYXN0
ZXJzMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEdRrQU5Cj0gc9jA6XNDmdDc9T
RUk/92vSUtA/IBTkLxx4pthrg1PtJiejAwO23OpLRdQKHwIV4+tfw3YYV9bgPKAA
MAoGCCqGSM49BAMCA0kAMEYCIQDTMWdcR5ENG0VQei7EzP1K4gatvVP9L2/0gCqK
JgcbIwIhAMsfJq3RSVvzJL6y5yC3am1jNwp4B+j69h3dld7co5LG
-----END CERTIFICATE REQUEST-----`,
  dev: `-----BEGIN CERTIFICATE REQUEST-----
MIHYMH8CAQAwHTENMAsGA1UEAwwEamFuZTEMMAoGA1UECgwDZGV2MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEOrmncZPX00qV3GsTFYx2dAzchAAaj5nSSj22/oit
1wrNrLG5UtmHXHJBVkU+d+irsHDy7pjhMR6kAod9jLCF5qAAMAoGCCqGSM49BAMC
A0kAMEYCIQCu5kZPWa5R6xe4Jxd+vLc+NgFblFi5/2eacZSlNs8RcAIhAIyi86XA
ORa/SFVnVSEjD0e5IKfUplMrtxtNLZakh7WR
-----END CERTIFICATE REQUEST-----`,
};
