// Acting as somebody else, by the Impersonate headers: what is asked for, and the permissions that it takes.
// Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
import { badRequest } from '../../api/mod.ts';
import type { UserInfo } from '../../client/mod.ts';
import { decodeHeaderKey, type EdgeRequest, fieldsOf } from '../http/exchange.ts';

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

type Request = Pick<EdgeRequest, 'headers' | 'fieldsOf'>;

const extraPrefix = 'impersonate-extra-';
const serviceAccountName = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** Undefined when no header asks for it. Throws 400 for groups, uid or extra without a user. */
export function readImpersonation(request: Request): Impersonation | undefined {
  const name = fieldsOf(request, 'impersonate-user')[0];
  const groups = fieldsOf(request, 'impersonate-group');
  const uid = fieldsOf(request, 'impersonate-uid')[0];
  const extra = readExtra(request);
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

function readExtra(request: Request): Record<string, readonly string[]> {
  const extra: Record<string, readonly string[]> = {};
  for (const name of Object.keys(request.headers)) {
    if (name.startsWith(extraPrefix)) extra[decodeHeaderKey(name.slice(extraPrefix.length))] = fieldsOf(request, name);
  }
  return extra;
}
