// Which registries images come from: mirrors, plain HTTP, certificates and passwords, in the form that k3s has made known (registries.yaml),
// as files that containerd reads at each pull (certs.d), and as credentials that go with a pull: a header in the file would do for neither
// a registry that gives tokens for passwords. Pure but for the writing.
// Source: https://docs.k3s.io/installation/private-registry, https://github.com/containerd/containerd/blob/main/docs/hosts.md
import { join } from 'node:path';
import { ConfigFields, type FieldError, invalidValue } from '../../api/mod.ts';
import type { FileSystem } from '../../base/ports/fs.ts';
import type { RegistryAuth } from '../cri/runtime.ts';

export interface RegistryHost {
  /** `http://mirror.example:5000`, with a path where the registry has one. */
  readonly url: string;
  readonly skipVerify: boolean;
  readonly caFile: string | undefined;
  /** Both or none. */
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  /** For this host alone. */
  readonly auth: RegistryAuth | undefined;
}

/** Of one registry, as image names have it; `*` is every other one. */
export interface Registry {
  readonly name: string;
  /** In the order in which they are asked; the registry itself is asked last. */
  readonly hosts: readonly RegistryHost[];
}

/** The configuration is not one: each error names the field, its value, and what is wanted. */
export class RegistriesError extends Error {
  override readonly name = 'RegistriesError';
  readonly errors: readonly FieldError[];
  constructor(errors: readonly FieldError[]) {
    super(errors.map((error) => error.text).join('; '));
    this.errors = errors;
  }
}

const registryForm = /^(\*|[a-zA-Z0-9]([-.a-zA-Z0-9]*[a-zA-Z0-9])?(:\d{1,5})?|\[[0-9a-fA-F:]+\](:\d{1,5})?)$/;
const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

type Access = Omit<RegistryHost, 'url'>;
const plain: Access = { skipVerify: false, caFile: undefined, certFile: undefined, keyFile: undefined, auth: undefined };

/** Reads a decoded document. Throws {@link RegistriesError}. */
export function readRegistries(value: unknown): readonly Registry[] {
  const errors: FieldError[] = [];
  const fields = new ConfigFields(value, '', errors);
  const accesses = new Map(entries(fields, 'configs').map(([name, one]) => [name, readAccess(one)]));
  const mirrors = new Map(entries(fields, 'mirrors').map(([name, one]) => [name, readEndpoints(one)]));
  fields.end();
  if (errors.length > 0) throw new RegistriesError(errors);
  return [...new Set([...mirrors.keys(), ...accesses.keys()])].sort().map((name) => {
    const urls = mirrors.get(name) ?? [];
    const own = accesses.has(name) && name !== '*' && !urls.some((url) => hostOf(url) === name) ? [serverOf(name)] : [];
    const access = (url: string) => accesses.get(own.includes(url) ? name : hostOf(url)) ?? plain;
    return { name, hosts: [...urls, ...own].map((url) => ({ url, ...access(url) })) };
  });
}

const hostOf = (url: string): string => new URL(url).host;
/** Where a registry's name leads. */
const serverOf = (name: string): string => `https://${name === 'docker.io' ? 'registry-1.docker.io' : name}`;

/** What is told of each registry, by its name. */
function entries(fields: ConfigFields, name: string): readonly (readonly [string, ConfigFields])[] {
  const path = fields.at(name);
  const value = fields.raw(name) ?? {};
  if (!isRecord(value)) {
    fields.errors.push(invalidValue(path, value, 'must be an object'));
    return [];
  }
  return Object.entries(value).map(([registry, one]) => {
    const at = `${path}[${registry}]`;
    if (!registryForm.test(registry))
      fields.errors.push(invalidValue(at, registry, 'must be a registry as image names have it, such as docker.io, or "*"'));
    return [registry, new ConfigFields(one, at, fields.errors)] as const;
  });
}

