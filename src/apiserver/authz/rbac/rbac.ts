// The RBAC authorizer: its index follows the watch cache, and is brought up to date when it is asked. So it is never behind an acknowledged write.
import type { KubeObject, V1ClusterRole, V1PolicyRule, V1Role } from '../../../api/mod.ts';
import type { UserInfo } from '../../../client/mod.ts';
import type { Registry } from '../../registry/registry.ts';
import type { Resource } from '../../registry/resource.ts';
import type { Attributes, Authorizer, Decision } from '../authorizer.ts';
import { BindingIndex, type BindingObject, roleKeyOf } from './index-of-bindings.ts';

export interface RbacAuthorizer extends Authorizer {
  decide(attributes: Attributes): Decision;
  /** Every rule that a user has at cluster scope and in the namespace; and which roles that are bound are missing. */
  rulesFor(user: UserInfo, namespace: string): { readonly rules: readonly V1PolicyRule[]; readonly problems: readonly string[] };
  /** Undefined: the role is not there. */
  rulesOf(roleRef: BindingObject['roleRef'], namespace: string): readonly V1PolicyRule[] | undefined;
}

/** One of the four resources, and how far its changes are known. */
interface Followed {
  readonly resource: Resource;
  readonly set: (index: BindingIndex, key: string, object: KubeObject | undefined, last: KubeObject) => void;
  seen: number;
}

const setRole: Followed['set'] = (index, _key, object, last) => {
  const { namespace = '', name = '' } = last.metadata ?? {};
  index.setRole(roleKeyOf(namespace, name), object && ((object as V1Role | V1ClusterRole).rules ?? []));
};
const setBinding: Followed['set'] = (index, key, object) => index.setBinding(key, object as BindingObject | undefined);

const resources: readonly (readonly [string, Followed['set']])[] = [
  ['roles', setRole],
  ['clusterroles', setRole],
  ['rolebindings', setBinding],
  ['clusterrolebindings', setBinding],
];

/** Resources that are not served grant nothing. */
export function createRbacAuthorizer(registry: Pick<Registry, 'find'>): RbacAuthorizer {
  let index = new BindingIndex();
  const followed: Followed[] = resources.flatMap(([resource, set]) => {
    const found = registry.find({ group: 'rbac.authorization.k8s.io', version: 'v1', resource });
    return found ? [{ resource: found, set, seen: -1 }] : [];
  });
  const load = (one: Followed) => {
    for (const { key, object } of one.resource.cache.page({}).entries) one.set(index, key, object, object);
    one.seen = one.resource.cache.lastChange;
  };
  const reload = () => {
    index = new BindingIndex();
    for (const one of followed) load(one);
  };
  const upToDate = (): BindingIndex => {
    for (const one of followed) {
      const { cache } = one.resource;
      if (cache.lastChange === one.seen) continue;
      if (one.seen < cache.ring.floor) {
        reload();
        return index;
      }
      for (const { key, next, previous } of cache.ring.after(one.seen)) {
        const last = (next ?? previous)?.object;
        if (last) one.set(index, key, next?.object, last);
      }
      one.seen = cache.lastChange;
    }
    return index;
  };
  return {
    decide: (attributes) => upToDate().decide(attributes),
    rulesFor: (user, namespace) => upToDate().rulesFor(user, namespace),
    rulesOf: (roleRef, namespace) => upToDate().rulesOf(roleRef, namespace),
  };
}
