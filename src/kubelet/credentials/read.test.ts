import { expect, test } from 'vitest';
import { type CredentialProvidersError, readCredentialProviders } from './read.ts';

const provider = {
  name: 'login',
  apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
  matchImages: ['*.registry.example:5000/team'],
  defaultCacheDuration: '10m',
};
const of = (...providers: readonly object[]) => ({ apiVersion: 'kubelet.config.k8s.io/v1', kind: 'CredentialProviderConfig', providers });
function refusals(value: unknown): readonly string[] {
  try {
    readCredentialProviders(value);
    return [];
  } catch (error) {
    return (error as CredentialProvidersError).errors.map(({ text }) => text);
  }
}

test('every field comes back as it was told', () => {
  const tokenAttributes = {
    serviceAccountTokenAudience: 'registry',
    requireServiceAccount: true,
    cacheType: 'ServiceAccount',
    requiredServiceAccountAnnotationKeys: ['r.example/robot'],
    optionalServiceAccountAnnotationKeys: ['r.example/Host', 'plain'],
  };
  const given = { ...provider, args: ['get', '-v'], env: [{ name: 'REGION', value: 'north' }], tokenAttributes };
  expect(readCredentialProviders(of(given))).toEqual([
    {
      name: 'login',
      version: 'credentialprovider.kubelet.k8s.io/v1',
      matchImages: ['*.registry.example:5000/team'],
      defaultCacheMs: 600_000,
      args: ['get', '-v'],
      env: { REGION: 'north' },
      token: {
        audience: 'registry',
        requireServiceAccount: true,
        cacheType: 'ServiceAccount',
        requiredKeys: ['r.example/robot'],
        optionalKeys: ['r.example/Host', 'plain'],
      },
    },
  ]);
});

test.each(['v1', 'v1beta1', 'v1alpha1'])('documents and programs of version %s are taken', (version) => {
  const given = { ...provider, apiVersion: `credentialprovider.kubelet.k8s.io/${version}` };
  const [read] = readCredentialProviders({ ...of(given), apiVersion: `kubelet.config.k8s.io/${version}` });
  expect(read?.version).toBe(given.apiVersion);
});

const token = { serviceAccountTokenAudience: 'a', requireServiceAccount: true, cacheType: 'Token' };

test.each<[string, unknown, string]>([
  [
    'another document',
    { ...of(provider), kind: 'KubeletConfiguration' },
    'kind: Invalid value: "KubeletConfiguration": must be CredentialProviderConfig',
  ],
  ['no provider', of(), 'providers: Required value'],
  [
    'a name with a path',
    of({ ...provider, name: '../sh' }),
    'providers[0].name: Invalid value: "../sh": must be the name of a program in the directory of --image-credential-provider-bin-dir',
  ],
  ['a name twice', of(provider, provider), 'providers[1].name: Duplicate value: "login"'],
  ['no version', of({ ...provider, apiVersion: undefined }), 'providers[0].apiVersion: Required value'],
  [
    'another version',
    of({ ...provider, apiVersion: 'credentialprovider.kubelet.k8s.io/v2' }),
    'providers[0].apiVersion: Unsupported value: "credentialprovider.kubelet.k8s.io/v2": supported values: "credentialprovider.kubelet.k8s.io/v1", "credentialprovider.kubelet.k8s.io/v1alpha1", "credentialprovider.kubelet.k8s.io/v1beta1"',
  ],
  [
    'a token for an older program',
    of({ ...provider, apiVersion: 'credentialprovider.kubelet.k8s.io/v1beta1', tokenAttributes: token }),
    'providers[0].tokenAttributes: Forbidden: tokenAttributes is only supported for credentialprovider.kubelet.k8s.io/v1 API version',
  ],
  [
    'a token in an older document',
    { ...of({ ...provider, tokenAttributes: token }), apiVersion: 'kubelet.config.k8s.io/v1beta1' },
    `providers[0].tokenAttributes: Invalid value: ${JSON.stringify(token)}: unknown field`,
  ],
  [
    'annotations that an account must have where none is needed',
    of({ ...provider, tokenAttributes: { ...token, requireServiceAccount: false, requiredServiceAccountAnnotationKeys: ['a'] } }),
    'providers[0].tokenAttributes.requiredServiceAccountAnnotationKeys: Forbidden: requireServiceAccount cannot be false when requiredServiceAccountAnnotationKeys is set',
  ],
  [
    'an annotation both required and optional',
    of({
      ...provider,
      tokenAttributes: { ...token, requiredServiceAccountAnnotationKeys: ['a'], optionalServiceAccountAnnotationKeys: ['a'] },
    }),
    'providers[0].tokenAttributes: Invalid value: ["a"]: annotation keys cannot be both required and optional',
  ],
  [
    'an annotation twice',
    of({ ...provider, tokenAttributes: { ...token, optionalServiceAccountAnnotationKeys: ['a', 'a'] } }),
    'providers[0].tokenAttributes.optionalServiceAccountAnnotationKeys[1]: Duplicate value: "a"',
  ],
  ['no images', of({ ...provider, matchImages: [] }), 'providers[0].matchImages: Required value'],
  [
    'an image with a scheme',
    of({ ...provider, matchImages: ['https://r.example'] }),
    'providers[0].matchImages[0]: Invalid value: "https://r.example": must be a registry, with a port and a path where wanted, such as *.registry.example:5000/team',
  ],
  ['no duration', of({ ...provider, defaultCacheDuration: undefined }), 'providers[0].defaultCacheDuration: Required value'],
  [
    'a negative duration',
    of({ ...provider, defaultCacheDuration: '-1s' }),
    'providers[0].defaultCacheDuration: Invalid value: "-1s": must be a duration of at least 0, such as 10m',
  ],
  ['an unknown field', of({ ...provider, arg: [] }), 'providers[0].arg: Invalid value: []: unknown field'],
  [
    'half a token',
    of({ ...provider, tokenAttributes: { serviceAccountTokenAudience: 'a', requireServiceAccount: false } }),
    'providers[0].tokenAttributes.cacheType: Required value',
  ],
])('%s is refused', (_name, value, text) => expect(refusals(value)).toContain(text));
