// CredentialProviderConfig, kubelet.config.k8s.io, v1 or older: which programs give credentials for which images. Unknown fields are refused. Pure.
// Source: https://kubernetes.io/docs/reference/config-api/kubelet-config.v1/
import { ConfigFields, duplicate, type FieldError, forbiddenField, invalidValue, qualifiedNameProblems, required } from '../../api/mod.ts';
import { parseDurationMs } from '../../base/mod.ts';
import { parseImagePattern } from './match.ts';

const versions = ['v1', 'v1alpha1', 'v1beta1'] as const;
const newest = 'kubelet.config.k8s.io/v1';
const apiVersions: readonly string[] = versions.map((version) => `kubelet.config.k8s.io/${version}`);
const kind = 'CredentialProviderConfig';
const pluginVersions = versions.map((version) => `credentialprovider.kubelet.k8s.io/${version}` as const);
/** Of what a program is asked, and answers. */
export type PluginVersion = (typeof pluginVersions)[number];
const newestPlugin: PluginVersion = 'credentialprovider.kubelet.k8s.io/v1';
const cacheTypes = ['ServiceAccount', 'Token'] as const;

export interface TokenAttributes {
  readonly audience: string;
  /** Pods without a service account are not for this program. */
  readonly requireServiceAccount: boolean;
  /** What is given for a token is kept for every pod of its service account, or for this token alone. */
  readonly cacheType: (typeof cacheTypes)[number];
  /** Annotations of the service account that the program is told; accounts without a required one are not for it. */
  readonly requiredKeys: readonly string[];
  readonly optionalKeys: readonly string[];
}

export interface CredentialProvider {
  /** Also that of the program in the directory. */
  readonly name: string;
  readonly version: PluginVersion;
  /** `*.registry.example:5000/team` */
  readonly matchImages: readonly string[];
  readonly defaultCacheMs: number;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly token: TokenAttributes | undefined;
}

/** The configuration is not one: each error names the field, its value, and what is wanted. */
export class CredentialProvidersError extends Error {
  override readonly name = 'CredentialProvidersError';
  readonly errors: readonly FieldError[];
  constructor(errors: readonly FieldError[]) {
    super(errors.map((error) => error.text).join('; '));
    this.errors = errors;
  }
}

/** Reads a decoded document. Throws {@link CredentialProvidersError}. */
export function readCredentialProviders(value: unknown): readonly CredentialProvider[] {
  const errors: FieldError[] = [];
  const fields = new ConfigFields(value, '', errors);
  const apiVersion = fields.text('apiVersion');
  if (!apiVersions.includes(apiVersion ?? ''))
    errors.push(invalidValue('apiVersion', fields.raw('apiVersion'), `must be one of ${apiVersions.join(', ')}`));
  if (fields.text('kind') !== kind) errors.push(invalidValue('kind', fields.raw('kind'), `must be ${kind}`));
  const names = new Set<string>();
  const providers = fields.list('providers', (one, path) => {
    const provider = readProvider(new ConfigFields(one, path, errors), apiVersion === newest);
    if (names.has(provider.name)) errors.push(duplicate(`${path}.name`, provider.name));
    names.add(provider.name);
    return provider;
  });
  if (providers.length === 0 && errors.length === 0) errors.push(required('providers'));
  fields.end();
  if (errors.length > 0) throw new CredentialProvidersError(errors);
  return providers;
}

/** Tokens came with v1 alone. */
function readProvider(fields: ConfigFields, mayHaveTokens: boolean): CredentialProvider {
  const { errors } = fields;
  const name = fields.requiredText('name');
  if (/[/\s\0]/.test(name) || name === '.' || name === '..')
    errors.push(
      invalidValue(fields.at('name'), name, 'must be the name of a program in the directory of --image-credential-provider-bin-dir'),
    );
  const version = fields.choice('apiVersion', pluginVersions, newestPlugin);
  if (!fields.has('apiVersion')) errors.push(required(fields.at('apiVersion')));
  const matchImages = fields.list('matchImages', (one, path) => {
    if (typeof one === 'string' && parseImagePattern(one)) return one;
    errors.push(invalidValue(path, one, 'must be a registry, with a port and a path where wanted, such as *.registry.example:5000/team'));
    return '';
  });
  if (matchImages.length === 0) errors.push(required(fields.at('matchImages')));
  const hasToken = mayHaveTokens && fields.has('tokenAttributes');
  if (hasToken && version !== newestPlugin)
    errors.push(forbiddenField(fields.at('tokenAttributes'), `tokenAttributes is only supported for ${newestPlugin} API version`));
  const provider = {
    name,
    version,
    matchImages,
    defaultCacheMs: readDuration(fields, 'defaultCacheDuration'),
    args: fields.texts('args'),
    env: readEnvironment(fields),
    token: hasToken ? readToken(fields.object('tokenAttributes')) : undefined,
  };
  fields.end();
  return provider;
}

function readDuration(fields: ConfigFields, name: string): number {
  const text = fields.requiredText(name);
  const ms = parseDurationMs(text) ?? -1;
  if (text !== '' && ms < 0) fields.errors.push(invalidValue(fields.at(name), text, 'must be a duration of at least 0, such as 10m'));
  return ms;
}

function readEnvironment(fields: ConfigFields): Readonly<Record<string, string>> {
  const pairs = fields.list('env', (one, path) => {
    const pair = new ConfigFields(one, path, fields.errors);
    const [name, value = ''] = [pair.requiredText('name'), pair.text('value')];
    pair.end();
    if (/[=\0]/.test(name)) fields.errors.push(invalidValue(pair.at('name'), name, 'must be the name of an environment variable'));
    return [name, value] as const;
  });
  return Object.fromEntries(pairs);
}

function readToken(fields: ConfigFields): TokenAttributes {
  for (const name of ['requireServiceAccount', 'cacheType']) if (!fields.has(name)) fields.errors.push(required(fields.at(name)));
  const token = {
    audience: fields.requiredText('serviceAccountTokenAudience'),
    requireServiceAccount: fields.flag('requireServiceAccount'),
    cacheType: fields.choice('cacheType', cacheTypes, 'Token'),
    requiredKeys: readKeys(fields, 'requiredServiceAccountAnnotationKeys'),
    optionalKeys: readKeys(fields, 'optionalServiceAccountAnnotationKeys'),
  };
  if (!token.requireServiceAccount && token.requiredKeys.length > 0) {
    const why = 'requireServiceAccount cannot be false when requiredServiceAccountAnnotationKeys is set';
    fields.errors.push(forbiddenField(fields.at('requiredServiceAccountAnnotationKeys'), why));
  }
  const both = token.requiredKeys.filter((key) => token.optionalKeys.includes(key));
  if (both.length > 0) fields.errors.push(invalidValue(fields.path, both, 'annotation keys cannot be both required and optional'));
  fields.end();
  return token;
}

function readKeys(fields: ConfigFields, name: string): readonly string[] {
  const keys = fields.texts(name);
  keys.forEach((key, i) => {
    // Annotations may have capitals where labels have none.
    for (const problem of qualifiedNameProblems(key.toLowerCase()))
      fields.errors.push(invalidValue(`${fields.at(name)}[${i}]`, key, problem));
    if (keys.indexOf(key) < i) fields.errors.push(duplicate(`${fields.at(name)}[${i}]`, key));
  });
  return keys;
}
