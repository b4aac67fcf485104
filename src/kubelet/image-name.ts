// Image names as users write them, and the credentials that a registry gets.
import type { V1Secret } from '../api/mod.ts';
import { keyFits } from './credentials/match.ts';
import type { RegistryAuth } from './cri/runtime.ts';

const domain =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?$|^\[[0-9a-fA-F:]+\](?::[0-9]+)?$/;
const component = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const tagForm = /^[\w][\w.-]{0,127}$/;
const digestForm = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

export interface ImageName {
  /** `docker.io`, `localhost:5000` */
  readonly registry: string;
  /** `library/busybox` */
  readonly repository: string;
  /** With the default tag where there was none. */
  readonly reference: string;
}

/** Undefined when the text is no image name. Source: https://github.com/distribution/reference (grammar). */
export function parseImageName(text: string): ImageName | undefined {
  const [beforeDigest = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !digestForm.test(digest))) return undefined;
  const slash = beforeDigest.lastIndexOf('/');
  const colon = beforeDigest.indexOf(':', slash + 1);
  const tag = colon < 0 ? undefined : beforeDigest.slice(colon + 1);
  const name = colon < 0 ? beforeDigest : beforeDigest.slice(0, colon);
  if (name === '' || name.length > 255 || (tag !== undefined && !tagForm.test(tag))) return undefined;
  const parts = name.split('/');
  const first = parts[0] ?? '';
  const hasRegistry =
    parts.length > 1 && (first.includes('.') || first.includes(':') || first === 'localhost' || first !== first.toLowerCase());
  const registry = hasRegistry ? first : 'docker.io';
  const path = hasRegistry ? parts.slice(1) : parts;
  if (hasRegistry && !domain.test(registry)) return undefined;
  if (!path.every((part) => component.test(part))) return undefined;
  const repository = !hasRegistry && path.length === 1 ? `library/${path[0]}` : path.join('/');
  return { registry, repository, reference: tag === undefined && digest === undefined ? `${text}:latest` : text };
}

interface DockerConfig {
  readonly auths?: Readonly<Record<string, RegistryAuth & { readonly identitytoken?: string; readonly registrytoken?: string }>>;
}

/** The credentials in pull secrets that fit an image, the most specific first. Malformed secrets hold none. */
export function pullCredentials(name: ImageName, secrets: readonly V1Secret[]): RegistryAuth[] {
  const found: { key: string; auth: RegistryAuth }[] = [];
  for (const secret of secrets) {
    for (const [key, auth] of Object.entries(authsOf(secret))) {
      if (keyFits(key, name)) found.push({ key, auth: credential(auth) });
    }
  }
  found.sort((a, b) => b.key.length - a.key.length);
  return found.map((one) => one.auth);
}

function authsOf(secret: V1Secret): NonNullable<DockerConfig['auths']> {
  const decode = (base64: string) => Buffer.from(base64, 'base64').toString('utf8');
  try {
    const modern = secret.data?.['.dockerconfigjson'];
    if (modern) return (JSON.parse(decode(modern)) as DockerConfig).auths ?? {};
    const old = secret.data?.['.dockercfg'];
    return old ? (JSON.parse(decode(old)) as NonNullable<DockerConfig['auths']>) : {};
  } catch {
    return {};
  }
}

/** No server's address in it: it would have to be that of the host that is asked, not the key, for containerd to use the rest. */
function credential(auth: NonNullable<DockerConfig['auths']>[string]): RegistryAuth {
  const { username, password, auth: both, identitytoken, registrytoken } = auth;
  if (both !== undefined && username === undefined) {
    const text = Buffer.from(both, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon >= 0) return { username: text.slice(0, colon), password: text.slice(colon + 1).replaceAll('\0', '') };
  }
  return {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(identitytoken === undefined ? {} : { identityToken: identitytoken }),
    ...(registrytoken === undefined ? {} : { registryToken: registrytoken }),
  };
}
