// Acting as somebody else, by the Impersonate headers: what is asked for, and the permissions that it takes.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
import { badRequest } from '../../api/mod.ts';
import type { UserInfo } from '../../client/mod.ts';
import type { IncomingHeaders } from '../http/exchange.ts';

/** One permission needed: verb `impersonate` on this. */
export interface ImpersonatedResource {
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

export interface Impersonation {
  readonly user: UserInfo;
  readonly needs: readonly ImpersonatedResource[];
}

const extraPrefix = 'impersonate-extra-';
const serviceAccountName = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** Undefined when no header asks for it. Throws 400 for groups, uid or extra without a user. */
export function readImpersonation(headers: IncomingHeaders): Impersonation | undefined {
  const name = valuesOf(headers, 'impersonate-user')[0];
  const groups = valuesOf(headers, 'impersonate-group');
  const uid = valuesOf(headers, 'impersonate-uid')[0];
  const extra = readExtra(headers);
  if (name === undefined || name === '') {
    if (groups.length === 0 && uid === undefined && Object.keys(extra).length === 0) return undefined;
    throw badRequest('requested to impersonate groups, uid or extra without impersonating a user');
  }
  const account = serviceAccountName.exec(name);
  const needs: ImpersonatedResource[] = [
    account
      ? { ...core, resource: 'serviceaccounts', namespace: account[1] ?? '', name: account[2] ?? '' }
      : { ...core, resource: 'users', name },
    ...groups.map((group) => ({ ...core, resource: 'groups', name: group })),
    ...(uid === undefined ? [] : [{ ...core, group: 'authentication.k8s.io', resource: 'uids', name: uid }]),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ ...core, group: 'authentication.k8s.io', resource: 'userextras', subresource: key, name: value })),
    ),
  ];
  const user: UserInfo = {
    name,
    groups: withDefaultGroups(name, groups, account?.[1]),
    ...(uid === undefined ? {} : { uid }),
    ...(Object.keys(extra).length === 0 ? {} : { extra }),
  };
  return { user, needs };
}

const core = { group: '', subresource: '', namespace: '' };

function withDefaultGroups(name: string, groups: readonly string[], accountNamespace: string | undefined): readonly string[] {
  if (name === 'system:anonymous') return groups.length > 0 ? groups : ['system:unauthenticated'];
  const own =
    groups.length > 0 || accountNamespace === undefined ? groups : ['system:serviceaccounts', `system:serviceaccounts:${accountNamespace}`];
  if (own.includes('system:authenticated') || own.includes('system:unauthenticated')) return own;
  return [...own, 'system:authenticated'];
}

function valuesOf(headers: IncomingHeaders, name: string): readonly string[] {
  const value = headers[name];
  // Node joins repeated fields of names it does not know with a comma; group names hold none.
  const joined = value === undefined ? [] : typeof value === 'string' ? [value] : value;
  return name === 'impersonate-group' ? joined.flatMap((text) => text.split(',').map((part) => part.trim())) : joined;
}

function readExtra(headers: IncomingHeaders): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = {};
  for (const name of Object.keys(headers)) {
    if (!name.startsWith(extraPrefix)) continue;
    const value = headers[name];
    const key = decodeKey(name.slice(extraPrefix.length));
    extra[key] = value === undefined ? [] : typeof value === 'string' ? value.split(', ') : value;
  }
  return extra;
}

function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