function readEndpoints(fields: ConfigFields): readonly string[] {
  const urls = fields.list('endpoint', (value, path) => {
    const text = String(value);
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const good = (url?.protocol === 'http:' || url?.protocol === 'https:') && url.search === '' && url.hash === '' && url.username === '';
    if (!good) fields.errors.push(invalidValue(path, value, 'must be an address, such as https://mirror.example:5000'));
    return text.replace(/\/$/, '');
  });
  fields.end();
  return urls;
}

function readAccess(fields: ConfigFields): Access {
  const auth = fields.object('auth');
  const [username, password, both, token] = ['username', 'password', 'auth', 'identity_token'].map((name) => auth.text(name));
  auth.end();
  const tls = fields.object('tls');
  const [caFile, certFile, keyFile] = ['ca_file', 'cert_file', 'key_file'].map((name) => tls.text(name));
  const skipVerify = tls.flag('insecure_skip_verify');
  if ((certFile === undefined) !== (keyFile === undefined))
    fields.errors.push(invalidValue(tls.at('cert_file'), certFile ?? null, 'must be there together with key_file'));
  tls.end();
  fields.end();
  const words = both === undefined ? username !== undefined && { username, password: password ?? '' } : { auth: both };
  const given = words || (token !== undefined && { identityToken: token });
  return { skipVerify, caFile, certFile, keyFile, auth: given || undefined };
}

/** What a registry's hosts are told at a pull, one after the other: a pull takes one credential, and containerd gives it to its host alone. */
export function registryCredentials(registries: readonly Registry[], name: string): readonly RegistryAuth[] {
  const registry = registries.find((one) => one.name === name) ?? registries.find((one) => one.name === '*');
  return (registry?.hosts ?? []).flatMap(({ url, auth }) => (auth ? [{ ...auth, serverAddress: new URL(url).origin }] : []));
}

const mark = '# Written by Minke at every start: changes are lost.';

/** A `hosts.toml`. JSON's strings, booleans and lists are TOML's too. */
export function hostsToml({ name, hosts }: Registry): string {
  const lines = [mark];
  if (name !== '*') lines.push(`server = ${JSON.stringify(serverOf(name))}`);
  for (const { url, skipVerify, caFile, certFile, keyFile } of hosts) {
    const { pathname } = new URL(url);
    const own = pathname !== '/' && pathname !== '';
    lines.push('', `[host.${JSON.stringify(url)}]`, 'capabilities = ["pull", "resolve"]');
    if (own) lines.push('override_path = true');
    if (skipVerify) lines.push('skip_verify = true');
    if (caFile !== undefined) lines.push(`ca = ${JSON.stringify(caFile)}`);
    if (certFile !== undefined) lines.push(`client = [[${JSON.stringify(certFile)}, ${JSON.stringify(keyFile)}]]`);
  }
  return `${lines.join('\n')}\n`;
}

/** Asked as containerd asks any other, a registry on loopback by plain HTTP: its password, if any, goes with the pull. */
const isPlain = ({ name, hosts }: Registry): boolean =>
  hosts.every((host) => host.url === serverOf(name) && !host.skipVerify && host.caFile === undefined && host.certFile === undefined);

/** Puts the files in place of those that an earlier start wrote. What somebody else put there stays. */
export async function writeRegistries(fs: FileSystem, directory: string, registries: readonly Registry[]): Promise<void> {
  await fs.mkdir(directory, { mode: 0o711 });
  const told = registries.filter((registry) => !isPlain(registry));
  const wanted = new Map(told.map((registry) => [registry.name === '*' ? '_default' : registry.name, hostsToml(registry)]));
  for (const { name } of await fs.list(directory)) {
    const own = (await fs.readText(join(directory, name, 'hosts.toml')))?.startsWith(mark);
    if (own && !wanted.has(name)) await fs.remove(join(directory, name));
  }
  for (const [name, text] of wanted) {
    await fs.mkdir(join(directory, name), { mode: 0o700 });
    await fs.write(join(directory, name, 'hosts.toml'), text, { mode: 0o600 });
  }
}
