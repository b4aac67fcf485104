// Bootstrap tokens: Secrets of kube-system by which machines that join prove that they may. Pure.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
import type { V1Secret } from '../generated/types.gen.ts';
import { parseTime } from '../meta/time.ts';

export const bootstrapTokenType = 'bootstrap.kubernetes.io/token';
export const bootstrapTokenNamespace = 'kube-system';
/** Every bootstrap token's user is in it. */
export const bootstrappersGroup = 'system:bootstrappers';

export const bootstrapTokenName = (id: string): string => `bootstrap-token-${id}`;

export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
  /** Undefined: never. A time that cannot be read is long over. */
  readonly expiresMs: number | undefined;
  /** It says who its bearer is. */
  readonly authenticates: boolean;
  /** It signs the config map `cluster-info`. */
  readonly signs: boolean;
  /** Undefined when a name among them is not allowed: such a token authenticates nobody. */
  readonly groups: readonly string[] | undefined;
}

const idForm = /^[a-z0-9]{6}$/;
const groupForm = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/** What a Secret says; undefined when it is no bootstrap token, or its name is another's. */
export function readBootstrapToken(object: V1Secret): BootstrapToken | undefined {
  if (object.type !== bootstrapTokenType) return undefined;
  const text = (key: string): string => Buffer.from(object.data?.[key] ?? '', 'base64').toString('utf8');
  const [id, secret, expiration] = [text('token-id'), text('token-secret'), text('expiration')];
  if (!idForm.test(id) || secret === '' || object.metadata?.name !== bootstrapTokenName(id)) return undefined;
  const extra = text('auth-extra-groups')
    .split(',')
    .map((group) => group.trim())
    .filter((group) => group !== '');
  return {
    id,
    secret,
    expiresMs: expiration === '' ? undefined : (parseTime(expiration) ?? 0),
    authenticates: text('usage-bootstrap-authentication') === 'true',
    signs: text('usage-bootstrap-signing') === 'true',
    groups: extra.every((group) => groupForm.test(group)) ? [...new Set([bootstrappersGroup, ...extra])].sort() : undefined,
  };
}

export const isExpired = ({ expiresMs }: BootstrapToken, nowMs: number): boolean => expiresMs !== undefined && expiresMs <= nowMs;
