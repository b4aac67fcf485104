// --encryption-provider-config: upstream's EncryptionConfiguration, read into rules for the store.
// Source: https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/
import { Buffer } from 'node:buffer';
import { loadYaml } from '../../api/codec/mod.ts';
import { parseDurationMs } from '../../base/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import { aescbc, aesgcm, identity, type Provider, type RandomBytes, type Rules, secretbox } from '../../store/mod.ts';
import { MachineError } from './data-dir.ts';

interface Rule {
  /** `secrets`, `deployments.apps`, `*.apps`, `*.` (the core group), `*.*`. */
  readonly resources: readonly string[];
  readonly providers: readonly Provider[];
}

const flag = '--encryption-provider-config';
const makers = { aesgcm, aescbc, secretbox };
const keyBytes: Readonly<Record<keyof typeof makers, readonly number[]>> = { aesgcm: [16, 24, 32], aescbc: [16, 24, 32], secretbox: [32] };

/** A plugin that keeps the keys. */
export interface KmsWanted {
  readonly name: string;
  readonly socketPath: string;
  readonly timeoutMs: number;
}

/** What a configuration's providers are made with. */
export interface ProviderMakers {
  readonly random: RandomBytes;
  readonly kms: (wanted: KmsWanted) => Provider;
}

/** Throws {@link MachineError} that names the field and what it wants. */
export async function readEncryptionConfig(fs: FileSystem, path: string, made: ProviderMakers): Promise<Rules> {
  const stat = await fs.stat(path);
  const text = await fs.readText(path);
  if (!stat || text === undefined) throw new MachineError(`${flag}: ${path} does not exist.`);
  if ((stat.mode & 0o077) !== 0) {
    throw new MachineError(`${flag}: ${path} holds keys, and others may read it (mode ${stat.mode.toString(8)}). Run: chmod 600 ${path}`);
  }
  const { parseYamlDocuments } = await loadYaml();
  const refuse = (what: string): never => {
    throw new MachineError(`${flag}: ${path}: ${what}.`);
  };
  let config: unknown;
  try {
    config = parseYamlDocuments(text)[0];
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  return rulesOf(rulesIn(config, made, refuse));
}

type Refuse = (what: string) => never;

export function rulesIn(config: unknown, made: ProviderMakers, refuse: Refuse): readonly Rule[] {
  const { kind, apiVersion, resources } = recordOf(config);
  if (kind !== 'EncryptionConfiguration' || apiVersion !== 'apiserver.config.k8s.io/v1') {
    refuse('wants kind EncryptionConfiguration of apiVersion apiserver.config.k8s.io/v1');
  }
  const items = listOf(resources);
  if (items.length === 0) refuse('resources: Required value');
  return items.map((item, i) => {
    const at = `resources[${i}]`;
    const of = recordOf(item);
    const names = listOf(of.resources).map(String);
    const wrong = names.find((name) => !/^(\*|[a-z0-9-]+)(\.(\*|[a-z0-9.-]*))?$/.test(name) || name === '*');
    if (names.length === 0) refuse(`${at}.resources: Required value`);
    if (wrong !== undefined) refuse(`${at}.resources: Invalid value: "${wrong}": wants RESOURCE, RESOURCE.GROUP, *.GROUP, "*." or "*.*"`);
    const providers = listOf(of.providers);
    if (providers.length === 0) refuse(`${at}.providers: Required value`);
    return { resources: names, providers: providers.flatMap((one, j) => providersOf(one, `${at}.providers[${j}]`, made, refuse)) };
  });
}

function providersOf(value: unknown, at: string, made: ProviderMakers, refuse: Refuse): readonly Provider[] {
  const names = Object.keys(recordOf(value));
  const [name = ''] = names;
  if (names.length !== 1) refuse(`${at}: wants exactly one provider, got ${names.length}`);
  if (name === 'identity') return [identity];
  if (name === 'kms') return [made.kms(kmsWanted(recordOf(recordOf(value).kms), `${at}.kms`, refuse))];
  if (!isMaker(name)) return refuse(`${at}.${name}: wants one of aesgcm, aescbc, secretbox, kms, identity`);
  const keys = listOf(recordOf(recordOf(value)[name]).keys);
  if (keys.length === 0) refuse(`${at}.${name}.keys: Required value`);
  return keys.map((key, i) => {
    const field = `${at}.${name}.keys[${i}]`;
    const { name: keyName, secret } = recordOf(key);
    if (typeof keyName !== 'string' || keyName === '' || keyName.includes(':')) return refuse(`${field}.name: wants a name without ":"`);
    // The secret itself is never said.
    if (typeof secret !== 'string' || !/^[A-Za-z0-9+/]+={0,2}$/.test(secret)) return refuse(`${field}.secret: wants base64`);
    const bytes = Buffer.from(secret, 'base64');
    if (!keyBytes[name].includes(bytes.length)) {
      return refuse(`${field}.secret: wants ${keyBytes[name].join(', ')} bytes for ${name}, got ${bytes.length}`);
    }
    return makers[name]({ name: keyName, secret: bytes }, made.random);
  });
}

const kmsTimeoutMs = 3_000;

function kmsWanted(
  { apiVersion, name, endpoint, timeout, cachesize }: Readonly<Record<string, unknown>>,
  at: string,
  refuse: Refuse,
): KmsWanted {
  if (apiVersion !== 'v2') return refuse(`${at}.apiVersion: Unsupported value: ${JSON.stringify(apiVersion ?? 'v1')}: wants v2`);
  if (typeof name !== 'string' || name === '' || name.includes(':')) return refuse(`${at}.name: wants a name without ":"`);
  if (typeof endpoint !== 'string' || !/^unix:\/\/(?:\/|@).+/.test(endpoint))
    return refuse(`${at}.endpoint: Invalid value: ${JSON.stringify(endpoint)}: wants a unix socket such as unix:///var/run/kms.sock`);
  if (cachesize !== undefined) refuse(`${at}.cachesize: Invalid value: cachesize is not supported in v2`);
  const timeoutMs = timeout === undefined ? kmsTimeoutMs : parseDurationMs(String(timeout));
  if (timeoutMs === undefined || timeoutMs <= 0)
    return refuse(`${at}.timeout: Invalid value: ${JSON.stringify(timeout)}: wants a positive duration`);
  return { name, socketPath: endpoint.slice('unix://'.length), timeoutMs };
}

/** The first rule that names a resource counts. Each resource is looked up once. */
export function rulesOf(rules: readonly Rule[]): Rules {
  const known = new Map<string, readonly Provider[] | undefined>();
  return (key) => {
    const [, , group = '', resource = ''] = key.split('/', 4);
    const place = `${group}/${resource}`;
    if (!known.has(place))
      known.set(place, rules.find(({ resources }) => resources.some((name) => names(name, group, resource)))?.providers);
    return known.get(place);
  };
}

/** In keys, the core group is `core`. */
function names(pattern: string, keyGroup: string, resource: string): boolean {
  if (pattern === '*.*') return true;
  const group = keyGroup === 'core' ? '' : keyGroup;
  const dot = pattern.indexOf('.');
  const [named, of] = dot < 0 ? [pattern, ''] : [pattern.slice(0, dot), pattern.slice(dot + 1)];
  return of === group && (named === '*' || named === resource);
}

const isMaker = (name: string): name is keyof typeof makers => Object.hasOwn(makers, name);
const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
