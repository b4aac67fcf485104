// Credentials that programs of the node give for images: each is asked by its standard input, its answer is kept as long as it says.
// One that fails gives nothing: the image may be public.
// Source: https://kubernetes.io/docs/reference/config-api/kubelet-credentialprovider.v1/
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { V1Pod, V1ServiceAccount } from '../../api/mod.ts';
import { type Clock, errorText, type Logger, parseDurationMs, raceAbort } from '../../base/mod.ts';
import type { Processes } from '../../base/ports/process.ts';
import type { RegistryAuth } from '../cri/runtime.ts';
import type { ImageKeyring } from '../image-manager.ts';
import type { ImageName } from '../image-name.ts';
import { keyFits, matchesImage, parseImagePattern } from './match.ts';
import type { CredentialProvider, PluginVersion, TokenAttributes } from './read.ts';

const deadlineMs = 60_000;
const outputMaxBytes = 1024 * 1024;
/** Of a program's answers that are kept; the oldest goes when there are more. */
const keptMax = 1000;
const saidMax = 500;

export interface CredentialProvidersOptions {
  readonly providers: readonly CredentialProvider[];
  /** Where the programs are. */
  readonly directory: string;
  readonly processes: Pick<Processes, 'run'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** A token of the pod's service account. */
  readonly token: (pod: V1Pod, audience: string) => Promise<string>;
  readonly serviceAccount: (key: { readonly namespace: string; readonly name: string }) => Promise<V1ServiceAccount>;
}

/** Asks those programs that an image is for, all at once; credentials come in the programs' order, each one's most specific first. */
export function createCredentialProviders(options: CredentialProvidersOptions): ImageKeyring {
  const all = options.providers.map((provider) => new Provider(provider, options));
  return async (name, of) => (await Promise.all(all.map((one) => one.credentials(name, of)))).flat();
}

type Auths = Readonly<Record<string, RegistryAuth>>;

interface Answer {
  readonly keyType: 'Image' | 'Registry' | 'Global';
  readonly cacheMs: number;
  readonly auths: Auths;
}

/** Whose credentials they are. */
interface Account {
  readonly token: string;
  readonly key: string;
  readonly annotations: Readonly<Record<string, string>>;
}

const nobody: Account = { token: '', key: '', annotations: {} };

class Provider {
  readonly #provider: CredentialProvider;
  readonly #options: CredentialProvidersOptions;
  readonly #kept = new Map<string, { readonly auths: Auths; readonly untilMs: number }>();
  readonly #asking = new Map<string, Promise<Auths>>();

  constructor(provider: CredentialProvider, options: CredentialProvidersOptions) {
    this.#provider = provider;
    this.#options = options;
  }

  async credentials(name: ImageName, of: { readonly pod: V1Pod; readonly signal: AbortSignal }): Promise<readonly RegistryAuth[]> {
    const { matchImages, name: program } = this.#provider;
    if (!matchImages.some((pattern) => isFor(pattern, name))) return [];
    const image = `${name.registry}/${name.repository}`;
    try {
      const account = await raceAbort(this.#account(of.pod), of.signal);
      if (!account) return [];
      return fitting(this.#find(name, account) ?? (await raceAbort(this.#ask(name, account), of.signal)), name);
    } catch (error) {
      if (!of.signal.aborted)
        this.#options.log.warn('A credential provider gave no credentials', { program, image, error: errorText(error) });
      return [];
    }
  }

  /** Undefined: not for such pods. */
  async #account(pod: V1Pod): Promise<Account | undefined> {
    const { token: wanted } = this.#provider;
    if (!wanted) return nobody;
    const name = pod.spec?.serviceAccountName;
    if (!name) return wanted.requireServiceAccount ? undefined : nobody;
    const namespace = pod.metadata?.namespace ?? '';
    const annotations = await this.#annotations({ namespace, name }, wanted);
    const token = await this.#options.token(pod, wanted.audience);
    const owner = wanted.cacheType === 'Token' ? [hashOf(token)] : [namespace, name, accountUid(token)];
    return { token, key: JSON.stringify([...owner, annotations]), annotations };
  }

  /** Those that the program is told. Rejects where the account has not all that it must have. */
  async #annotations(
    key: { readonly namespace: string; readonly name: string },
    { requiredKeys, optionalKeys }: TokenAttributes,
  ): Promise<Readonly<Record<string, string>>> {
    if (requiredKeys.length + optionalKeys.length === 0) return {};
    const { annotations = {} } = (await this.#options.serviceAccount(key)).metadata ?? {};
    const missing = requiredKeys.filter((each) => annotations[each] === undefined);
    if (missing.length > 0) throw new Error(`service account ${key.namespace}/${key.name} has no annotation ${missing.join(', ')}`);
    return Object.fromEntries(
      [...requiredKeys, ...optionalKeys].flatMap((each) => (each in annotations ? [[each, annotations[each] ?? '']] : [])),
    );
  }

  #find(name: ImageName, { key }: Account): Auths | undefined {
    const nowMs = this.#options.clock.monotonicMs();
    for (const keyType of ['Image', 'Registry', 'Global'] as const) {
      const found = this.#kept.get(keyOf(keyType, name, key));
      if (found && found.untilMs > nowMs) return found.auths;
    }
    return undefined;
  }

