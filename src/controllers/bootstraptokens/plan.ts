// The signatures of the config map `cluster-info`: one by each bootstrap token that signs, so that whoever holds a token knows
// the real one. Pure. Source: https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#configmap-signing
import { createHmac } from 'node:crypto';
import { type BootstrapToken, isExpired, sameMeaning } from '../../api/mod.ts';

const kubeconfigKey = 'kubeconfig';
const signaturePrefix = 'jws-kubeconfig-';

/** A JSON Web Signature (HS256) without its content: RFC 7515, appendix F. */
export function detachedSignature(content: string, { id, secret }: Pick<BootstrapToken, 'id' | 'secret'>): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: id })).toString('base64url');
  const signed = `${header}.${Buffer.from(content).toString('base64url')}`;
  return `${header}..${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

/** The config map's data with the signatures that it should have; the very same object when it has them. */
export function signedData(
  data: Readonly<Record<string, string>>,
  tokens: readonly BootstrapToken[],
  nowMs: number,
): Readonly<Record<string, string>> {
  const content = data[kubeconfigKey];
  if (content === undefined) return data;
  const others = Object.entries(data).filter(([key]) => !key.startsWith(signaturePrefix));
  const signatures = tokens
    .filter((token) => token.signs && !isExpired(token, nowMs))
    .map((token) => [`${signaturePrefix}${token.id}`, detachedSignature(content, token)] as const);
  const wanted = Object.fromEntries([...others, ...signatures]);
  return sameMeaning(wanted, data) ? data : wanted;
}