  #ask(name: ImageName, account: Account): Promise<Auths> {
    const key = keyOf('Image', name, JSON.stringify([account.token, account.annotations]));
    const going = this.#asking.get(key);
    if (going) return going;
    const asking = this.#run(name, account).finally(() => this.#asking.delete(key));
    this.#asking.set(key, asking);
    return asking;
  }

  async #run(name: ImageName, account: Account): Promise<Auths> {
    const { processes, directory, signal, clock } = this.#options;
    const { name: program, version, args, env, defaultCacheMs } = this.#provider;
    const request = {
      kind: 'CredentialProviderRequest',
      apiVersion: version,
      image: `${name.registry}/${name.repository}`,
      ...(account.token === '' ? {} : { serviceAccountToken: account.token }),
      ...(Object.keys(account.annotations).length === 0 ? {} : { serviceAccountAnnotations: account.annotations }),
    };
    const input = JSON.stringify(request);
    const done = await processes.run(join(directory, program), args, { input, env, deadlineMs, outputMaxBytes, signal });
    if (done.code !== 0) throw new Error(`it ended with ${done.code}: ${done.stderr.slice(0, saidMax).trim()}`);
    if (done.truncated) throw new Error(`it said more than ${outputMaxBytes} bytes`);
    const { keyType, cacheMs, auths } = readAnswer(done.stdout, { version, defaultCacheMs });
    if (cacheMs > 0) this.#keep(keyOf(keyType, name, account.key), { auths, untilMs: clock.monotonicMs() + cacheMs });
    return auths;
  }

  #keep(key: string, one: { readonly auths: Auths; readonly untilMs: number }): void {
    this.#kept.delete(key);
    this.#kept.set(key, one);
    const oldest = this.#kept.keys().next().value;
    if (this.#kept.size > keptMax && oldest !== undefined) this.#kept.delete(oldest);
  }
}

const isFor = (pattern: string, name: ImageName): boolean => {
  const parsed = parseImagePattern(pattern);
  return parsed !== undefined && matchesImage(parsed, name);
};

const keyOf = (keyType: Answer['keyType'], { registry, repository }: ImageName, account: string): string =>
  JSON.stringify([keyType, { Image: `${registry}/${repository}`, Registry: registry, Global: '' }[keyType], account]);

const fitting = (auths: Auths, name: ImageName): readonly RegistryAuth[] =>
  Object.keys(auths)
    .filter((key) => keyFits(key, name))
    .sort()
    .reverse()
    .flatMap((key) => auths[key] ?? []);

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Nothing of the answer is in the errors: it may hold passwords. */
function readAnswer(text: string, of: { readonly version: PluginVersion; readonly defaultCacheMs: number }): Answer {
  const { version, defaultCacheMs } = of;
  const { kind, apiVersion, cacheKeyType, cacheDuration, auth = {} } = parsed(text);
  if (kind !== 'CredentialProviderResponse' || apiVersion !== version)
    throw new Error(`its answer is not a CredentialProviderResponse of ${version}`);
  if (cacheKeyType !== 'Image' && cacheKeyType !== 'Registry' && cacheKeyType !== 'Global')
    throw new Error("its answer's cacheKeyType must be Image, Registry or Global");
  const cacheMs = typeof cacheDuration === 'string' ? parseDurationMs(cacheDuration) : (cacheDuration ?? defaultCacheMs);
  if (typeof cacheMs !== 'number') throw new Error("its answer's cacheDuration must be a duration, such as 10m");
  return { keyType: cacheKeyType, cacheMs, auths: readAuths(auth) };
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isRecord(value)) return value;
  } catch {} // Said below.
  throw new Error('its answer is no JSON object');
}

function readAuths(auth: unknown): Auths {
  const wrong = () => new Error("its answer's auth must have a username and a password for each image pattern");
  if (auth === null) return {};
  if (!isRecord(auth)) throw wrong();
  const read = ([pattern, one]: readonly [string, unknown]) => {
    if (!isRecord(one)) throw wrong();
    const { username = '', password = '' } = one;
    if (typeof username !== 'string' || typeof password !== 'string') throw wrong();
    return [pattern, { username, password }] as const;
  };
  return Object.fromEntries(Object.entries(auth).map(read));
}

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Of the service account, as its token says: one that is made anew has another. */
function accountUid(token: string): string {
  const claims = parsed(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  const own = claims['kubernetes.io'];
  const account = isRecord(own) ? own.serviceaccount : undefined;
  return isRecord(account) && typeof account.uid === 'string' ? account.uid : hashOf(token);
}
